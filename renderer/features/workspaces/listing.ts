/** Which workspaces are shown, and in which order. Pure. */
import type { Workspace } from '../../../main/core/api.ts'
import type { Group, View } from './view.ts'

export interface Listing {
  readonly ids: readonly string[]
  /** How many there are, whatever is searched for. */
  readonly total: number
  /** How many match what is searched for, in all and by state. */
  readonly matching: number
  readonly counts: Readonly<Record<Group, number>>
}

type Choice = Pick<View, 'query' | 'only' | 'sort'>

/** All of a workspace that the listing depends on. */
interface Facts {
  readonly of: Workspace
  readonly name: string
  /** What is searched, folded. */
  readonly text: string
  readonly group: Group | null
  readonly used: string
}

const GROUP_OF: Partial<Record<Workspace['display_status'], Group>> = {
  RUNNING: 'running',
  STANDBY: 'asleep',
  ARCHIVED: 'archived',
  ERROR: 'failed',
}

/** Without case and accents. */
export function fold(text: string): string {
  return text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase()
}

/** Whether all words of what a person typed are in a text; both folded. */
export function found(text: string, query: string): boolean {
  return query.split(/\s+/).every((word) => text.includes(word))
}

const { compare } = new Intl.Collator('en', { numeric: true, sensitivity: 'base' })
const down = (a: string, b: string): number => (a < b ? 1 : a > b ? -1 : 0)
/** Ids are ULIDs. */
const newest = (a: Facts, b: Facts): number => down(a.of.id, b.of.id)
const ORDER: Record<View['sort'], (a: Facts, b: Facts) => number> = {
  newest,
  name: (a, b) => compare(a.name, b.name) || newest(a, b),
  used: (a, b) => down(a.used, b.used) || newest(a, b),
}

/**
 * Lists workspaces, time and again; the answer is the very same one for as long as nothing has changed that it depends on.
 * So fifty changes a second neither sort anew nor draw anew.
 */
export function createListing() {
  let known: ReadonlyMap<string, Facts> = new Map()
  let last: { choice: Choice; listing: Listing } | undefined

  return (byId: Readonly<Record<string, Workspace>>, choice: Choice): Listing => {
    const rows = Object.values(byId)
    let changed = last === undefined || differ(last.choice, choice) || rows.length !== known.size
    const facts = new Map<string, Facts>()
    for (const row of rows) {
      const before = known.get(row.id)
      const now = before?.of === row ? before : factsOf(row)
      changed ||= before === undefined || matters(before, now, choice)
      facts.set(row.id, now)
    }
    known = facts
    if (!changed && last !== undefined) return last.listing
    last = { choice, listing: list([...facts.values()], choice) }
    return last.listing
  }
}

function factsOf(row: Workspace): Facts {
  return {
    of: row,
    name: row.name,
    text: fold(`${row.name} ${row.description}`),
    group: GROUP_OF[row.display_status] ?? null,
    used: row.last_access_at,
  }
}

const differ = (a: Choice, b: Choice): boolean =>
  a.query !== b.query || a.only !== b.only || a.sort !== b.sort

const matters = (a: Facts, b: Facts, { sort }: Choice): boolean =>
  a.group !== b.group || a.text !== b.text || a.name !== b.name || (sort === 'used' && a.used !== b.used)

function list(all: readonly Facts[], { query, only, sort }: Choice): Listing {
  const wanted = fold(query).trim()
  const matching = all.filter(({ text }) => found(text, wanted))
  const counts = { running: 0, asleep: 0, archived: 0, failed: 0 }
  for (const { group } of matching) if (group !== null) counts[group]++
  const shown = only === null ? matching : matching.filter(({ group }) => group === only)
  return {
    ids: shown.toSorted(ORDER[sort]).map(({ of }) => of.id),
    total: all.length,
    matching: matching.length,
    counts,
  }
}
