import { useId, useState, type ReactNode } from 'react'
import { useStore } from 'zustand'
import type { User } from '../../../main/core/api.ts'
import { useServices, useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { signOut } from '../../store/session.ts'
import { Button } from '../../ui/button.tsx'
import { PersonIcon } from '../../ui/icons.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useCall } from '../../ui/use-call.ts'
import { useLoaded } from '../../ui/use-loaded.ts'
import { SettingsDialog } from '../settings/settings-dialog.tsx'
import { AccountsDialog } from './accounts-dialog.tsx'
import { PasswordDialog } from './password-dialog.tsx'
import { RotateDialog } from './rotate-dialog.tsx'

const words = messages.account
type Shown = 'password' | 'accounts' | 'rotate' | 'settings'

/** Who is signed in, and what they can do about it. */
export function AccountMenu() {
  const user = useUser()
  const { client, session } = useServices()
  const { pending, problem, run } = useCall<'sign-out'>()
  const [shown, setShown] = useState<Shown | null>(null)
  const id = useId()
  if (user === null) return null

  const item = (name: Shown, label: ReactNode) => (
    <Button look="quiet" popoverTarget={id} popoverTargetAction="hide" onClick={() => setShown(name)}>
      {label}
    </Button>
  )
  const close = () => setShown(null)

  return (
    <>
      <Button look="quiet" popoverTarget={id} title={words.menu}>
        <PersonIcon /> <span className="header-name header-word">{user.name}</span>
      </Button>
      <div id={id} popover="auto" className="menu" role="group" aria-label={words.menu}>
        <p className="menu-who">
          {words.signedInAs} <strong>{user.name}</strong>
        </p>
        {user.desktop && item('settings', messages.preferences.open)}
        {item('password', user.desktop ? words.setPassword : words.changePassword)}
        {user.desktop && item('accounts', words.accounts)}
        {user.desktop && item('rotate', messages.account.rotate)}
        {/* The desktop app signs its own user in by itself, again and again. */}
        {window.berth === undefined && (
          <Button
            look="quiet"
            pending={pending !== null}
            onClick={() => void run('sign-out', () => signOut(session, client))}
          >
            {words.signOut}
          </Button>
        )}
        {problem !== null && <ProblemNote problem={problem} />}
      </div>
      {shown === 'password' && <PasswordDialog account={user} own={user} onClose={close} />}
      {shown === 'accounts' && <AccountsDialog own={user} onClose={close} />}
      {shown === 'settings' && <SettingsDialog onClose={close} />}
      {shown === 'rotate' && <RotateDialog onClose={close} />}
    </>
  )
}

/** Who is signed in; null until that is known. */
function useUser(): User | null {
  const { client, session } = useServices()
  const current = useStore(session)
  const known = current.status === 'signed-in' ? current.user : null
  const connected = useWorkspaces((state) => state.connection === 'open')
  const asked = useLoaded(() => client.user(), known === null && connected && 'user')
  return known ?? asked.value
}
