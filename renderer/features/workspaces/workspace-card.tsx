import { useState } from 'react'
import { useServices, useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { TrashIcon } from '../../ui/icons.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { openWorkspace } from '../open/open-workspace.ts'
import { Activity } from './activity.tsx'
import { DeleteDialog } from './delete-dialog.tsx'
import { ErrorNote } from './error-note.tsx'
import { allowed } from './rules.ts'
import { StateLine, StateTile } from './state.tsx'
import { useAction } from './use-action.ts'

export function WorkspaceCard({ id }: { id: string }) {
  const workspace = useWorkspaces((state) => state.byId[id])
  const { client } = useServices()
  const { pending, problem, run, dismiss } = useAction<'open' | 'start' | 'stop' | 'retry'>(id)
  const [deleting, setDeleting] = useState(false)

  if (workspace === undefined) return null
  const { name } = workspace
  const may = allowed(workspace)
  const nameId = `name-${id}`
  const busy = pending !== null
  const command = (what: 'start' | 'stop' | 'retry') => run(what, () => client.command(id, what))

  return (
    <li className="card" aria-labelledby={nameId} data-state={workspace.display_status}>
      <div className="card-row">
        <StateTile state={workspace.display_status} busy={workspace.operation !== 'NONE'} />
        <div className="card-text">
          <h2 id={nameId} className="card-name" title={name}>
            {name}
          </h2>
          <StateLine workspace={workspace} />
        </div>
        <div className="card-actions">
          <Button
            look="soft"
            disabled={!may.open}
            pending={pending === 'open'}
            onClick={() => void run('open', () => openWorkspace(client, id, name), { changes: false })}
          >
            {messages.action.open}
          </Button>
          {(['start', 'stop'] as const).map((what) => (
            <Button
              key={what}
              disabled={!may[what]}
              pending={pending === what}
              onClick={() => !busy && void command(what)}
            >
              {messages.action[what]}
            </Button>
          ))}
          <Button
            look="quiet"
            icon
            disabled={!may.remove}
            aria-label={messages.action.remove}
            title={messages.action.remove}
            onClick={() => setDeleting(true)}
          >
            <TrashIcon />
          </Button>
        </div>
      </div>
      <Activity workspace={workspace} />
      {workspace.status === 'ERROR' && (
        <ErrorNote workspace={workspace}>
          {may.retry && (
            <Button pending={pending === 'retry'} onClick={() => !busy && void command('retry')}>
              {messages.action.retry}
            </Button>
          )}
        </ErrorNote>
      )}
      {problem !== null && <ProblemNote problem={problem} onDismiss={dismiss} />}
      {deleting && <DeleteDialog workspace={workspace} onClose={() => setDeleting(false)} />}
    </li>
  )
}
