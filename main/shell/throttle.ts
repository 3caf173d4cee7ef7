/** Lets something happen at most once in `ms`, for each key; what is more is dropped, which is told once for each. */
export function createThrottle(ms: number, now: () => number, dropped: (key: string) => void) {
  const last = new Map<string, number>()
  const told = new Set<string>()
  return (key: string): boolean => {
    const time = now()
    if (time - (last.get(key) ?? -Infinity) >= ms) {
      last.set(key, time)
      return true
    }
    if (!told.has(key)) {
      told.add(key)
      dropped(key)
    }
    return false
  }
}
