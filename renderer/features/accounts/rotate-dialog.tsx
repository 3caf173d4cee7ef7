import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { rotate } from '../../store/session.ts'
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx'

const words = messages.rotate

/** New secrets for everything, after saying what ends with the old ones. */
export function RotateDialog({ onClose }: { onClose: () => void }) {
  const { client, session } = useServices()
  return (
    <ConfirmDialog
      title={words.title}
      action={words.submit}
      onConfirm={() => rotate(session, client)}
      onClose={onClose}
    >
      <p className="dialog-text">{words.text}</p>
      <ul className="removal" role="list">
        {words.ends.map((what) => (
          <li key={what}>{what}</li>
        ))}
      </ul>
      <p className="dialog-text">{words.stays}</p>
    </ConfirmDialog>
  )
}
