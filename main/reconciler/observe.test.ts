import { describe, expect, test, vi } from 'vitest'
import { AppError } from '../core/errors.ts'
import { OPERATIONS, type Operation } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { createBus } from '../events/bus.ts'
import { createLive } from '../events/live.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import type { Runner } from '../runner/runner.ts'
import { createQuietLog } from '../testing/plane.ts'
import { ALICE, idOf, rowOf } from '../testing/rows.ts'
import { createObserver, homeKey, reached, type Seen } from './observe.ts'

describe('the result of an operation is there', () => {
  const HOMES = ['absent', 'present', 'trashed'] as const
  const INSTANCES = ['absent', 'foreign', 'dead', 'unready', 'answering'] as const
  const gone = (instance: Seen['instance']): boolean => instance === 'absent' || instance === 'foreign'

  const none = rowOf(idOf(1))
  const made = rowOf(idOf(1), { homeStoreKey: 'h' })
  const archived = rowOf(idOf(1), { homeStoreKey: 'h', archiveKey: 'a' })

  test.each<
    [Operation, what: string, row: WorkspaceRow, (home: Seen['home'], instance: Seen['instance']) => boolean]
  >([
    ['PROVISIONING', 'there is a home', none, (home) => home === 'present'],
    ['RESTORING', 'there is a home', archived, (home) => home === 'present'],
    ['STARTING', 'an instance answers', made, (_, instance) => instance === 'answering'],
    ['STOPPING', 'no instance is left', made, (_, instance) => gone(instance)],
    ['ARCHIVING', 'an archive stands for the home, which is gone', archived, (home) => home === 'absent'],
    ['ARCHIVING', 'never, while no archive stands for the home', made, () => false],
    [
      'DELETING',
      'the instance is gone and the home in the trash, or lost',
      made,
      (home, instance) => home !== 'present' && gone(instance),
    ],
    [
      'DELETING',
      'the instance is gone, and an archive left',
      archived,
      (home, instance) => home !== 'present' && gone(instance),
    ],
    [
      'DELETING',
      'nothing at all is left, when nothing can be taken back',
      none,
      (home, instance) => home === 'absent' && gone(instance),
    ],
  ])('%s: when %s', (operation, _, row, expected) => {
    for (const home of HOMES)
      for (const instance of INSTANCES)
        expect(reached(operation, { home, instance }, row), `${home} ${instance}`).toBe(
          expected(home, instance),
        )
  })

  test('or it is not known, when home or instance is not', () => {
    for (const operation of OPERATIONS) {
      for (const home of HOMES)
        expect(reached(operation, { home, instance: 'unknown' }, made)).toBe('unknown')
      for (const instance of INSTANCES)
        expect(reached(operation, { home: 'unknown', instance }, made)).toBe('unknown')
    }
  })
})

test('a home’s key names its owner and itself', () => {
  expect(homeKey(rowOf(idOf(1)))).toBe(`users/${ALICE.id}/workspaces/${idOf(1)}/home`)
})

/** An observer of one home and one instance, which tests change. */
function senses() {
  const bus = createBus(() => undefined)
  const live = createLive(bus)
  const log = createQuietLog()
  const published: unknown[] = []
  bus.subscribe((news) => news.kind === 'home_store' && published.push(news.problem?.message ?? null))
  const homeStore = {
    pathOf: (key: string) => `/homes/${key}`,
    observe: vi.fn(() => Promise.resolve('present')),
    remains: vi.fn(() => Promise.resolve(false)),
  }
  const runner = { observe: vi.fn(() => Promise.resolve({ state: 'answering' })) }
  const observe = createObserver({
    homeStore: homeStore as unknown as HomeStore,
    runner: runner as unknown as Runner,
    live,
    log,
  })
  return { observe, homeStore, runner, live, warned: log.warnings, published }
}

describe('of a deleted workspace', () => {
  const row = rowOf(idOf(1), { deletedAt: 5 })

  test.each([
    ['absent', true, 'trashed'],
    ['absent', false, 'absent'],
    ['trashed', true, 'trashed'],
    ['present', true, 'present'],
  ] as const)('a home that is %s (anything left: %s) counts as %s', async (seen, remains, expected) => {
    const { observe, homeStore } = senses()
    homeStore.observe.mockResolvedValue(seen)
    homeStore.remains.mockResolvedValue(remains)
    expect(await observe(row)).toMatchObject({ home: expected })
    expect(await observe({ ...row, deletedAt: null })).toMatchObject({ home: seen })
  })

  test('nothing is known when it cannot be said what is left', async () => {
    const { observe, homeStore } = senses()
    homeStore.observe.mockResolvedValue('absent')
    homeStore.remains.mockRejectedValue(new AppError('HOME_STORE_UNAVAILABLE'))
    expect(await observe(row)).toMatchObject({ home: 'unknown' })
  })
})

describe('what is not known', () => {
  const [a, b] = [rowOf(idOf(1)), rowOf(idOf(2))]
  const missing = new AppError('HOME_STORE_UNAVAILABLE', 'The home store is not there')

  test('of homes is published while it lasts, and logged once', async () => {
    const { observe, homeStore, live, warned, published } = senses()
    await observe(a)
    homeStore.observe.mockRejectedValue(missing)
    for (const row of [a, b, a, b]) expect(await observe(row)).toMatchObject({ home: 'unknown' })
    expect(live.homeStoreProblem()).toEqual({
      code: missing.code,
      message: missing.message,
      hint: missing.hint,
    })
    expect(warned).toEqual([a, b].map(({ id }) => ({ id, what: 'home', err: missing })))
    homeStore.observe.mockResolvedValue('present')
    for (const row of [a, b]) await observe(row)
    expect(published).toEqual([missing.message, null])
  })

  test('of an instance is logged when its reason changes', async () => {
    const { observe, runner, warned, published } = senses()
    for (const message of ['500', '500', 'gone']) {
      runner.observe.mockRejectedValue(new AppError('DOCKER_FAILED', message))
      expect(await observe(a)).toEqual({ home: 'present', instance: 'unknown' })
    }
    expect(warned).toMatchObject([{ err: { message: '500' } }, { err: { message: 'gone' } }])
    expect(published).toEqual([])
  })

  test('because nothing answers is said so', async () => {
    vi.useFakeTimers()
    try {
      const { observe, homeStore, runner, live, warned } = senses()
      homeStore.observe.mockReturnValue(new Promise(() => undefined))
      runner.observe.mockReturnValue(new Promise(() => undefined))
      const seen = observe(a)
      await vi.advanceTimersByTimeAsync(30_000)
      expect(await seen).toEqual({ home: 'unknown', instance: 'unknown' })
      expect(live.homeStoreProblem()).toMatchObject({ message: 'The home store does not answer' })
      expect(warned).toMatchObject([{ what: 'home' }, { err: { message: 'Docker does not answer' } }])
    } finally {
      vi.useRealTimers()
    }
  })
})
