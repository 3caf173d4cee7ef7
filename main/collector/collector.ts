import type { ArchiveStore } from '../archive-store/archive-store.ts'
import type { Logger } from '../core/logger.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { GarbageTable } from '../db/garbage.ts'
import { collect, workspaceOf, type Content, type Verdict } from './collect.ts'

/** The first pass waits until the work of a start is done. */
export const SOON_MS = 60_000
export const EVERY_MS = 30 * 60_000

export interface CollectorDeps {
  archives: Pick<ArchiveStore, 'contents' | 'meta' | 'remove'>
  /** Of a deleted workspace too. */
  rowOf: (id: string) => WorkspaceRow | undefined
  garbage: GarbageTable
  /** So many archives of each workspace are kept. */
  keep: () => number
  now: () => number
  log: Logger
}

export type Collector = ReturnType<typeof createCollector>

/** Removes archives that nothing has referred to for a while. */
export function createCollector({ archives, rowOf, garbage, keep, now, log }: CollectorDeps) {
  let pass: Promise<void> | undefined
  let timer: NodeJS.Timeout | undefined
  let open = true

  const judge = (contents: readonly Content[]): Verdict =>
    collect({ contents, rowOf, garbage: garbage.all(), keep: keep(), now: now() })

  async function collectAll(): Promise<void> {
    let contents: Content[] = await archives.contents()
    const { remove, remember, forget } = judge(contents)
    garbage.add(remember, now())
    garbage.remove(forget)
    for (const key of remove) {
      if (!open) return
      try {
        if (await removeIfStillGarbage(key, contents))
          contents = contents.filter((content) => content.key !== key)
      } catch (error) {
        log.warn({ key, err: error }, 'an archive could not be removed')
      }
    }
  }

  async function removeIfStillGarbage(key: string, contents: readonly Content[]): Promise<boolean> {
    const size = await archives.meta(key).catch(() => undefined)
    // Asked again now, with nothing in between: somebody may have wished for it meanwhile.
    const others = contents.filter((content) => workspaceOf(content.key) === workspaceOf(key))
    if (!judge(others).remove.includes(key)) return false
    await archives.remove(key)
    garbage.remove([key])
    const finished = others.some((content) => content.key === key && content.finished)
    const why = finished ? 'nothing has referred to it for two hours' : 'it was never finished'
    log.info({ key, bytes: size?.bytes, why }, 'removed an archive')
    return true
  }

  /** One pass; who asks during one gets that one. What fails is logged, and is tried again by the next. */
  function run(): Promise<void> {
    pass ??= collectAll()
      .catch((error: unknown) => log.warn({ err: error }, 'archives could not be collected'))
      .finally(() => (pass = undefined))
    return pass
  }

  function schedule(ms: number): void {
    timer = setTimeout(() => {
      void run().then(() => {
        if (open) schedule(EVERY_MS)
      })
    }, ms).unref()
  }

  return {
    run,

    start: (): void => schedule(SOON_MS),

    /** Resolves when the pass under way has ended. */
    async close(): Promise<void> {
      open = false
      clearTimeout(timer)
      await pass
    },
  }
}
