import type { Engine, Progress, Trouble } from '../core/api.ts'
import type { Bus } from './bus.ts'

export type Live = ReturnType<typeof createLive>

/** What is true only while this process runs, and so is kept in memory: progress of operations, the engine, and the home store. */
export function createLive(bus: Bus) {
  const progress = new Map<string, Progress>()
  let engine: Engine = {
    reachable: false,
    version: null,
    message: 'Looking for Docker',
    hint: null,
  }
  let homeStoreProblem: Trouble | null = null
  return {
    progressOf: (id: string): Progress | null => progress.get(id) ?? null,
    setProgress(id: string, now: Progress | null): void {
      if (now) progress.set(id, now)
      else if (!progress.delete(id)) return
      bus.publish({ kind: 'progress', id, progress: now })
    },
    engine: (): Engine => engine,
    setEngine(now: Engine): void {
      const same =
        now.reachable === engine.reachable && now.version === engine.version && now.message === engine.message
      engine = now
      if (!same) bus.publish({ kind: 'engine', engine })
    },
    /** Why nothing is known about homes for now; null when they can be seen. */
    homeStoreProblem: (): Trouble | null => homeStoreProblem,
    setHomeStoreProblem(now: Trouble | null): void {
      if (now?.code === homeStoreProblem?.code && now?.message === homeStoreProblem?.message) return
      homeStoreProblem = now
      bus.publish({ kind: 'home_store', problem: now })
    },
  }
}
