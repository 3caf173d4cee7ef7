/** What becomes of a workspace if nobody does anything, in words. Pure: what time it is comes in. */
import type { Workspace } from '../../../main/core/api.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'

/** A person is told this long before it falls asleep. */
const WARN_MS = 60_000
const YEAR_MS = 365 * 86_400_000
const HOUR_MS = 3_600_000

/** As good as for ever. */
const FOREVER = '9999-12-31T00:00:00.000Z'

/** When this many hours have passed; `Infinity` is until a person says otherwise. */
export function hoursFrom(now: number, hours: number): string {
  return hours === Infinity ? FOREVER : new Date(now + hours * HOUR_MS).toISOString()
}

/** What keeps it awake; null when nothing does. */
export function awake(
  { status, keep_awake_until: until, activity }: Pick<Workspace, 'status' | 'keep_awake_until' | 'activity'>,
  now: number,
): string | null {
  if (status !== 'RUNNING') return null
  if (until !== null && Date.parse(until) > now) {
    const far = Date.parse(until) - now > YEAR_MS
    return far ? messages.outlook.awakeForever : messages.outlook.awakeUntil(moment(until, now))
  }
  return activity.kept_awake_by === null ? null : messages.outlook.awakeBy(activity.kept_awake_by)
}

/** What happens next and when, or why nothing does; null when there is nothing to say. */
export function outlook(workspace: Workspace, now: number): string | null {
  const { status, activity, next_transition: next } = workspace
  const held = awake(workspace, now)
  if (held !== null) return held
  if (status === 'RUNNING' && activity.connections > 0) return messages.outlook.inUse
  return next === null ? null : messages.outlook.next(next, Date.parse(next.at) - now)
}

/** How long until it falls asleep, when that is soon enough to say it aloud. */
export function sleepsIn(workspace: Workspace, now: number): number | null {
  const { status, operation, activity, next_transition: next } = workspace
  if (status !== 'RUNNING' || operation !== 'NONE' || next?.cause !== 'IDLE') return null
  if (activity.kept_awake_by !== null || activity.connections > 0) return null
  const left = Date.parse(next.at) - now
  return left <= WARN_MS ? Math.max(0, left) : null
}
