import type { Usage } from '../core/api.ts'
import type { Logger } from '../core/logger.ts'

const EVERY_MS = 5_000
const KEPT_MS = 5 * 60_000
/** Between looks further apart than this it was not watched: what they tell is no use at a moment. */
const TOO_LONG_MS = 30_000
/** For so long after somebody has asked, they are taken to ask again. */
const READER_MS = 30_000
/** So many calls of the engine are under way at most. */
const LANES = 4

export interface UsageDeps {
  /** The workspaces that run. */
  running: () => string[]
  /** What one uses: CPU time since it was started, and memory now; undefined when it does not run after all. */
  look: (id: string) => Promise<{ cpuSeconds: number; memoryBytes: number } | undefined>
  tell: (id: string, usage: Usage) => void
  now: () => number
  /** Milliseconds that passed, whatever the wall clock was set to. */
  monotonic: () => number
  log: Logger
}

interface Watched {
  /** The last look, at a time of the monotonic clock. */
  last: { at: number; cpuSeconds: number } | null
  samples: { at: number; usage: Usage }[]
}

/**
 * What running workspaces use, looked at every five seconds and kept for five minutes: only while somebody follows, or
 * has just asked. Otherwise there is no timer, and the engine is left alone.
 */
export function createUsage({ running, look, tell, now, monotonic, log }: UsageDeps) {
  const watched = new Map<string, Watched>()
  let followers = 0
  let readUntil = -Infinity
  let closed = false
  let begunAt = -Infinity
  let underWay = false
  let timer: NodeJS.Timeout | undefined

  const isWanted = (): boolean => !closed && (followers > 0 || monotonic() < readUntil)

  /** The next round, once this one is over: a slow engine is asked less often, and never twice at once. */
  function schedule(): void {
    if (underWay) return
    clearTimeout(timer)
    timer = undefined
    if (isWanted())
      timer = setTimeout(() => void round(), Math.max(0, begunAt + EVERY_MS - monotonic())).unref()
  }

  async function round(): Promise<void> {
    begunAt = monotonic()
    underWay = true
    try {
      const ids = running()
      const still = new Set(ids)
      for (const id of watched.keys()) if (!still.has(id)) watched.delete(id)
      const next = ids.values()
      await Promise.all(
        Array.from({ length: LANES }, async () => {
          for (const id of next) if (isWanted()) await sample(id)
        }),
      )
    } catch (error) {
      log.warn({ err: error }, 'could not see what is running')
    }
    underWay = false
    schedule()
  }

  async function sample(id: string): Promise<void> {
    try {
      const use = await look(id)
      if (!use) return void watched.delete(id)
      const at = monotonic()
      const { last, samples } = watched.get(id) ?? { last: null, samples: [] }
      const kept = samples.filter((sample) => sample.at > at - KEPT_MS)
      watched.set(id, { last: { at, cpuSeconds: use.cpuSeconds }, samples: kept })
      const ms = last ? at - last.at : 0
      const seconds = last ? use.cpuSeconds - last.cpuSeconds : -1 // less than before: it was started anew
      if (ms <= 0 || ms > TOO_LONG_MS || seconds < 0) return
      const usage: Usage = {
        at: new Date(now()).toISOString(),
        cpus: Math.round((seconds / ms) * 1e6) / 1e3,
        memory_bytes: use.memoryBytes,
      }
      kept.push({ at, usage })
      if (isWanted()) tell(id, usage)
    } catch (error) {
      // Others tell that the engine is away; here it is only asked again.
      log.debug({ id, err: error }, 'could not see what it uses')
    }
  }

  return {
    /** How many follow what is told. */
    follow(count: number): void {
      followers = count
      schedule()
    },
    /** What it used in the last five minutes, the oldest first. The first answer may have to be waited for. */
    read(id: string): Usage[] {
      readUntil = monotonic() + READER_MS
      schedule()
      const samples = watched.get(id)?.samples ?? []
      return samples.filter(({ at }) => at > monotonic() - KEPT_MS).map(({ usage }) => usage)
    },
    /** Forgets what a workspace used before it was stopped. */
    forget: (id: string): void => void watched.delete(id),
    close(): void {
      closed = true
      clearTimeout(timer)
    },
  }
}
