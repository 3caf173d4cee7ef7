import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Usage } from '../core/api.ts'
import { createQuietLog } from '../testing/plane.ts'
import { useVirtualTime } from '../testing/virtual-time.ts'
import { createUsage } from './usage.ts'

/** Workspaces that use so many CPUs, looked at with virtual time; a look takes `slow` ms. */
function setUp(cpus: Record<string, number>) {
  const time = useVirtualTime(() => false)
  const start = Date.now()
  const running = new Set(Object.keys(cpus))
  /** What each container's own counter is short of: it was started later. */
  const since: Record<string, number> = {}
  const looks: { id: string; at: number }[] = []
  const told: { id: string; usage: Usage }[] = []
  const state = { slow: 0, wall: 0, monotonic: 0, atOnce: 0, most: 0, failing: false }
  const usage = createUsage({
    running: () => [...running],
    async look(id) {
      looks.push({ id, at: Date.now() - start })
      state.most = Math.max(state.most, ++state.atOnce)
      if (state.slow > 0) await new Promise((resolve) => setTimeout(resolve, state.slow))
      state.atOnce--
      if (state.failing) throw new Error('the engine is away')
      if (!running.has(id)) return undefined
      return {
        cpuSeconds: (cpus[id]! * (Date.now() - start - (since[id] ?? 0))) / 1_000,
        memoryBytes: 100,
      }
    },
    tell: (id, usage) => void told.push({ id, usage }),
    now: () => Date.now() + state.wall,
    monotonic: () => Date.now() + state.monotonic,
    log: createQuietLog(),
  })
  onTestFinished(() => usage.close())
  return { ...time, usage, running, since, looks, told, state, start }
}

const cpusOf = (samples: Usage[]): number[] => samples.map(({ cpus }) => cpus)

describe('while somebody follows', () => {
  test('each running workspace is looked at every five seconds, and told of from the second look on', async () => {
    const { usage, looks, told, pass, start } = setUp({ a: 0.5, b: 2 })
    usage.follow(1)
    await pass(11_000)
    expect(looks.map(({ id, at }) => `${id} ${at}`)).toEqual([
      ...['a 0', 'b 0', 'a 5000', 'b 5000', 'a 10000', 'b 10000'],
    ])
    const at = new Date(start + 5_000).toISOString()
    expect(told.slice(0, 2)).toEqual([
      { id: 'a', usage: { at, cpus: 0.5, memory_bytes: 100 } },
      { id: 'b', usage: { at, cpus: 2, memory_bytes: 100 } },
    ])
    expect(usage.read('a')).toEqual([told[0]!.usage, told[2]!.usage])
  })

  test('five minutes are kept', async () => {
    const { usage, pass } = setUp({ a: 1 })
    usage.follow(1)
    await pass(20 * 60_000)
    expect(usage.read('a')).toHaveLength(60)
  })

  test('a slow engine is asked again only after it has answered', async () => {
    const { usage, looks, state, pass } = setUp({ a: 1 })
    state.slow = 12_000
    usage.follow(1)
    await pass(61_000)
    expect(state.most).toBe(1)
    expect(looks.map(({ at }) => at)).toEqual([0, 12_000, 24_000, 36_000, 48_000, 60_000])
    expect(cpusOf(usage.read('a')).every((cpus) => cpus === 1)).toBe(true)
  })

  test('however many run, few calls are under way at once', async () => {
    const { usage, looks, state, pass } = setUp(
      Object.fromEntries(Array.from({ length: 50 }, (_, n) => [`w${n}`, 1])),
    )
    state.slow = 100
    usage.follow(1)
    await pass(4_900)
    expect(state.most).toBe(4)
    expect(new Set(looks.map(({ id }) => id)).size).toBe(50)
  })

  test('an engine that is away is asked again, and then told of as if nothing had been', async () => {
    const { usage, state, told, pass } = setUp({ a: 1 })
    usage.follow(1)
    await pass(6_000)
    state.failing = true
    await pass(10_000)
    expect(told).toHaveLength(1)
    state.failing = false
    await pass(5_000)
    expect(cpusOf(told.map(({ usage }) => usage))).toEqual([1, 1])
  })

  test('one that stops is forgotten; started anew it begins anew', async () => {
    const { usage, running, since, told, pass } = setUp({ a: 1, b: 1 })
    usage.follow(1)
    await pass(11_000)
    running.delete('a')
    await pass(5_000)
    expect(usage.read('a')).toEqual([])
    expect(usage.read('b')).toHaveLength(3)
    running.add('a')
    since['a'] = 16_000
    since['b'] = 17_000 // between two looks
    await pass(10_000)
    expect(cpusOf(usage.read('a'))).toEqual([1])
    expect(told.every(({ usage }) => usage.cpus === 1)).toBe(true)
  })

  test('what it used before a stop is not told after it', async () => {
    const { usage, pass } = setUp({ a: 1 })
    usage.follow(1)
    await pass(11_000)
    usage.forget('a')
    expect(usage.read('a')).toEqual([])
  })
})

