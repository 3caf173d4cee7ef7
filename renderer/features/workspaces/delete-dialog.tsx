import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { nextChange } from '../../store/workspaces.ts'
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx'
import { useSystem } from '../frame/use-system.ts'

const words = messages.remove

export function DeleteDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const { client, workspaces } = useServices()
  const system = useSystem()
  const { id, home_path: home, display_status: state } = workspace

  async function remove() {
    const seen = workspaces.getState().byId[id]
    await client.remove(id)
    await nextChange(workspaces, id, seen)
  }

  return (
    <ConfirmDialog
      title={words.title(workspace.name)}
      action={messages.action.remove}
      onConfirm={remove}
      onClose={onClose}
    >
      <ul className="removal">
        <li>{words.container}</li>
        <li>
          {home !== null ? words.home : state === 'ARCHIVED' ? words.archived : words.homeNowhere}
          {home !== null && <code className="removal-path">{home}</code>}
        </li>
      </ul>
      {system !== null && <p className="dialog-text">{words.grace(system.trash_days)}</p>}
    </ConfirmDialog>
  )
}
