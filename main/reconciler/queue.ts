/**
 * Keyed work queue: one pass at a time per key; any number of adds during a pass mean exactly one more after it.
 * `work` may return a delay in milliseconds after which it is called again.
 */
export function createQueue(
  work: (key: string) => Promise<number | undefined>,
  onError: (key: string, error: unknown) => void,
) {
  const dirty = new Set<string>()
  const active = new Map<string, Promise<void>>()
  const timers = new Map<string, NodeJS.Timeout>()
  let open = true

  function add(key: string): void {
    if (!open) return
    clearTimeout(timers.get(key))
    timers.delete(key)
    dirty.add(key)
    if (!active.has(key)) active.set(key, drain(key))
  }

  async function drain(key: string): Promise<void> {
    await Promise.resolve() // so that all adds of one tick become one pass
    while (dirty.delete(key)) {
      try {
        const delay = await work(key)
        if (open && delay !== undefined && !dirty.has(key)) timers.set(key, setTimeout(add, delay, key))
      } catch (error) {
        onError(key, error)
      }
    }
    active.delete(key)
  }

  /** Takes no more work; resolves when the passes under way have ended. */
  async function close(): Promise<void> {
    open = false
    dirty.clear()
    for (const timer of timers.values()) clearTimeout(timer)
    await Promise.all(active.values())
  }

  return { add, close }
}
