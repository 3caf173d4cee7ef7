import type { ReactNode } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'
import { useNow } from '../../ui/use-now.ts'
import { awake, outlook } from '../workspaces/outlook.ts'
import { shown } from '../workspaces/state.tsx'

const words = messages.overview

/** Where a workspace stands, why, and what happens next. */
export function Overview({ workspace }: { workspace: Workspace }) {
  const now = useNow(1_000)
  const state = messages.state[shown(workspace.display_status)]
  const limits = [messages.list.cpus(workspace.cpus), messages.list.memory(workspace.memory_bytes)]
  return (
    <dl className="overview">
      <Fact name={words.state}>{words.since(state, moment(workspace.status_since, now))}</Fact>
      <Fact name={words.why}>{workspace.status_reason}</Fact>
      <Fact name={words.next}>{next(workspace, now)}</Fact>
      <Fact name={words.home}>{home(workspace)}</Fact>
      <Fact name={words.connections}>{workspace.activity.connections}</Fact>
      <Fact name={words.awake}>{awake(workspace, now) ?? words.awakeNot}</Fact>
      <Fact name={words.image}>
        <code>{workspace.image_ref}</code>
      </Fact>
      <Fact name={words.limits}>{limits.join(', ')}</Fact>
      <Fact name={words.created}>{moment(workspace.created_at, now)}</Fact>
      <Fact name={words.used}>{moment(workspace.last_access_at, now)}</Fact>
    </dl>
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
