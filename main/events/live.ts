import type { Activity, Engine, Progress, Transition, Trouble } from '../core/api.ts'
import type { Bus } from './bus.ts'

/** What is known of a workspace besides its row: what it does next by itself, and who or what is at work in it. */
export interface Prospect {
  transition: Transition | null
  activity: Activity
}
const QUIET: Prospect = { transition: null, activity: { connections: 0, kept_awake_by: null } }

export type Live = ReturnType<typeof createLive>

/** What is true only while this process runs, and so is kept in memory: progress of operations, the engine, and the home store. */
export function createLive(bus: Bus) {
  const progress = new Map<string, Progress>()
  const prospects = new Map<string, Prospect>()
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
    prospectOf: (id: string): Prospect => prospects.get(id) ?? QUIET,
    /** Announced as news of the workspace, when it differs. */
    setProspect(id: string, now: Prospect): void {
      if (JSON.stringify(now) === JSON.stringify(prospects.get(id) ?? QUIET)) return
      prospects.set(id, now)
      bus.publish({ kind: 'workspace', id })
    },
    forget: (id: string): void => void prospects.delete(id),
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
