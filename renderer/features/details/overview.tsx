import { useState, type ReactNode } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { useNow } from '../../ui/use-now.ts'
import { UsageBlock } from '../usage/usage-block.tsx'
import { awake, outlook } from '../workspaces/outlook.ts'
import { allowed } from '../workspaces/rules.ts'
import { shown } from '../workspaces/state.tsx'
import { DuplicateDialog } from './duplicate-dialog.tsx'
import { Memo } from './memo.tsx'

const words = messages.overview

/** Where a workspace stands, why, what happens next, and what a person notes about it. */
export function Overview({ workspace }: { workspace: Workspace }) {
  const now = useNow(1_000)
  const [duplicating, setDuplicating] = useState(false)
  const state = messages.state[shown(workspace.display_status)]
  const limits = [messages.list.cpus(workspace.cpus), messages.list.memory(workspace.memory_bytes)]
  return (
    <>
      <dl className="overview">
        <Fact name={words.state}>{words.since(state, moment(workspace.status_since, now))}</Fact>
        <Fact name={words.why}>{workspace.status_reason}</Fact>
        <Fact name={words.next}>{next(workspace, now)}</Fact>
        <Fact name={words.home}>{home(workspace)}</Fact>
        <Fact name={words.connections}>{workspace.activity.connections}</Fact>
        <Fact name={words.awake}>{awake(workspace, now) ?? words.awakeNot}</Fact>
        {workspace.status === 'RUNNING' && (
          <Fact name={messages.usage.title}>
            <UsageBlock workspace={workspace} />
          </Fact>
        )}
        <Fact name={words.image}>
          <code>{workspace.image_ref}</code>
        </Fact>
        <Fact name={words.limits}>{limits.join(', ')}</Fact>
        <Fact name={words.created}>{moment(workspace.created_at, now)}</Fact>
        <Fact name={words.used}>{moment(workspace.last_access_at, now)}</Fact>
      </dl>
      <Memo key={workspace.id} workspace={workspace} />
      <div className="overview-actions">
        <Button disabled={!allowed(workspace).remove} onClick={() => setDuplicating(true)}>
          {messages.duplicate.open}
        </Button>
      </div>
      {duplicating && <DuplicateDialog workspace={workspace} onClose={() => setDuplicating(false)} />}
    </>
  )
}

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className="overview-fact">
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  )
}

/** Under way is what an operation does; after that, and with a reason where there is one, what comes by itself. */
function next(workspace: Workspace, now: number): string {
  if (workspace.operation !== 'NONE') return messages.operation[workspace.operation]
  return outlook(workspace, now) ?? words.nothing
}

function home({ home_path: path, archive_key: archive }: Workspace): ReactNode {
  if (path !== null) return <code className="path">{path}</code>
  return archive === null ? words.homeNone : words.homeArchived
}
