import { parseArchiveKey } from '../core/archive.ts'
import type { WorkspaceRow } from '../core/workspace.ts'

/** How long an archive must have been garbage, and an attempt untouched, before it goes, in milliseconds. */
export const GRACE_MS = 2 * 60 * 60_000

/** What lies in the archive store. Times are milliseconds since the epoch. */
export interface Content {
  readonly key: string
  /** Not finished: an attempt, which has no meta. */
  readonly finished: boolean
  readonly changedAt: number
}

export interface Situation {
  readonly contents: readonly Content[]
  /** Deleted ones included. */
  readonly rowOf: (id: string) => WorkspaceRow | undefined
  /** Since when archives have been garbage. */
  readonly garbage: ReadonlyMap<string, number>
  /** So many archives of a workspace stay though nothing refers to them. */
  readonly keep: number
  readonly now: number
}

export interface Verdict {
  remove: string[]
  /** Garbage from now on. */
  remember: string[]
  /** Garbage no longer, or not there any more. */
  forget: string[]
}

/** Which archives go, and which are on their way there. Whatever is not certain is kept. */
export function collect({ contents, rowOf, garbage, keep, now }: Situation): Verdict {
  const newest = newestOf(contents, keep, now)
  const isOld = (time: number | undefined): boolean => time !== undefined && time <= now - GRACE_MS

  const unwanted = contents.filter(({ key, finished }) => {
    const row = rowOf(workspaceOf(key))
    // No row may mean a lost database, which never means that nothing is wanted.
    if (!row || row.operation !== 'NONE' || row.status === 'ERROR') return false
    if (key === row.archiveKey || key === row.restoreKey) return false
    return !finished || isPurged(row) || !newest.has(key)
  })
  const finished = unwanted.filter((content) => content.finished).map(({ key }) => key)
  const isGarbage = new Set(finished)
  return {
    remove: unwanted
      .filter(({ key, finished, changedAt }) => isOld(finished ? garbage.get(key) : changedAt))
      .map(({ key }) => key),
    // A time to come is of a clock that was wrong: it counts anew.
    remember: finished.filter((key) => (garbage.get(key) ?? Infinity) > now),
    forget: [...garbage.keys()].filter((key) => !isGarbage.has(key)),
  }
}

/** The last archives of each workspace. What a wrong clock has dated ahead is among them, and takes nobody's place. */
function newestOf(contents: readonly Content[], keep: number, now: number): Set<string> {
  const newest = new Set<string>()
  const places = new Map<string, number>()
  const finished = contents.filter((content) => content.finished)
  for (const { key, changedAt } of finished.toSorted(newestFirst)) {
    const id = workspaceOf(key)
    const left = places.get(id) ?? keep
    if (left > 0 || changedAt > now) newest.add(key)
    if (changedAt <= now) places.set(id, left - 1)
  }
  return newest
}

const newestFirst = (a: Content, b: Content): number => b.changedAt - a.changedAt || (a.key < b.key ? 1 : -1)

/** Empty for what is no archive of ours. */
export const workspaceOf = (key: string): string => parseArchiveKey(key)?.id ?? ''

/** True when nothing is left that it could be taken back from. */
const isPurged = ({ status, homeStoreKey, archiveKey }: WorkspaceRow): boolean =>
  status === 'DELETED' && homeStoreKey === null && archiveKey === null
