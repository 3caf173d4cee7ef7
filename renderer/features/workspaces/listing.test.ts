import { describe, expect, it } from 'vitest'
import type { Workspace } from '../../../main/core/api.ts'
import { aWorkspace } from '../../testing.ts'
import { createListing } from './listing.ts'
import { PLAIN, type View } from './view.ts'

type State = Workspace['display_status']

const ALL = [
  aWorkspace({
    id: '01a',
    name: 'Crème brûlée',
    display_status: 'RUNNING',
    last_access_at: '2026-11-21T12:00:00.000Z',
  }),
  aWorkspace({ id: '01b', name: 'api 10', description: 'The bakery’s back end', display_status: 'STANDBY' }),
  aWorkspace({ id: '01c', name: 'API 9', display_status: 'ARCHIVED' }),
  aWorkspace({
    id: '01d',
    name: 'Bakery',
    display_status: 'ERROR',
    last_access_at: '2026-11-21T11:00:00.000Z',
  }),
  aWorkspace({ id: '01e', name: 'new', display_status: 'PENDING' }),
]
const index = (rows: readonly Workspace[]) => Object.fromEntries(rows.map((row) => [row.id, row]))
const listed = (view: Partial<View>) => createListing()(index(ALL), { ...PLAIN, ...view })
const names = (view: Partial<View>) => listed(view).ids.map((id) => index(ALL)[id]?.name)

describe('the order', () => {
  it.each([
    ['newest', ['new', 'Bakery', 'API 9', 'api 10', 'Crème brûlée']],
    ['name', ['API 9', 'api 10', 'Bakery', 'Crème brûlée', 'new']],
    ['used', ['Crème brûlée', 'Bakery', 'new', 'API 9', 'api 10']],
  ] as const)('by %s', (sort, order) => {
    expect(names({ sort })).toEqual(order)
  })
})

describe('what is shown', () => {
  it.each([
    ['BAKERY', ['Bakery', 'api 10']],
    ['creme BRULEE', ['Crème brûlée']],
    ['brûlée', ['Crème brûlée']],
    ['end api', ['api 10']],
    ['  ', ['new', 'Bakery', 'API 9', 'api 10', 'Crème brûlée']],
    ['nowhere', []],
  ])('for %j', (query, shown) => {
    expect(names({ query })).toEqual(shown)
  })

  it.each([
    ['running', ['Crème brûlée']],
    ['asleep', ['api 10']],
    ['archived', ['API 9']],
    ['failed', ['Bakery']],
  ] as const)('of those that are %s', (only, shown) => {
    expect(names({ only })).toEqual(shown)
  })

  it('is counted by state among what matches, whichever state is shown', () => {
    expect(listed({ query: 'bakery', only: 'failed' })).toEqual({
      ids: ['01d'],
      total: 5,
      matching: 2,
      counts: { running: 0, asleep: 1, archived: 0, failed: 1 },
    })
  })
})

describe('changes', () => {
  const STATES: readonly State[] = ['RUNNING', 'STANDBY', 'ARCHIVED', 'ERROR']
  const thousand = Array.from({ length: 1_000 }, (_, n) =>
    aWorkspace({
      id: `01${String(n).padStart(4, '0')}`,
      name: `berth ${n}`,
      display_status: STATES[n % 4] ?? 'RUNNING',
    }),
  )
  const change = (part: Partial<Workspace>) => ({
    ...index(thousand),
    '010500': { ...thousand[500]!, ...part },
  })

  it('that make no difference give the very same list', () => {
    const arrange = createListing()
    const view = { ...PLAIN, only: 'running' } as const
    const before = arrange(index(thousand), view)
    expect(before.ids).toHaveLength(250)
    const ticking = change({
      activity: { connections: 3, kept_awake_by: null },
      last_access_at: '2027-01-01T00:00:00.000Z',
    })
    const asGrid = { ...view, layout: 'grid' } as const
    expect(arrange(ticking, asGrid)).toBe(before)
    expect(arrange(index(thousand), view)).toBe(before)
  })

  it.each<[string, Partial<View>, Partial<Workspace>]>([
    ['a state', { only: 'running' }, { display_status: 'STANDBY' }],
    ['a name', { sort: 'name' }, { name: 'Aft' }],
    ['a description', { query: 'mast' }, { description: 'with a mast' }],
    ['a use', { sort: 'used' }, { last_access_at: '2027-01-01T00:00:00.000Z' }],
  ])('of %s give another one', (_what, part, changed) => {
    const arrange = createListing()
    const view = { ...PLAIN, ...part }
    const before = arrange(index(thousand), view)
    const after = arrange(change(changed), view)
    expect(after.ids).not.toEqual(before.ids)
    expect(after).toEqual(createListing()(change(changed), view))
  })

  it('of who is there are seen, also when as many go as come', () => {
    const arrange = createListing()
    arrange(index(thousand), PLAIN)
    const swapped = index([...thousand.slice(1), aWorkspace({ id: '02' })])
    expect(arrange(swapped, PLAIN).ids).toEqual(Object.keys(swapped).sort().reverse())
  })
})
