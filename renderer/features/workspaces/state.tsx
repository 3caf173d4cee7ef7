import type { ReactNode } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { AlertIcon, ArchiveIcon, BerthIcon, MooredIcon, SailingIcon } from '../../ui/icons.tsx'
import { useNow } from '../../ui/use-now.ts'

type Shown = Exclude<Workspace['display_status'], 'DELETED'>

const ICONS: Record<Shown, ReactNode> = {
  PENDING: <BerthIcon />,
  STANDBY: <MooredIcon />,
  RUNNING: <SailingIcon />,
  ARCHIVED: <ArchiveIcon />,
  ERROR: <AlertIcon />,
}

/** The store drops a deleted workspace, so this state is never seen; the type does not know. */
export function shown(state: Workspace['display_status']): Shown {
  return state === 'DELETED' ? 'PENDING' : state
}

/** The state as a picture; the words beside it say the same. */
export function StateTile({ state, busy }: { state: Workspace['display_status']; busy: boolean }) {
  return (
    <span className="tile" data-busy={busy || undefined} aria-hidden="true">
      {ICONS[shown(state)]}
    </span>
  )
}

export function StateLine({ workspace }: { workspace: Workspace }) {
  const state = shown(workspace.display_status)
  return (
    <p className="facts">
      <span className="state" data-testid="state" aria-live="polite" title={messages.list.stateHint[state]}>
        {messages.state[state]}
      </span>
      {workspace.operation === 'NONE' && state !== 'RUNNING' && state !== 'PENDING' && (
        <span>
          <LastUsed at={workspace.last_access_at} />
        </span>
      )}
      <span>{messages.list.cpus(workspace.cpus)}</span>
      <span>{messages.list.memory(workspace.memory_bytes)}</span>
      <span className="facts-image" title={workspace.image_ref}>
        {workspace.image_ref}
      </span>
    </p>
  )
}

function LastUsed({ at }: { at: string }) {
  return messages.list.used(useNow(30_000) - Date.parse(at))
}
