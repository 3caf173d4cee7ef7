/** What a person may do with a workspace as the stream last described it. Pure. */
import type { Workspace } from '../../../main/core/api.ts'
import { MAX_ATTEMPTS } from '../../../main/core/state.ts'

export interface Allowed {
  readonly open: boolean
  readonly start: boolean
  readonly stop: boolean
  readonly archive: boolean
  readonly restore: boolean
  /** Put another archive in the place of the home. */
  readonly goBack: boolean
  readonly retry: boolean
  readonly remove: boolean
}

type Facts = Pick<
  Workspace,
  'status' | 'display_status' | 'operation' | 'desired_state' | 'error_info' | 'archive_key' | 'restore_key'
>

const UPWARDS: readonly Workspace['operation'][] = ['PROVISIONING', 'RESTORING', 'STARTING']
const DOWNWARDS: readonly Workspace['operation'][] = ['STOPPING', 'ARCHIVING']

export function allowed(workspace: Facts): Allowed {
  const deleting = workspace.operation === 'DELETING' || workspace.status === 'DELETED'
  const failed = workspace.status === 'ERROR'
  // A deletion that failed is still wished; it can be tried again, not taken back.
  const free = !deleting && !(failed && workspace.error_info?.operation === 'DELETING')
  const wanted = workspace.desired_state === 'RUNNING'
  const shelved = workspace.desired_state === 'PENDING'
  const archived = workspace.display_status === 'ARCHIVED'
  const made = workspace.status === 'RUNNING' || workspace.status === 'STANDBY'
  return {
    open: !deleting && opens(workspace),
    start: free && (failed || !(wanted || (archived && shelved))), // in error: try again
    stop: free && (wanted || (shelved && workspace.archive_key === null)), // on its way into the archive: stay
    archive: free && !shelved && (made || workspace.operation === 'RESTORING'),
    restore: free && archived && shelved,
    goBack: free && workspace.restore_key === null,
    retry: !deleting && failed,
    remove: !deleting,
  }
}

/** As the gateway has it: opening wakes what sleeps, but not what is packed away, broken or on its way down. */
function opens({ status, display_status, operation, desired_state }: Facts): boolean {
  if (UPWARDS.includes(operation)) return true
  if (DOWNWARDS.includes(operation)) return desired_state === 'RUNNING'
  if (status === 'STANDBY' || status === 'RUNNING') return true
  return display_status === 'PENDING' && desired_state === 'RUNNING'
}

/** Whether opening it changes nothing. */
export const isUp = ({ status, operation }: Pick<Workspace, 'status' | 'operation'>): boolean =>
  status === 'RUNNING' && operation === 'NONE'

/** What Berth does about a failure: it is at it again, it will be, or it leaves it to the person. */
export function afterFailure(
  workspace: Pick<Workspace, 'error_count' | 'operation'>,
): 'now' | 'again' | 'waiting' {
  if (workspace.operation !== 'NONE') return 'now'
  return workspace.error_count < MAX_ATTEMPTS ? 'again' : 'waiting'
}

/** A wish made during an operation waits for its end; say so, or the click seems to have done nothing. */
export function afterOperation(
  workspace: Pick<Workspace, 'operation' | 'desired_state' | 'restore_key'>,
): 'start' | 'stop' | 'archive' | 'restore' | null {
  const { operation, desired_state, restore_key } = workspace
  if (operation === 'ARCHIVING' && restore_key !== null) return 'restore'
  if ((operation === 'STOPPING' || operation === 'STARTING') && desired_state === 'PENDING') return 'archive'
  if (operation === 'STOPPING' && desired_state === 'RUNNING') return 'start'
  if (operation === 'STARTING' && desired_state !== 'RUNNING') return 'stop'
  return null
}
