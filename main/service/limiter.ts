import { AppError } from '../core/errors.ts'

/** So many keys are remembered; the one that failed least lately makes room. */
const MAX_KEYS = 10_000

export type Limiter = ReturnType<typeof createLimiter>

/** Counts failures by key, in memory: after `max` of them within `windowMs` the key has to wait. `now`: of a clock that nobody sets. */
export function createLimiter({ max, windowMs, now }: { max: number; windowMs: number; now: () => number }) {
  /** When each has failed, the latest last; keys in the order of their last failure. */
  const failures = new Map<string, number[]>()

  const recent = (key: string): number[] =>
    (failures.get(key) ?? []).filter((at) => at > now() - windowMs).slice(-max)

  return {
    /** @throws {AppError} TOO_MANY_TRIES, which says how long to wait. */
    check(key: string): void {
      const [first] = recent(key)
      if (first === undefined || recent(key).length < max) return
      const seconds = Math.ceil((first + windowMs - now()) / 1_000)
      throw new AppError('TOO_MANY_TRIES', `Too many failed tries: wait ${inWords(seconds)}`, {
        retryAfterSeconds: seconds,
      })
    },

    fail(key: string): void {
      const times = [...recent(key), now()]
      failures.delete(key)
      failures.set(key, times)
      if (failures.size <= MAX_KEYS) return
      for (const oldest of failures.keys()) return void failures.delete(oldest)
    },

    /** It has succeeded. */
    forget(key: string): void {
      failures.delete(key)
    },
  }
}

function inWords(seconds: number): string {
  const [count, unit] = seconds < 60 ? [seconds, 'second'] : [Math.ceil(seconds / 60), 'minute']
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}
