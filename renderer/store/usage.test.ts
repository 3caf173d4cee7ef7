import { describe, expect, it } from 'vitest'
import type { Usage } from '../../main/core/api.ts'
import type { ServerEvent } from '../api/stream.ts'
import { aWorkspace } from '../testing.ts'
import { createUsage, NOTHING_USED, reduceUsage, withLoaded, type UsageState } from './usage.ts'

const START = Date.parse('2026-11-21T10:00:00.000Z')
/** What was used after so many seconds. */
const sample = (seconds: number): Usage => ({
  at: new Date(START + seconds * 1_000).toISOString(),
  cpus: seconds,
  memory_bytes: 1,
})
const used = (id: string, seconds: number): ServerEvent => ({
  name: 'usage',
  data: { id, usage: sample(seconds) },
})
const engine = (reachable: boolean): ServerEvent => ({
  name: 'engine',
  data: { reachable, version: null, message: null, hint: null },
})
const after = (...events: ServerEvent[]): UsageState => events.reduce(reduceUsage, NOTHING_USED)
const of = (state: UsageState, id = 'a'): number[] | undefined => state.byId[id]?.map(({ cpus }) => cpus)

describe('reduceUsage', () => {
  it('keeps what is told of each, in order', () => {
    const state = after(used('a', 0), used('b', 1), used('a', 5))
    expect([of(state), of(state, 'b')]).toEqual([[0, 5], [1]])
  })

  it('leaves what others use as it is: their rows have nothing new', () => {
    const before = after(used('a', 0), used('b', 0))
    expect(reduceUsage(before, used('a', 5)).byId['b']).toBe(before.byId['b'])
  })

  it('keeps five minutes, however many samples that are', () => {
    const steady = after(...Array.from({ length: 100 }, (_, n) => used('a', n * 5)))
    expect(of(steady)).toHaveLength(60)
    expect(of(after(used('a', 0), used('a', 5), used('a', 302)))).toEqual([5, 302])
  })

  it('goes on when the clock is set back', () => {
    expect(of(after(used('a', 3_600), used('a', 0), used('a', 5)))).toEqual([3_600, 0, 5])
  })

  it('forgets what does not run any more, and all when Docker is away', () => {
    const state = after(used('a', 0), used('b', 0))
    const word = (status: 'RUNNING' | 'STANDBY'): ServerEvent => ({
      name: 'state_changed',
      data: aWorkspace({ id: 'a', status }),
    })
    expect(reduceUsage(state, word('RUNNING'))).toBe(state)
    expect(Object.keys(reduceUsage(state, word('STANDBY')).byId)).toEqual(['b'])
    expect(reduceUsage(after(used('b', 0)), word('STANDBY'))).toEqual(after(used('b', 0)))
    expect(reduceUsage(state, engine(true))).toBe(state)
    expect(reduceUsage(state, engine(false))).toEqual(NOTHING_USED)
  })

  it('is not changed by other news', () => {
    const state = after(used('a', 0))
    expect(reduceUsage(state, { name: 'reset', data: {} })).toBe(state)
  })
})

describe('withLoaded', () => {
  it('puts the past before what came meanwhile, nothing twice', () => {
    const state = withLoaded(after(used('a', 10), used('a', 15), used('b', 0)), 'a', [0, 5, 10].map(sample))
    expect([of(state), of(state, 'b')]).toEqual([[0, 5, 10, 15], [0]])
  })

  it('changes nothing when nothing was loaded', () => {
    const state = after(used('a', 10))
    expect(withLoaded(state, 'a', [])).toBe(state)
  })
})

it('begins with nothing', () => {
  expect(createUsage().getState()).toEqual(NOTHING_USED)
})
