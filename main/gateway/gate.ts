import type { WorkspaceRow } from '../core/workspace.ts'

/** What a request to a workspace may do, by its state. */
export type Gate =
  | 'proxy'
  /** Asleep: a browser's navigation wakes it. */
  | 'wake'
  /** On its way up. */
  | 'rising'
  | 'stopping'
  | 'archived'
  | 'pending'
  | 'error'
  | 'deleting'

const UP = new Set(['PROVISIONING', 'RESTORING', 'STARTING'])
const DOWN = new Set(['STOPPING', 'ARCHIVING'])

/** `reachable`: the runner knows where its code-server answers. */
export function gate(row: WorkspaceRow, reachable: boolean): Gate {
  if (row.deletedAt !== null) return 'deleting'
  if (UP.has(row.operation)) return 'rising'
  if (DOWN.has(row.operation)) return row.desiredState === 'RUNNING' ? 'rising' : 'stopping'
  switch (row.status) {
    case 'RUNNING':
      return reachable ? 'proxy' : 'rising'
    case 'STANDBY':
      return row.desiredState === 'RUNNING' ? 'rising' : 'wake'
    case 'PENDING':
      if (row.desiredState === 'RUNNING') return 'rising'
      return row.archiveKey === null ? 'pending' : 'archived'
    case 'ERROR':
      return 'error'
    case 'DELETED':
      return 'deleting'
  }
}
