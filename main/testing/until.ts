import { inspect } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'vitest'

const POLL_MS = 50
/** Generous, as the machine may be busy; nothing ever waits this long for something that works. */
export const PATIENCE_MS = 60_000

/**
 * Looks until `look` gives something truthy, and returns that.
 * @throws when `what` does not come within `ms`, telling what `last` says of the matter.
 */
export async function until<T>(
  what: string,
  look: () => T | Promise<T>,
  { ms = PATIENCE_MS, last }: { ms?: number; last?: () => unknown } = {},
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const end = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found) return found as Exclude<T, undefined | null | false | 0 | ''>
    if (Date.now() > end)
      throw new Error(`waited ${ms / 1_000} s for: ${what}; last seen: ${inspect(last?.(), { depth: 6 })}`)
    await sleep(POLL_MS)
  }
}

/** Looks for `ms` that `look` goes on to give the same as at first: for what must not happen. */
export async function stays(what: string, ms: number, look: () => unknown): Promise<void> {
  const first = await look()
  for (const end = Date.now() + ms; Date.now() < end; await sleep(POLL_MS))
    expect(await look(), what).toEqual(first)
}
