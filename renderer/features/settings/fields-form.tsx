import { useState, type ReactNode, type SubmitEvent } from 'react'
import type { PatchSettings, Settings } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { Field } from '../../ui/field.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useCall } from '../../ui/use-call.ts'
import { focusFirst } from '../workspaces/focus-first.ts'
import {
  check,
  fieldsOf,
  SETTING,
  toPatch,
  type FieldName,
  type PreferenceErrors,
  type PreferenceFields,
} from './preferences-form.ts'

interface FieldsFormProps {
  settings: Settings
  onSave: (part: PatchSettings) => Promise<void>
  /** `field` makes one; the hint is what is said below it. */
  children: (field: (name: FieldName, label: string, unit?: string, hint?: string) => ReactNode) => ReactNode
}

/** Some of the fields, saved together. */
export function FieldsForm({ settings, onSave, children }: FieldsFormProps) {
  const [edits, setEdits] = useState<Partial<PreferenceFields>>({})
  const [errors, setErrors] = useState<PreferenceErrors>({})
  const [saved, setSaved] = useState(false)
  const { pending, problem, run } = useCall<'save'>()
  const before = fieldsOf(settings)
  const fields = { ...before, ...edits }

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (pending !== null) return
    const found = check(fields, before)
    setErrors(found)
    if (focusFirst(event.currentTarget, found)) return
    void run('save', async () => {
      await onSave(toPatch(fields, before))
      setEdits({})
      setSaved(true)
    })
  }

  function field(name: FieldName, label: string, unit?: string, hint?: string): ReactNode {
    const fixed = settings.fixed.includes(SETTING[name])
    const said = fixed ? messages.preferences.fixed(SETTING[name]) : hint
    return (
      <Field
        name={name}
        label={label}
        value={fields[name]}
        error={errors[name]}
        disabled={fixed || pending !== null}
        {...(unit !== undefined && { unit })}
        {...(said !== undefined && { hint: said })}
        onChange={({ target }) => {
          setEdits({ ...edits, [name]: target.value })
          setErrors({ ...errors, [name]: undefined })
          setSaved(false)
        }}
      />
    )
  }

  return (
    <form className="form" noValidate onSubmit={submit}>
      {children(field)}
      {problem !== null && <ProblemNote problem={problem} />}
      <div className="dialog-actions">
        <span className="saved" role="status">
          {saved && messages.settings.saved}
        </span>
        <Button type="submit" look="primary" pending={pending !== null}>
          {messages.action.save}
        </Button>
      </div>
    </form>
  )
}
