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
  /** `trashed`: something of a deleted workspace is left. */
  readonly home: 'absent' | 'present' | 'trashed' | 'unknown'
  /** As the runner tells them; `foreign` is a container of somebody else under our name. */
  readonly instance: 'absent' | 'foreign' | 'dead' | 'unready' | 'answering' | 'unknown'
  readonly desired: Level
  readonly deleted: boolean
  /** When what is left of a deleted workspace goes for good. */
  readonly purgeAt: number
  /** It is wished back to one of its archives. */
  readonly goingBack: boolean
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
  if (s.deleted) return goalDeleted(s)
  if (s.instance === 'foreign' && s.desired === 'RUNNING')
    return { kind: 'failed', code: 'CONTAINER_NAME_TAKEN', at: s.now }
  // What lies in the trash goes before any archive: it is the newest there is.
  if (s.home === 'trashed') return run(isGone(s.instance) ? 'RESTORING' : 'STOPPING')
  return s.home === 'absent' ? goalWithoutHome(s) : goalWithHome(s)
}

function goalDeleted(s: Situation): Goal {
  if (s.home === 'present' || !isGone(s.instance)) return run('DELETING')
  if (s.home === 'absent' && !s.archived && !s.provisioned) return settled('DELETED')
  if (s.purgeAt <= s.now) return run('DELETING')
  return { kind: 'settled', status: 'DELETED', stable: true, again: s.purgeAt - s.now }
}

function goalWithoutHome(s: Situation): Goal {
  const lost = s.provisioned && !s.archived && !s.goingBack
  if (!isGone(s.instance)) {
    // The container may hold the last reference to the files: only a person's stop takes it away.
    return lost && s.desired === 'RUNNING'
      ? { kind: 'failed', code: 'HOME_MISSING', at: s.now }
      : run('STOPPING')
  }
  if (lost) return { kind: 'failed', code: 'HOME_MISSING', at: s.now }
  if (s.goingBack) return run('RESTORING')
  const operation = step('PENDING', s.desired, s.archived)
  return operation ? run(operation) : settled('PENDING')
}

function goalWithHome(s: Situation): Goal {
  // The present home is archived before an older one takes its place.
  const desired = s.goingBack ? 'PENDING' : s.desired
  if (s.instance === 'answering') {
    const operation = step('RUNNING', desired, s.archived)
    return operation ? run(operation) : running(s)
  }
  if (desired === 'RUNNING') {
    const died = s.status === 'RUNNING' && s.instance !== 'unready'
    // Counted from when it came up, so that one death after a good while is mended at once.
    return died ? { kind: 'failed', code: 'INSTANCE_DIED', at: s.runningSince ?? s.now } : run('STARTING')
  }
  if (!isGone(s.instance)) return run('STOPPING')
  const operation = step('STANDBY', desired, s.archived)
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

/** True for an operation under way that nobody wishes any more. Only those are given up that can be at any moment. */
export function isPointless(
  operation: Operation,
  { desired, deleted, goingBack }: Pick<Situation, 'desired' | 'deleted' | 'goingBack'>,
): boolean {
  switch (operation) {
    case 'STARTING':
      return deleted || goingBack || desired !== 'RUNNING'
    case 'ARCHIVING':
      return deleted || (!goingBack && desired !== 'PENDING')
    case 'RESTORING':
      return deleted || (!goingBack && desired === 'PENDING')
    case 'PROVISIONING':
    case 'STOPPING':
    case 'DELETING':
      return false
  }
}

/** When the attempt after the `failures`th failure in a row may begin; `at` is when it failed. */
export const retryAt = (failures: number, at: number): number => at + backoff(failures)
