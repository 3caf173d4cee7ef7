import { useState } from 'react'
import type { Account, User } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { PlusIcon } from '../../ui/icons.tsx'
import { LoadedList } from '../../ui/loaded-list.tsx'
import { Row } from '../../ui/row.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { AddAccountDialog } from './add-account-dialog.tsx'
import { PasswordDialog } from './password-dialog.tsx'

const words = messages.account
type Shown = { what: 'add' } | { what: 'password' | 'remove'; account: Account }

/** Who has workspaces on this machine; for the desktop's own user, who keeps the accounts. */
export function AccountsDialog({ own, onClose }: { own: User; onClose: () => void }) {
  const { client } = useServices()
  const accounts = useLoaded(() => client.accounts(), 'accounts')
  const [shown, setShown] = useState<Shown | null>(null)
  const close = () => setShown(null)

  return (
    <Dialog wide title={words.title} onClose={onClose}>
      <p className="dialog-text">{words.text}</p>
      <LoadedList {...accounts} none={words.none}>
        {(account) => (
          <Row key={account.id} title={account.name} facts={facts(account)}>
            <Button
              aria-label={words.passwordOf(account.name)}
              onClick={() => setShown({ what: 'password', account })}
            >
              {words.password}
            </Button>
            {!account.desktop && (
              <Button
                look="quiet"
                aria-label={words.removeOf(account.name)}
                onClick={() => setShown({ what: 'remove', account })}
              >
                {words.remove}
              </Button>
            )}
          </Row>
        )}
      </LoadedList>
      <div className="dialog-foot">
        <Button onClick={() => setShown({ what: 'add' })}>
          <PlusIcon /> {words.add}
        </Button>
      </div>
      {shown?.what === 'add' && <AddAccountDialog onDone={accounts.reload} onClose={close} />}
      {shown?.what === 'password' && (
        <PasswordDialog account={shown.account} own={own} onDone={accounts.reload} onClose={close} />
      )}
      {shown?.what === 'remove' && (
        <ConfirmDialog
          title={words.removeTitle(shown.account.name)}
          action={words.remove}
          onConfirm={async () => {
            await client.removeAccount(shown.account.id)
            accounts.reload()
          }}
          onClose={close}
        >
          <p className="dialog-text">{words.removeText}</p>
          <p className="dialog-text">{words.removeKept}</p>
        </ConfirmDialog>
      )}
    </Dialog>
  )
}

function facts({ desktop, workspaces, has_password }: Account): string[] {
  return [
    ...(desktop ? [words.desktop] : []),
    words.workspaces(workspaces),
    has_password ? words.hasPassword : words.noPassword,
  ]
}
