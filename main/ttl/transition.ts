import type { Cause, Level } from '../core/state.ts'
import { failuresOf, type WorkspaceRow } from '../core/workspace.ts'

/** What counts besides the row. Times are milliseconds since the epoch; `now` is data, not a clock. */
export interface Circumstances {
  readonly now: number
  /** Anything in flight: nobody is idle meanwhile. */
  readonly inFlight: boolean
  /** When the last of it ended, as far as this process knows. */
  readonly lastEndAt: number | null
  /** No TTL acts before this: after a start, a resume, or a clock jump. */
  readonly floor: number
}

/** What a workspace does next by itself. */
export interface Next {
  readonly to: Level
  readonly at: number
  readonly cause: Extract<Cause, 'IDLE' | 'ARCHIVE_TTL' | 'RETRY'>
}

/** The row and its circumstances in, the next step out; null when nothing happens by itself. */
export function nextTransition(
  row: WorkspaceRow,
  { now, inFlight, lastEndAt, floor }: Circumstances,
): Next | null {
  if (row.operation !== 'NONE' || row.deletedAt !== null || row.restoreKey !== null) return null
  if (row.status === 'ERROR')
    return row.retryAt !== null && failuresOf(row) > 0
      ? { to: row.desiredState, at: row.retryAt, cause: 'RETRY' }
      : null
  if (row.status !== row.desiredState) return null

  /** A time that is still to come, since the clock was set back, counts as now. */
  const since = (...times: (number | null)[]): number =>
    Math.min(now, Math.max(...times.map((time) => time ?? 0)))

  if (row.status === 'RUNNING' && row.standbyTtlSeconds > 0 && !inFlight) {
    const idle = since(row.runningSince, row.lastAccessAt, lastEndAt) + row.standbyTtlSeconds * 1_000
    return { to: 'STANDBY', at: Math.max(idle, row.keepAwakeUntil ?? 0, floor), cause: 'IDLE' }
  }
  if (row.status === 'STANDBY' && row.archiveTtlSeconds > 0) {
    const asleep = since(row.lastAccessAt) + row.archiveTtlSeconds * 1_000
    return { to: 'PENDING', at: Math.max(asleep, floor), cause: 'ARCHIVE_TTL' }
  }
  return null
}
