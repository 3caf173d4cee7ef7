import type { Progress, Workspace } from './api.ts'
import { failuresOf, type WorkspaceRow } from './workspace.ts'

const iso = (ms: number): string => new Date(ms).toISOString()

/** A row as the API tells it; `homePath` says where a home store key is on this machine. */
export function toWire(
  row: WorkspaceRow,
  progress: Progress | null,
  homePath: (key: string) => string,
): Workspace {
  const archived = row.status === 'PENDING' && row.archiveKey !== null
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    memo: row.memo,
    image_ref: row.imageRef,
    cpus: row.cpus,
    memory_bytes: row.memoryBytes,
    standby_ttl_seconds: row.standbyTtlSeconds,
    archive_ttl_seconds: row.archiveTtlSeconds,
    home_path: row.homeStoreKey === null ? null : homePath(row.homeStoreKey),
    status: row.status,
    display_status: archived ? 'ARCHIVED' : row.status,
    operation:
      row.deletedAt !== null && row.status !== 'DELETED' && row.status !== 'ERROR'
        ? 'DELETING'
        : row.operation,
    progress,
    desired_state: row.desiredState,
    error_count: failuresOf(row),
    error_info: row.errorInfo,
    archive_key: row.archiveKey,
    next_transition:
      row.status === 'ERROR' && row.retryAt !== null
        ? { to: row.desiredState, at: iso(row.retryAt), reason: 'Berth tries again after an error' }
        : null,
    last_access_at: iso(row.lastAccessAt),
    created_at: iso(row.createdAt),
    updated_at: iso(row.updatedAt),
  }
}
