import type { Check } from '../core/api.ts'
import type { WorkspaceRow } from '../core/workspace.ts'

export interface ReportFacts {
  checkedAt: string
  /** What has which version; what has none is left out. */
  versions: Readonly<Record<string, string | null | undefined>>
  /** Workspaces by state; undefined when they could not be counted. */
  counts: Readonly<Record<string, number>> | undefined
  checks: readonly Check[]
}

/** Paths, and what stands for each in a report. */
export type Places = readonly (readonly [path: string, word: string])[]

/** All of it as text for somebody who helps: it names no workspace and nobody, and of `places` only their words. */
export function reportOf({ checkedAt, versions, counts, checks }: ReportFacts, places: Places): string {
  const known = Object.entries(versions).filter(([, version]) => version != null)
  const states = Object.entries(counts ?? {})
  const lines = [
    `Berth doctor, ${checkedAt}`,
    '',
    ...known.map(([what, version]) => `${what}: ${version}`),
    `Workspaces: ${counts ? states.map(([state, many]) => `${many} ${state}`).join(', ') || 'none' : 'unknown'}`,
    '',
    ...checks.flatMap(({ id, level, message, fix }) => [
      `[${level}] ${id}: ${indented(message)}`,
      ...(fix === null ? [] : [`    Fix: ${indented(fix)}`]),
    ]),
  ]
  return `${hide(lines.join('\n'), places)}\n`
}

/** How many there are in each state, without those in the trash. */
export function countByState(rows: readonly WorkspaceRow[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, archiveKey, deletedAt } of rows) {
    if (deletedAt !== null) continue
    const state = status === 'PENDING' && archiveKey !== null ? 'ARCHIVED' : status
    counts[state] = (counts[state] ?? 0) + 1
  }
  return counts
}

const indented = (text: string): string => text.replaceAll('\n', '\n    ')

/** Without these places, and without what signs in at an address (`scheme://user:password@host`). */
export function hide(text: string, places: Places): string {
  const longestFirst = places.filter(([path]) => path.length > 1).sort(([a], [b]) => b.length - a.length)
  let hidden = text.replace(/\/\/[^\s/@]+@/g, '//…@')
  // Not in the middle of a name: /home/al is no part of /home/alice.
  for (const [path, word] of longestFirst)
    hidden = hidden.replace(
      new RegExp(`${path.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')}(?![\\w-])`, 'gi'),
      () => word,
    )
  return hidden
}
