import { onTestFinished, vi } from 'vitest'

const MAX_ROUNDS = 20_000

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

export type VirtualTime = ReturnType<typeof useVirtualTime>

/**
 * Time that passes only while nothing else can happen: a test of timeouts is quick, and a slow disk makes none happen.
 * `busy` is true while something real, such as the disk, is being waited for.
 */
export function useVirtualTime(busy: () => boolean) {
  vi.useFakeTimers({
    now: new Date('2026-03-01T12:00:00Z'),
    toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'Date'],
  })
  onTestFinished(() => void vi.useRealTimers())

  /** Everything that can happen without a timer has happened. */
  async function quiet(): Promise<void> {
    for (let turns = 0; turns < 5;) {
      await turn()
      turns = busy() ? 0 : turns + 1
    }
  }

  /** Everything that is done at once (within ten milliseconds) has been done. */
  async function idle(): Promise<void> {
    for (let ms = 0; ms < 10; ms++) {
      await quiet()
      vi.advanceTimersByTime(1)
    }
    await quiet()
  }

  /** Lets time pass from timer to timer until `condition` holds; fails when that takes more than `within`. */
  async function until(condition: () => boolean, within = 10 * 60_000): Promise<void> {
    const deadline = Date.now() + within
    for (let round = 0; ; round++) {
      await quiet()
      if (condition()) return
      if (Date.now() > deadline || vi.getTimerCount() === 0 || round > MAX_ROUNDS)
        throw new Error(`not within ${within} ms, after ${round} rounds: ${String(condition)}`)
      vi.advanceTimersToNextTimer()
    }
  }

  /** Lets this much time pass, and all that happens in it. */
  async function pass(ms: number): Promise<void> {
    const end = Date.now() + ms
    setTimeout(() => undefined, ms)
    await until(() => Date.now() >= end, ms)
  }

  return { idle, until, pass }
}
