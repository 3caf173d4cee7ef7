import { useState, type SubmitEvent } from 'react'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useCall } from '../../ui/use-call.ts'
import { focusFirst } from '../workspaces/focus-first.ts'
import { checkAccount, type Errors, type NewAccount } from './account-form.ts'

const words = messages.account

export function AddAccountDialog({ onDone, onClose }: { onDone: () => void; onClose: () => void }) {
  const { client } = useServices()
  const [fields, setFields] = useState<NewAccount>({ name: '', password: '' })
  const [errors, setErrors] = useState<Errors<NewAccount>>({})
  const { pending, problem, run } = useCall<'add'>()

  const bind = (name: keyof NewAccount) => ({
    name,
    value: fields[name],
    error: errors[name],
    onChange: (event: { target: { value: string } }) => {
      setFields({ ...fields, [name]: event.target.value })
      setErrors({ ...errors, [name]: undefined })
    },
  })

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (pending !== null) return
    const found = checkAccount(fields)
    setErrors(found)
    if (focusFirst(event.currentTarget, found)) return
    void run('add', async () => {
      await client.addAccount(fields.name.trim(), fields.password)
      onDone()
      onClose()
    })
  }

  return (
    <Dialog title={words.add} busy={pending !== null} onClose={onClose}>
      <form className="form" noValidate onSubmit={submit}>
        <Field label={words.name} data-autofocus {...bind('name')} />
        <Field
          label={words.newPassword}
          type="password"
          autoComplete="new-password"
          hint={words.passwordHint}
          {...bind('password')}
        />
        {problem !== null && <ProblemNote problem={problem} />}
        <div className="dialog-actions">
          <Button onClick={onClose} disabled={pending !== null}>
            {messages.action.cancel}
          </Button>
          <Button type="submit" look="primary" pending={pending !== null}>
            {words.addSubmit}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
