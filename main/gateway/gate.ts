import type { WorkspaceRow } from '../core/workspace.ts'

/** What a request to a workspace may do, by its state. */
export type Gate =
  | 'proxy'
  /** Asleep, or on its way there by itself: a browser's navigation wakes it. */
  | 'wake'
  /** On its way up. */
  | 'rising'
  /** On its way down because a person wants it so. */
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
  const wished = row.desiredState === 'RUNNING'
  const down = sinksByItself(row) ? 'wake' : 'stopping'
  if (DOWN.has(row.operation)) return wished ? 'rising' : down
  switch (row.status) {
    case 'RUNNING':
      return reachable ? 'proxy' : 'rising'
    case 'STANDBY':
      if (wished) return 'rising'
      return row.desiredState === 'STANDBY' ? 'wake' : down
    case 'PENDING':
      if (wished) return 'rising'
      return row.archiveKey === null ? 'pending' : 'archived'
    case 'ERROR':
      return 'error'
    case 'DELETED':
      return 'deleting'
  }
}

/** Whether a navigation wishes it awake: also one that a TTL is about to stop while it still runs. */
export const wakes = (row: WorkspaceRow, state: Gate): boolean =>
  state === 'wake' || ((state === 'proxy' || state === 'rising') && sinksByItself(row))

/** No person wants it down: it was left alone for its time to live. */
const sinksByItself = ({ desiredState, cause }: WorkspaceRow): boolean =>
  desiredState !== 'RUNNING' && (cause === 'IDLE' || cause === 'ARCHIVE_TTL')

export const ACTIONS = ['start', 'cancel', 'retry', 'restore'] as const
export type Action = (typeof ACTIONS)[number]

/** What the waiting page may ask for. A running workspace may nothing: code inside it could ask as well. */
export const MAY: Record<Gate, readonly Action[]> = {
  proxy: [],
  wake: ['start'],
  rising: ['cancel', 'start'],
  stopping: ['start'],
  archived: ['restore'],
  pending: ['start'],
  error: ['retry'],
  deleting: [],
}
