import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { archiveKey } from '../core/archive.ts'
import { OPERATIONS, STATUSES } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { idOf, rowOf } from '../testing/rows.ts'
import { GRACE_MS, collect, type Content, type Situation } from './collect.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000
const ID = idOf(1)
const KEEP = 3
const key = (n: number, id = ID): string => archiveKey(id, `op${n}`)

/** Archives 1 to 5, an hour between them; 5 is the newest. */
const FIVE: Content[] = [1, 2, 3, 4, 5].map((n) => ({
  key: key(n),
  finished: true,
  changedAt: NOW - (10 - n) * HOUR,
}))
const attempt = (age: number): Content => ({ key: key(9), finished: false, changedAt: NOW - age })

/** Garbage for as long as anybody can remember. */
const LONG = new Map(FIVE.map((content) => [content.key, NOW - 100 * HOUR]))
const asleep = { status: 'STANDBY', homeStoreKey: 'h' } as const
const purged = { status: 'DELETED', deletedAt: 1, homeStoreKey: null, archiveKey: null } as const

interface Case {
  row?: Partial<WorkspaceRow> | 'none'
  contents?: Content[]
  garbage?: Map<string, number>
}
const judge = ({ row = asleep, contents = FIVE, garbage = LONG }: Case) =>
  collect({
    contents,
    rowOf: (id) => (id === ID && row !== 'none' ? rowOf(ID, row) : undefined),
    garbage,
    keep: KEEP,
    now: NOW,
  })

// prettier-ignore
const REMOVALS: [rule: string, situation: Case, removed: number[]][] = [
  ['all but the last three go', {}, [1, 2]],
  ['one that stands for the home stays', { row: { status: 'PENDING', homeStoreKey: 'h', archiveKey: key(1) } }, [2]],
  ['one that is being gone back to stays', { row: { ...asleep, restoreKey: key(2) } }, [1]],
  ['all stay while something is under way', { row: { ...asleep, operation: 'ARCHIVING' } }, []],
  ['all stay after an error', { row: { ...asleep, status: 'ERROR' } }, []],
  ['all stay when no row knows them: the database may be lost', { row: 'none' }, []],
  ['the last three stay while a home is in the trash', { row: { ...purged, homeStoreKey: 'h' } }, [1, 2]],
  ['the last three stay while an archive is in the trash', { row: { ...purged, archiveKey: key(5) } }, [1, 2]],
  ['the last three stay until a deletion has happened', { row: { ...asleep, deletedAt: 1 } }, [1, 2]],
  ['all go once nothing could be taken back', { row: purged }, [1, 2, 3, 4, 5]],
  ['none goes when it has just become garbage', { garbage: new Map() }, []],
  ['one stays until two hours have passed', { garbage: new Map([[key(1), NOW - GRACE_MS], [key(2), NOW - GRACE_MS + 1]]) }, [1]],
  ['one stays that became garbage in times to come', { garbage: new Map([[key(1), NOW + 1]]) }, []],
  ['an attempt goes once it has been left for two hours', { contents: [attempt(GRACE_MS)], garbage: new Map() }, [9]],
  ['an attempt stays that changed since', { contents: [attempt(GRACE_MS - 1)] }, []],
  ['an attempt stays that changed in times to come', { contents: [attempt(-1)] }, []],
  ['an attempt stays while something is under way', { contents: [attempt(9 * HOUR)], row: { ...asleep, operation: 'ARCHIVING' } }, []],
  ['an attempt stays after an error', { contents: [attempt(9 * HOUR)], row: { ...asleep, status: 'ERROR' } }, []],
  ['an attempt stays when no row knows it', { contents: [attempt(9 * HOUR)], row: 'none' }, []],
  ['an attempt stays that is referred to all the same', { contents: [attempt(9 * HOUR)], row: { ...asleep, archiveKey: key(9) } }, []],
  ['an attempt takes no place among the last three', { contents: [...FIVE, attempt(0)] }, [1, 2]],
  ['an attempt of a deleted one goes too', { contents: [attempt(GRACE_MS)], row: purged }, [9]],
  ['one of times to come stays, and takes no place', { contents: [...FIVE.slice(1), { ...FIVE[0]!, changedAt: NOW + HOUR }] }, [2]],
  ['what is no archive of ours stays', { contents: [{ key: 'notes.txt', finished: false, changedAt: 0 }] }, []],
]

test.each(REMOVALS)('%s', (_, situation, removed) => {
  expect(judge(situation).remove).toEqual(removed.map((n) => key(n)))
})

