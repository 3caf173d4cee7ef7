import { useState, type SubmitEvent } from 'react'
import { toApiError, type ApiError } from '../../api/client.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { ChevronIcon } from '../../ui/icons.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Switch } from '../../ui/switch.tsx'
import { BLANK, check, toWish, type CreateErrors, type CreateFields } from './create-form.ts'
import { focusFirst } from './focus-first.ts'

const words = messages.create

export function CreateDialog({ onClose }: { onClose: () => void }) {
  const { client } = useServices()
  const [fields, setFields] = useState(BLANK)
  const [errors, setErrors] = useState<CreateErrors>({})
  const [problem, setProblem] = useState<ApiError | null>(null)
  const [pending, setPending] = useState(false)

  const bind = (name: Exclude<keyof CreateFields, 'sudo'>) => ({
    name,
    value: fields[name],
    error: errors[name],
    onChange: (event: { target: { value: string } }) => {
      setFields({ ...fields, [name]: event.target.value })
      setErrors({ ...errors, [name]: undefined })
    },
  })

  async function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (pending) return
    const found = check(fields)
    setErrors(found)
    setProblem(null)
    if (focusFirst(event.currentTarget, found)) return
    setPending(true)
    try {
      await client.create(toWish(fields))
      onClose()
    } catch (error) {
      setProblem(toApiError(error))
      setPending(false)
    }
  }

  return (
    <Dialog title={words.title} busy={pending} onClose={onClose}>
      <form className="form" noValidate onSubmit={(event) => void submit(event)}>
        <Field label={words.name} placeholder={words.namePlaceholder} data-autofocus {...bind('name')} />
        <details className="more">
          <summary>
            <ChevronIcon /> {words.more}
          </summary>
          <div className="more-fields">
            <Field label={words.image} placeholder={words.standard} {...bind('image')} />
            <Field label={words.cpus} placeholder={words.standard} inputMode="decimal" {...bind('cpus')} />
            <Field
              label={words.memory}
              unit={words.memoryUnit}
              placeholder={words.standard}
              inputMode="decimal"
              {...bind('memory')}
            />
            <Switch
              label={messages.settings.sudo}
              hint={messages.settings.sudoHint}
              checked={fields.sudo}
              onChange={(sudo) => setFields({ ...fields, sudo })}
            />
          </div>
        </details>
        {problem !== null && <ProblemNote problem={problem} />}
        <div className="dialog-actions">
          <Button onClick={onClose} disabled={pending}>
            {messages.action.cancel}
          </Button>
          <Button type="submit" look="primary" pending={pending}>
            {words.submit}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