describe('the engine is left alone, and no timer runs,', () => {
  test('before anybody follows', () => {
    const { looks } = setUp({ a: 1 })
    expect([looks, vi.getTimerCount()]).toEqual([[], 0])
  })

  test('once nobody does', async () => {
    const { usage, looks, pass } = setUp({ a: 1 })
    usage.follow(2)
    await pass(6_000)
    usage.follow(0)
    expect(vi.getTimerCount()).toBe(0)
    await pass(60_000)
    expect(looks).toHaveLength(2)
  })

  test('nor goes a round on that had begun', async () => {
    const { usage, looks, told, state, pass, idle } = setUp({ a: 1, b: 1, c: 1, d: 1, e: 1, f: 1 })
    usage.follow(1)
    await pass(1_000)
    state.slow = 500
    await pass(4_100)
    usage.follow(0)
    await pass(60_000)
    await idle()
    expect([looks.length, told]).toEqual([10, []])
    expect(vi.getTimerCount()).toBe(0)
  })

  test('after it was closed, whoever comes', async () => {
    const { usage, looks, pass } = setUp({ a: 1 })
    usage.close()
    usage.follow(1)
    usage.read('a')
    await pass(10_000)
    expect(looks).toEqual([])
  })
})

test('followers that come and go do not make it look more often', async () => {
  const { usage, looks, pass } = setUp({ a: 1 })
  for (let n = 0; n < 100; n++) {
    usage.follow(n % 2)
    await pass(100)
  }
  expect(looks.length).toBeLessThanOrEqual(3)
})

test('who asks is answered from then on, and half a minute later it is over', async () => {
  const { usage, looks, pass } = setUp({ a: 1 })
  expect(usage.read('a')).toEqual([])
  await pass(6_000)
  expect(cpusOf(usage.read('a'))).toEqual([1])
  await pass(120_000)
  expect(looks.at(-1)!.at).toBeLessThanOrEqual(36_000)
  expect(vi.getTimerCount()).toBe(0)
})

test('of the time in which nobody followed nothing is told', async () => {
  const { usage, told, pass } = setUp({ a: 1 })
  usage.follow(1)
  await pass(6_000)
  usage.follow(0)
  await pass(60_000)
  usage.follow(1)
  await pass(1_000)
  expect(told).toHaveLength(1)
  await pass(5_000)
  expect(told).toHaveLength(2)
})

test.each([-86_400_000, 86_400_000])('a clock that is set by %d ms changes no number', async (ms) => {
  const { usage, state, told, pass } = setUp({ a: 1 })
  usage.follow(1)
  await pass(11_000)
  state.wall = ms
  await pass(10_000)
  expect(cpusOf(told.map(({ usage }) => usage))).toEqual([1, 1, 1, 1])
  expect(usage.read('a')).toHaveLength(4)
})

test('after the machine was asleep it begins anew', async () => {
  const { usage, state, told, pass } = setUp({ a: 1 })
  usage.follow(1)
  await pass(6_000)
  state.monotonic = 3_600_000
  await pass(5_000)
  expect(told).toHaveLength(1)
  expect(usage.read('a')).toEqual([])
  await pass(5_000)
  expect(cpusOf(usage.read('a'))).toEqual([1])
})
