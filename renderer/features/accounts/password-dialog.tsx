import { useState, type SubmitEvent } from 'react'
import type { User } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { Field } from '../../ui/field.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useCall } from '../../ui/use-call.ts'
import { focusFirst } from '../workspaces/focus-first.ts'
import { checkChange, type Errors, type NewPassword } from './account-form.ts'

const words = messages.account
const BLANK: NewPassword = { current: '', password: '', again: '' }

interface PasswordDialogProps {
  /** Whose password. */
  account: Pick<User, 'id' | 'name'>
  /** Who is signed in. */
  own: User
  onDone?: () => void
  onClose: () => void
}

/** A new password: one's own, or, for who keeps the accounts, anybody's. */
export function PasswordDialog({ account, own, onDone, onClose }: PasswordDialogProps) {
  const { client } = useServices()
  const [fields, setFields] = useState(BLANK)
  const [errors, setErrors] = useState<Errors<NewPassword>>({})
  const { pending, problem, run } = useCall<'save'>()
  const isOwn = account.id === own.id
  // The desktop's own user is signed in without one.
  const asksCurrent = !own.desktop

  const bind = (name: keyof NewPassword) => ({
    name,
    type: 'password',
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
    const found = checkChange(fields, asksCurrent)
    setErrors(found)
    if (focusFirst(event.currentTarget, found)) return
    void run('save', async () => {
      await client.patchAccount(account.id, {
        password: fields.password,
        ...(asksCurrent && { current_password: fields.current }),
      })
      onDone?.()
      onClose()
    })
  }

  const title = isOwn ? words.ownTitle : words.passwordTitle(account.name)
  return (
    <Dialog title={title} busy={pending !== null} onClose={onClose}>
      {!isOwn && <p className="dialog-text">{words.passwordText(account.name)}</p>}
      <form className="form" noValidate onSubmit={submit}>
        {asksCurrent && (
          <Field label={words.current} autoComplete="current-password" data-autofocus {...bind('current')} />
        )}
        <Field
          label={words.next}
          autoComplete="new-password"
          hint={words.passwordHint}
          data-autofocus={asksCurrent ? undefined : true}
          {...bind('password')}
        />
        <Field label={words.again} autoComplete="new-password" {...bind('again')} />
        {problem !== null && <ProblemNote problem={problem} />}
        <div className="dialog-actions">
          <Button onClick={onClose} disabled={pending !== null}>
            {messages.action.cancel}
          </Button>
          <Button type="submit" look="primary" pending={pending !== null}>
            {messages.action.save}
          </Button>
        </div>
      </form>
    </Dialog>
  )
}
