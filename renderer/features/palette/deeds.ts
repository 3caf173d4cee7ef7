/** What the palette offers to do with a workspace: what can be done now, and nothing else. Pure. */
import type { Workspace } from '../../../main/core/api.ts'
import { allowed } from '../workspaces/rules.ts'

export type Deed =
  | 'open'
  | 'start'
  | 'restore'
  | 'retry'
  | 'stop'
  | 'keepAwake'
  | 'archive'
  | 'share'
  | 'details'
  | 'duplicate'
  | 'delete'

export function deedsFor(workspace: Workspace): Deed[] {
  const may = allowed(workspace)
  const offers: Record<Deed, boolean> = {
    open: may.open,
    start: may.start && !may.retry,
    restore: may.restore,
    retry: may.retry,
    stop: may.stop,
    keepAwake: workspace.status === 'RUNNING' && workspace.operation === 'NONE',
    archive: may.archive,
    share: true,
    details: true,
    duplicate: may.remove,
    delete: may.remove,
  }
  return (Object.keys(offers) as Deed[]).filter((deed) => offers[deed])
}
