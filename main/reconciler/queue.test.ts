import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createQueue } from './queue.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

/** Lets everything that is ready happen; no time passes. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** A queue whose passes last until they are told to end. */
function heldQueue() {
  const passes: { key: string; end: (delay?: number) => void; fail: (error: Error) => void }[] = []
  const errors: [key: string, error: unknown][] = []
  const running = new Map<string, number>()
  const queue = createQueue(
    (key) => {
      running.set(key, (running.get(key) ?? 0) + 1)
      expect(running.get(key), `passes for ${key} at a time`).toBe(1)
      return new Promise<number | undefined>((resolve, reject) =>
        passes.push({ key, end: resolve, fail: reject }),
      ).finally(() => running.delete(key))
    },
    (key, error) => errors.push([key, error]),
  )
  return { ...queue, passes, errors }
}

describe('a key', () => {
  test('that is added many times in one tick gets one pass', async () => {
    const { add, passes } = heldQueue()
    for (let i = 0; i < 100; i++) add('a')
    await turn()
    expect(passes).toHaveLength(1)
    passes[0]!.end()
    await turn()
    expect(passes).toHaveLength(1)
  })

  test('gets its first pass without any time passing', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await Promise.resolve()
    expect(passes).toHaveLength(1)
  })

  test('that is added during its pass gets exactly one more after it, never two at once', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await turn()
    for (let i = 0; i < 3; i++) {
      add('a')
      await turn()
    }
    expect(passes).toHaveLength(1)
    passes[0]!.end()
    await turn()
    expect(passes).toHaveLength(2)
    passes[1]!.end()
    await turn()
    expect(passes).toHaveLength(2)
  })

  test('that is added once its pass has ended gets another', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await turn()
    passes[0]!.end()
    await turn()
    add('a')
    await turn()
    expect(passes).toHaveLength(2)
  })

  test('does not wait for another key', async () => {
    const { add, passes } = heldQueue()
    add('a')
    add('b')
    await turn()
    expect(passes.map(({ key }) => key)).toEqual(['a', 'b'])
  })
})

describe('a delay', () => {
  test('is honoured: the pass comes again after it, and not before', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await turn()
    passes[0]!.end(500)
    await turn()
    await vi.advanceTimersByTimeAsync(499)
    expect(passes).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(1)
    expect(passes).toHaveLength(2)
    passes[1]!.end()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(passes).toHaveLength(2)
  })

  test('of nothing comes again at once', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await turn()
    passes[0]!.end(0)
    await turn()
    await vi.advanceTimersByTimeAsync(0)
    expect(passes).toHaveLength(2)
  })

  test('is cancelled by an earlier add', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await turn()
    passes[0]!.end(500)
    await turn()
    add('a')
    await turn()
    passes[1]!.end()
    await turn()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(passes).toHaveLength(2)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('that a pass asks for counts for nothing when the key was added meanwhile', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await turn()
    add('a')
    passes[0]!.end(500)
    await turn()
    expect(passes).toHaveLength(2)
    passes[1]!.end()
    await vi.advanceTimersByTimeAsync(10_000)
    expect(passes).toHaveLength(2)
  })

  test('of one key is not touched by another', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await turn()
    passes[0]!.end(500)
    await turn()
    add('b')
    await vi.advanceTimersByTimeAsync(500)
    expect(passes.map(({ key }) => key)).toEqual(['a', 'b', 'a'])
  })
})

describe('a pass that throws', () => {
  test('is reported, and the key goes on', async () => {
    const { add, passes, errors } = heldQueue()
    const error = new Error('boom')
    add('a')
    await turn()
    passes[0]!.fail(error)
    await turn()
    expect(errors).toEqual([['a', error]])
    add('a')
    await turn()
    expect(passes).toHaveLength(2)
  })

  test('is followed by the pass that was asked for meanwhile', async () => {
    const { add, passes } = heldQueue()
    add('a')
    await turn()
    add('a')
    passes[0]!.fail(new Error('boom'))
    await turn()
    expect(passes).toHaveLength(2)
  })
})

describe('closing', () => {
  test('waits for the passes under way', async () => {
    const { add, close, passes } = heldQueue()
    add('a')
    add('b')
    await turn()
    const closed = vi.fn()
    void close().then(closed)
    passes[0]!.end()
    await turn()
    expect(closed).not.toHaveBeenCalled()
    passes[1]!.end()
    await turn()
    expect(closed).toHaveBeenCalledOnce()
  })

  test('ends delays, drops what waits, and takes nothing more', async () => {
    const { add, close, passes } = heldQueue()
    add('a')
    add('b')
    await turn()
    passes[0]!.end(500)
    await turn()
    add('b')
    const closing = close()
    passes[1]!.end(500)
    await closing
    add('c')
    await vi.advanceTimersByTimeAsync(10_000)
    expect(passes).toHaveLength(2)
    expect(vi.getTimerCount()).toBe(0)
  })
})
