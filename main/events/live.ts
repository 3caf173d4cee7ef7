import type { Engine, Progress } from '../core/api.ts'
import type { Bus } from './bus.ts'

export type Live = ReturnType<typeof createLive>

/** What is true only while this process runs, and so is kept in memory: progress of operations, and the engine. */
export function createLive(bus: Bus) {
  const progress = new Map<string, Progress>()
  let engine: Engine = {
    reachable: false,
    version: null,
    message: 'Looking for Docker',
    hint: null,
  }
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
  }
}
