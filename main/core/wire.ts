import type { Activity, Progress, Sharing, Transition, Workspace } from './api.ts'
import { whyNow } from './reasons.ts'
import { describedBy, failuresOf, type WorkspaceRow } from './workspace.ts'

const iso = (ms: number): string => new Date(ms).toISOString()

/** What is true of a workspace only while Berth runs. */
export interface Moment {
  progress: Progress | null
  transition: Transition | null
  activity: Activity
  sharing: Sharing | null
}

/** A row as the API tells it; `homePath` says where a home store key is on this machine, if its owner is told. */
export function toWire(
  row: WorkspaceRow,
  moment: Moment,
  homePath: (key: string, ownerId: string) => string | null,
): Workspace {
  const archived = row.status === 'PENDING' && row.archiveKey !== null
  return {
    ...describedBy(row),
    sudo: row.sudo,
    home_path:
      row.homeStoreKey === null || row.archiveKey !== null ? null : homePath(row.homeStoreKey, row.ownerId),
    status: row.status,
    status_since: iso(row.statusSince),
    status_cause: row.statusCause,
    status_reason: whyNow(row),
    display_status: archived ? 'ARCHIVED' : row.status,
    operation:
      row.deletedAt !== null && row.status !== 'DELETED' && row.status !== 'ERROR'
        ? 'DELETING'
        : row.operation,
    // It belongs to an operation: with that over, what is still shown of it is not.
    progress: row.operation === 'NONE' ? null : moment.progress,
    desired_state: row.desiredState,
    error_count: failuresOf(row),
    error_info: row.errorInfo,
    archive_key: row.archiveKey,
    restore_key: row.restoreKey,
    next_transition: moment.transition,
    keep_awake_until: row.keepAwakeUntil === null ? null : iso(row.keepAwakeUntil),
    activity: moment.activity,
    sharing: moment.sharing,
    deleted_at: row.deletedAt === null ? null : iso(row.deletedAt),
    last_access_at: iso(row.lastAccessAt),
    created_at: iso(row.createdAt),
    updated_at: iso(row.updatedAt),
  }
}
