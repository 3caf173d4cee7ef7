/**
 * The workspace state machine: three ordered levels, climbed or descended one at a time.
 * Pure: no clock, no I/O.
 */
export const LEVELS = ['PENDING', 'STANDBY', 'RUNNING'] as const
/** What a workspace can be asked to be, and what it can be seen to be. */
export type Level = (typeof LEVELS)[number]

export const STATUSES = [...LEVELS, 'ERROR', 'DELETED'] as const
export type Status = (typeof STATUSES)[number]

export const OPERATIONS = [
  'PROVISIONING',
  'RESTORING',
  'STARTING',
  'STOPPING',
  'ARCHIVING',
  'DELETING',
] as const
export type Operation = (typeof OPERATIONS)[number]

/** Who, or which rule, wished what is done: the history says it of each operation. */
export const CAUSES = [
  /** It was created. */
  'CREATED',
  /** A person asked for it. */
  'PERSON',
  /** Somebody opened its address. */
  'VISIT',
  /** Nobody used it for its standby TTL. */
  'IDLE',
  /** Nobody woke it for its archive TTL. */
  'ARCHIVE_TTL',
  /** Its home was found without a row, and taken in. */
  'ADOPTED',
  /** What was observed was not what was wished, without anybody having asked for that. */
  'RECOVERY',
  /** An earlier attempt had failed. */
  'RETRY',
] as const
export type Cause = (typeof CAUSES)[number]

/** How an operation ended. GIVEN_UP: nobody wished it any more, or nothing could be known. INTERRUPTED: Berth itself ended. */
export const OUTCOMES = ['SUCCEEDED', 'FAILED', 'GIVEN_UP', 'INTERRUPTED'] as const
export type Outcome = (typeof OUTCOMES)[number]

const MINUTE = 60_000

/** How long an operation may take, in milliseconds. An image pull inside it has its own clock. */
export const TIMEOUT_MS: Record<Operation, number> = {
  PROVISIONING: 5 * MINUTE,
  RESTORING: 30 * MINUTE,
  STARTING: 5 * MINUTE,
  STOPPING: 5 * MINUTE,
  ARCHIVING: 30 * MINUTE,
  DELETING: 10 * MINUTE,
}

/** The operation that leads from `level` one step towards `desired`; undefined when already there. */
export function step(level: Level, desired: Level, archived: boolean): Operation | undefined {
  const distance = LEVELS.indexOf(desired) - LEVELS.indexOf(level)
  if (distance === 0) return undefined
  switch (level) {
    case 'PENDING':
      return archived ? 'RESTORING' : 'PROVISIONING'
    case 'STANDBY':
      return distance > 0 ? 'STARTING' : 'ARCHIVING'
    case 'RUNNING':
      return 'STOPPING'
  }
}

/** Attempts before an error waits for a person. */
export const MAX_ATTEMPTS = 3
const BACKOFF_MS = [1_000, 5_000]

/** How long after the `count`th failure in a row the next attempt may begin, in milliseconds. */
export function backoff(count: number): number {
  return BACKOFF_MS[Math.min(count, BACKOFF_MS.length) - 1] ?? 0
}

/** An instance that has answered this long counts as a successful start, in milliseconds. */
export const STABLE_AFTER_MS = MINUTE
