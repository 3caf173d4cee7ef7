import {
  MAX_ATTEMPTS,
  STABLE_AFTER_MS,
  backoff,
  step,
  type Level,
  type Operation,
  type Status,
} from '../core/state.ts'

/** Everything the decision depends on, read once. Times are milliseconds since the epoch; `now` is data, not a clock. */
export interface Situation {
  readonly home: 'absent' | 'present' | 'unknown'
  /** As the runner tells them; `foreign` is a container of somebody else under our name. */
  readonly instance: 'absent' | 'foreign' | 'dead' | 'unready' | 'answering' | 'unknown'
  readonly desired: Level
  readonly deleted: boolean
  /** An archive stands for the home. */
  readonly archived: boolean
  /** The home was made once. */
  readonly provisioned: boolean
  /** As last written: the memory of one observation ago. */
  readonly status: Status
  readonly runningSince: number | null
  /** Failures in a row under the present wish. */
  readonly failures: number
  readonly retryAt: number | null
  readonly now: number
}

export type Plan =
  /** Nothing to do. `stable`: failures are forgiven. `again`: look again after so many milliseconds. */
  | {
      readonly kind: 'settled'
      readonly status: Level | 'DELETED'
      readonly stable: boolean
      readonly again?: number
    }
  | { readonly kind: 'wait'; readonly why: 'unknown' | 'backoff'; readonly ms: number }
  /** Seen to be wrong without an operation of ours. `at`: when the backoff begins. */
  | {
      readonly kind: 'failed'
      readonly code: 'INSTANCE_DIED' | 'HOME_MISSING' | 'CONTAINER_NAME_TAKEN'
      readonly at: number
    }
  /** Failed too often, or on what only a person can mend: waits for a person's wish. */
  | { readonly kind: 'stuck' }
  | { readonly kind: 'run'; readonly operation: Operation }

/** What cannot be known is asked again after this long. */
export const ASK_AGAIN_MS = 2_000

/** The observed world in, one decision out. */
export function plan(s: Situation): Plan {
  if (s.home === 'unknown' || s.instance === 'unknown')
    return { kind: 'wait', why: 'unknown', ms: ASK_AGAIN_MS }

  const next = goal(s)
  if (next.kind === 'settled') return next
  if (s.failures >= MAX_ATTEMPTS) return { kind: 'stuck' }
  if (next.kind === 'failed') return next // once: writing it down changes what the next look decides

  const ms = s.failures > 0 && s.retryAt !== null ? s.retryAt - s.now : 0
  return ms > 0 ? { kind: 'wait', why: 'backoff', ms } : next
}

type Goal = Extract<Plan, { kind: 'settled' | 'failed' | 'run' }>

/** What the situation asks for, leaving past failures aside. */
function goal(s: Situation): Goal {
  if (s.deleted) return s.home === 'absent' && isGone(s.instance) ? settled('DELETED') : run('DELETING')
  if (s.instance === 'foreign' && s.desired === 'RUNNING')
    return { kind: 'failed', code: 'CONTAINER_NAME_TAKEN', at: s.now }
  return s.home === 'absent' ? goalWithoutHome(s) : goalWithHome(s)
}

function goalWithoutHome(s: Situation): Goal {
  const lost = s.provisioned && !s.archived
  if (!isGone(s.instance)) {
    // The container may hold the last reference to the files: only a person's stop takes it away.
    return lost && s.desired === 'RUNNING'
      ? { kind: 'failed', code: 'HOME_MISSING', at: s.now }
      : run('STOPPING')
  }
  if (lost) return { kind: 'failed', code: 'HOME_MISSING', at: s.now }
  const operation = step('PENDING', s.desired, s.archived)
  return operation ? run(operation) : settled('PENDING')
}

function goalWithHome(s: Situation): Goal {
  if (s.instance === 'answering') {
    const operation = step('RUNNING', s.desired, s.archived)
    return operation ? run(operation) : running(s)
  }
  if (s.desired === 'RUNNING') {
    const died = s.status === 'RUNNING' && s.instance !== 'unready'
    // Counted from when it came up, so that one death after a good while is mended at once.
    return died ? { kind: 'failed', code: 'INSTANCE_DIED', at: s.runningSince ?? s.now } : run('STARTING')
  }
  if (!isGone(s.instance)) return run('STOPPING')
  const operation = step('STANDBY', s.desired, s.archived)
  return operation ? run(operation) : settled('STANDBY')
}

function running(s: Situation): Goal {
  const ms = (s.runningSince ?? s.now) + STABLE_AFTER_MS - s.now
  return ms > 0
    ? { kind: 'settled', status: 'RUNNING', stable: false, again: ms }
    : { kind: 'settled', status: 'RUNNING', stable: true }
}

/** True when no container of ours is there. */
export const isGone = (instance: Situation['instance']): boolean =>
  instance === 'absent' || instance === 'foreign'

const settled = (status: Level | 'DELETED'): Goal => ({ kind: 'settled', status, stable: true })
const run = (operation: Operation): Goal => ({ kind: 'run', operation })

/** When the attempt after the `failures`th failure in a row may begin; `at` is when it failed. */
export const retryAt = (failures: number, at: number): number => at + backoff(failures)
