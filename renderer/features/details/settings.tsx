import { useState, type SubmitEvent } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { ChevronIcon } from '../../ui/icons.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Switch } from '../../ui/switch.tsx'
import { useCall } from '../../ui/use-call.ts'
import { focusFirst } from '../workspaces/focus-first.ts'
import { KeepAwake } from './keep-awake.tsx'
import { Variables } from './variables.tsx'
import { check, fieldsOf, toPatch, type SettingsErrors, type SettingsFields } from './settings-form.ts'

const words = messages.settings
type TextField = Exclude<keyof SettingsFields, 'shield' | 'sudo' | 'env'>

export function Settings({ workspace }: { workspace: Workspace }) {
  const { client } = useServices()
  const [before, setBefore] = useState(() => fieldsOf(workspace))
  const [fields, setFields] = useState(before)
  const [errors, setErrors] = useState<SettingsErrors>({})
  const [saved, setSaved] = useState(false)
  const { pending, problem, run } = useCall<'save'>()

  function change(part: Partial<SettingsFields>) {
    setFields({ ...fields, ...part })
    setSaved(false)
  }
  const bind = (name: TextField) => ({
    name,
    value: fields[name],
    error: errors[name],
    onChange: (event: { target: { value: string } }) => {
      change({ [name]: event.target.value })
      setErrors({ ...errors, [name]: undefined })
    },
  })

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (pending !== null) return
    const found = check(fields)
    setErrors(found)
    if (focusFirst(event.currentTarget, found)) return
    void run('save', async () => {
      await client.patch(workspace.id, toPatch(fields, before))
      setBefore(fields)
      setSaved(true)
    })
  }

  return (
    <>
      <KeepAwake workspace={workspace} />
      <form className="form" noValidate onSubmit={submit}>
        <Field label={messages.create.name} {...bind('name')} />
        <Field label={words.description} {...bind('description')} />
        <div className="field-pair">
          <Field label={words.sleepAfter} unit={words.minutes} hint={words.ttlHint} {...bind('sleepAfter')} />
          <Field
            label={words.archiveAfter}
            unit={words.hours}
            hint={words.ttlHint}
            {...bind('archiveAfter')}
          />
        </div>
        <div className="field-pair">
          <Switch
            label={words.shield}
            hint={words.shieldHint}
            checked={fields.shield}
            onChange={(shield) => change({ shield })}
          />
          <Field label={words.cap} unit={words.capUnit} disabled={!fields.shield} {...bind('cap')} />
        </div>
        <details className="more">
          <summary>
            <ChevronIcon /> {words.more}
          </summary>
          <div className="more-fields">
            <Field label={messages.create.image} hint={words.moreHint} {...bind('image')} />
            <Field label={messages.create.cpus} inputMode="decimal" {...bind('cpus')} />
            <Field
              label={messages.create.memory}
              unit={messages.create.memoryUnit}
              inputMode="decimal"
              {...bind('memory')}
            />
            <Switch
              label={words.sudo}
              hint={words.sudoHint}
              checked={fields.sudo}
              onChange={(sudo) => change({ sudo })}
            />
            <Variables
              rows={fields.env}
              error={errors.env}
              onChange={(env) => {
                change({ env })
                setErrors({ ...errors, env: undefined })
              }}
            />
          </div>
        </details>
        {problem !== null && <ProblemNote problem={problem} />}
        <div className="dialog-actions">
          <span className="saved" role="status">
            {saved && words.saved}
          </span>
          <Button type="submit" look="primary" pending={pending !== null}>
            {messages.action.save}
          </Button>
        </div>
      </form>
    </>
  )
}