describe('what is garbage', () => {
  test('is remembered once', () => {
    expect(judge({ garbage: new Map([[key(1), NOW - 1]]) })).toEqual({
      remove: [],
      remember: [key(2)],
      forget: [],
    })
  })

  test('counts anew when it was remembered by a clock that went ahead', () => {
    expect(judge({ garbage: new Map([[key(1), NOW + 1]]) }).remember).toEqual([key(1), key(2)])
  })

  test('is forgotten when it is wanted again, is gone, or was cut down to an attempt', () => {
    const contents = FIVE.map((content) => ({ ...content, finished: content.key !== key(2) }))
    const garbage = new Map([2, 4, 7].map((n) => [key(n), NOW - 1]))
    expect(judge({ contents, garbage }).forget).toEqual([key(2), key(4), key(7)])
  })
})

describe('whatever lies there', () => {
  const time = fc.constantFrom(-9, -3, -2, -1, 0, 1).map((hours) => NOW + hours * HOUR)
  const ref = fc.option(fc.integer({ min: 0, max: 7 }).map((n) => key(n)))
  const anyRow = fc.record({
    status: fc.constantFrom(...STATUSES),
    operation: fc.constantFrom('NONE', 'NONE', 'NONE', ...OPERATIONS),
    homeStoreKey: fc.option(fc.constant('h')),
    archiveKey: ref,
    restoreKey: ref,
  })
  const anyContents = fc.uniqueArray(
    fc.record({
      key: fc.integer({ min: 0, max: 7 }).map((n) => key(n)),
      finished: fc.boolean(),
      changedAt: time,
    }),
    { selector: (content) => content.key },
  )
  const anySituation: fc.Arbitrary<Situation & { row: WorkspaceRow | undefined }> = fc
    .record({
      contents: anyContents,
      row: fc.option(
        anyRow.map((changes) => rowOf(ID, changes)),
        { nil: undefined, freq: 9 },
      ),
      garbage: fc
        .dictionary(
          fc.integer({ min: 0, max: 7 }).map((n) => key(n)),
          time,
        )
        .map((since) => new Map(Object.entries(since))),
    })
    .map((situation) => ({ ...situation, rowOf: () => situation.row, keep: KEEP, now: NOW }))
  function check(holds: (situation: Situation & { row: WorkspaceRow | undefined }) => void): void {
    const property = fc.property(anySituation, (situation) => {
      holds(situation)
    })
    fc.assert(property, { numRuns: 2_000 })
  }

  test('nothing goes that anybody may want', () => {
    check((situation) => {
      const { contents, row, garbage } = situation
      const { remove } = collect(situation)
      if (!row || row.status === 'ERROR' || row.operation !== 'NONE') return expect(remove).toEqual([])
      expect(remove).not.toContain(row.archiveKey)
      expect(remove).not.toContain(row.restoreKey)
      for (const { key, finished, changedAt } of contents.filter((content) => remove.includes(content.key)))
        expect(finished ? garbage.get(key)! : changedAt).toBeLessThanOrEqual(NOW - GRACE_MS)

      const finished = contents.filter((content) => content.finished)
      const kept = finished.filter((content) => !remove.includes(content.key))
      const gone = finished.filter((content) => remove.includes(content.key))
      const back = row.status !== 'DELETED' || row.homeStoreKey !== null || row.archiveKey !== null
      if (!back || gone.length === 0) return
      // Three that were made no earlier stay for each that goes.
      const newer = (than: Content): Content[] => kept.filter(({ changedAt }) => changedAt >= than.changedAt)
      for (const content of gone) expect(newer(content).length).toBeGreaterThanOrEqual(KEEP)
    })
  })

  test('the order in which it is told changes nothing', () => {
    const inOrder = ({ remove, remember, forget }: ReturnType<typeof collect>) => [
      remove.sort(),
      remember.sort(),
      forget.sort(),
    ]
    check((situation) => {
      const reversed = { ...situation, contents: situation.contents.toReversed() }
      expect(inOrder(collect(reversed))).toEqual(inOrder(collect(situation)))
    })
  })

  test('once it is done there is nothing to do', () => {
    check((situation) => {
      const { remove, remember, forget } = collect(situation)
      const garbage = new Map(situation.garbage)
      for (const key of [...forget, ...remove]) garbage.delete(key)
      for (const key of remember) garbage.set(key, NOW)
      const contents = situation.contents.filter(({ key }) => !remove.includes(key))
      expect(collect({ ...situation, contents, garbage })).toEqual({ remove: [], remember: [], forget: [] })
    })
  })

  test('what is garbage goes in the end', () => {
    check((situation) => {
      // With time, what was dated ahead may take the place of another, which then has two hours of its own.
      fc.pre(situation.contents.every(({ changedAt }) => changedAt <= NOW))
      const { remove, remember } = collect(situation)
      const garbage = new Map([...situation.garbage, ...remember.map((key) => [key, NOW] as const)])
      const later = collect({ ...situation, garbage, now: NOW + GRACE_MS })
      expect(later.remove).toEqual(expect.arrayContaining([...remove, ...remember]))
    })
  })
})
