import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useAction } from './use-action.ts'

export function DeleteDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const { client } = useServices()
  const { pending, problem, run } = useAction<'remove'>(workspace.id)

  const remove = () =>
    run('remove', async () => {
      await client.remove(workspace.id)
      onClose()
    })

  return (
    <Dialog title={messages.remove.title(workspace.name)} busy={pending !== null} onClose={onClose}>
      <p>{messages.remove.intro}</p>
      <ul className="removal">
        <li>{messages.remove.container}</li>
        <li>
          {workspace.home_path === null ? messages.remove.homeNowhere : messages.remove.home}
          {workspace.home_path !== null && <code className="removal-path">{workspace.home_path}</code>}
        </li>
      </ul>
      {problem !== null && <ProblemNote problem={problem} />}
      <div className="dialog-actions">
        <Button data-autofocus onClick={onClose}>
          {messages.action.cancel}
        </Button>
        <Button look="danger" pending={pending !== null} onClick={() => void remove()}>
          {messages.action.remove}
        </Button>
      </div>
    </Dialog>
  )
}
