import { useState } from 'react'
import type { Command } from '../../api/client.ts'
import { useServices, useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { DetailsDialog } from '../details/details-dialog.tsx'
import { openWorkspace } from '../open/open-workspace.ts'
import { SharedLine } from '../sharing/shared-line.tsx'
import { Activity } from './activity.tsx'
import { CardActions } from './card-actions.tsx'
import { DeleteDialog } from './delete-dialog.tsx'
import { ErrorNote } from './error-note.tsx'
import { OutlookLine } from './outlook-line.tsx'
import { allowed } from './rules.ts'
import { SleepNote } from './sleep-note.tsx'
import { StateLine, StateTile } from './state.tsx'
import { useAction } from './use-action.ts'

export function WorkspaceCard({ id }: { id: string }) {
  const workspace = useWorkspaces((state) => state.byId[id])
  const { client } = useServices()
  const { pending, problem, run, dismiss } = useAction<'open' | Command>(id)
  const [dialog, setDialog] = useState<'details' | 'sharing' | 'delete' | null>(null)

  if (workspace === undefined) return null
  const { name } = workspace
  const nameId = `name-${id}`
  const command = (what: Command) => void run(what, () => client.command(id, what))
  const close = () => setDialog(null)

  return (
    <li className="card" aria-labelledby={nameId} data-state={workspace.display_status}>
      <div className="card-row">
        <StateTile state={workspace.display_status} busy={workspace.operation !== 'NONE'} />
        <div className="card-text">
          <h2 id={nameId} className="card-name" title={workspace.description || name}>
            {name}
          </h2>
          <StateLine workspace={workspace} />
          <OutlookLine workspace={workspace} />
          <SharedLine sharing={workspace.sharing} onOpen={() => setDialog('sharing')} />
        </div>
        <CardActions
          workspace={workspace}
          pending={pending}
          onOpen={() => void run('open', () => openWorkspace(client, id, name), { changes: false })}
          onCommand={command}
          onShare={() => setDialog('sharing')}
          onDetails={() => setDialog('details')}
          onDelete={() => setDialog('delete')}
        />
      </div>
      <Activity workspace={workspace} />
      <SleepNote workspace={workspace} />
      {workspace.status === 'ERROR' && (
        <ErrorNote workspace={workspace}>
          {allowed(workspace).retry && (
            <Button pending={pending === 'retry'} onClick={() => pending === null && command('retry')}>
              {messages.action.retry}
            </Button>
          )}
        </ErrorNote>
      )}
      {problem !== null && <ProblemNote problem={problem} onDismiss={dismiss} />}
      {dialog === 'details' && <DetailsDialog workspace={workspace} onClose={close} />}
      {dialog === 'sharing' && <DetailsDialog tab="sharing" workspace={workspace} onClose={close} />}
      {dialog === 'delete' && <DeleteDialog workspace={workspace} onClose={close} />}
    </li>
  )
}
