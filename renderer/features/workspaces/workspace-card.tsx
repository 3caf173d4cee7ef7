import type { ComponentProps, KeyboardEvent } from 'react'
import type { Command } from '../../api/client.ts'
import { useServices, useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { openWorkspace } from '../open/open-workspace.ts'
import { SharedLine } from '../sharing/shared-line.tsx'
import { UsageLine } from '../usage/usage-line.tsx'
import { Activity } from './activity.tsx'
import { CardActions } from './card-actions.tsx'
import { ErrorNote } from './error-note.tsx'
import { OutlookLine } from './outlook-line.tsx'
import { allowed } from './rules.ts'
import { SleepNote } from './sleep-note.tsx'
import { StateLine, StateTile } from './state.tsx'
import { useAction } from './use-action.ts'
import type { DialogWish } from './workspace-dialog.tsx'

interface WorkspaceCardProps extends ComponentProps<'li'> {
  id: string
  onDialog: (wish: DialogWish) => void
}

/** A workspace as an item of the list; `item` is its place there. */
export function WorkspaceCard({ id, onDialog, ...item }: WorkspaceCardProps) {
  const workspace = useWorkspaces((state) => state.byId[id])
  const { client } = useServices()
  const { pending, problem, run, dismiss } = useAction<'open' | Command>(id)

  if (workspace === undefined) return null
  const { name } = workspace
  const nameId = `name-${id}`
  const command = (what: Command) => void run(what, () => client.command(id, what))
  const open = () => void run('open', () => openWorkspace(client, id, name), { changes: false })
  const show = (what: DialogWish['what']) => onDialog({ id, what })

  const press = (event: KeyboardEvent<HTMLLIElement>) => {
    if (event.key !== 'Enter' || event.target !== event.currentTarget || pending !== null) return
    if (allowed(workspace).open) open()
    else show('details')
  }

  return (
    <li
      {...item}
      className="card"
      aria-labelledby={nameId}
      data-id={id}
      data-state={workspace.display_status}
      onKeyDown={press}
    >
      <div className="card-row">
        <StateTile state={workspace.display_status} busy={workspace.operation !== 'NONE'} />
        <div className="card-text">
          <h2 id={nameId} className="card-name" title={workspace.description || name}>
            {name}
          </h2>
          <StateLine workspace={workspace} />
          <OutlookLine workspace={workspace} />
          <UsageLine workspace={workspace} />
          <SharedLine sharing={workspace.sharing} onOpen={() => show('sharing')} />
        </div>
        <CardActions
          workspace={workspace}
          pending={pending}
          onOpen={open}
          onCommand={command}
          onShare={() => show('sharing')}
          onDetails={() => show('details')}
          onDelete={() => show('delete')}
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
    </li>
  )
}
