import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx'

const words = messages.duplicate

/** Asks before another workspace like this one is made. */
export function DuplicateDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const { client } = useServices()
  return (
    <ConfirmDialog
      title={words.title(workspace.name)}
      action={messages.action.duplicate}
      look="primary"
      onConfirm={() => client.duplicate(workspace.id)}
      onClose={onClose}
    >
      <p className="dialog-text">{words.text}</p>
      <p className="dialog-text">{words.home}</p>
    </ConfirmDialog>
  )
}
