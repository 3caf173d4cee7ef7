import { AppError, toAppError, type ErrorCode } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Operation } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { Live } from '../events/live.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import type { Runner } from '../runner/runner.ts'
import { isGone, type Situation } from './plan.ts'

/** An engine or a disk that says nothing for this long is not known. */
const PATIENCE_MS = 30_000
const SILENT = {
  home: ['HOME_STORE_UNAVAILABLE', 'The home store does not answer'],
  instance: ['DOCKER_UNREACHABLE', 'Docker does not answer'],
} as const satisfies Record<string, readonly [ErrorCode, string]>

export interface ObserverDeps {
  homeStore: HomeStore
  runner: Runner
  live: Live
  log: Logger
}

export interface Seen {
  home: Situation['home']
  instance: Situation['instance']
  /** How a dead instance ended. */
  ending?: string
}

/** Where a workspace's home is, as the database and the home store name it. */
export const homeKey = (row: Pick<WorkspaceRow, 'ownerId' | 'id'>): string =>
  `users/${row.ownerId}/workspaces/${row.id}/home`

/**
 * Looks at what is really there. What cannot be asked is `unknown`, which never means absent; why is logged
 * when it changes, and of the home store it is published.
 */
export function createObserver({ homeStore, runner, live, log }: ObserverDeps) {
  const troubles = { home: new Map<string, AppError>(), instance: new Map<string, AppError>() }

  async function ask<T>(
    what: keyof typeof troubles,
    { id }: WorkspaceRow,
    question: Promise<T>,
  ): Promise<T | undefined> {
    const before = troubles[what].get(id)
    try {
      const answer = await inTime(question, SILENT[what])
      if (troubles[what].delete(id)) log.info({ id, what }, 'known again')
      return answer
    } catch (error) {
      const trouble = toAppError(error)
      troubles[what].set(id, trouble)
      if (trouble.message !== before?.message) log.warn({ id, what, err: trouble }, 'not known for now')
      return undefined
    }
  }

  /** Of a deleted workspace: whatever lies where its home was counts as in the trash. */
  async function leftOf(key: string): Promise<'absent' | 'present' | 'trashed'> {
    const home = await homeStore.observe(key)
    return home === 'absent' && (await homeStore.remains(key)) ? 'trashed' : home
  }

  return async (row: WorkspaceRow): Promise<Seen> => {
    const key = homeKey(row)
    const [seenHome, instance] = await Promise.all([
      ask('home', row, row.deletedAt === null ? homeStore.observe(key) : leftOf(key)),
      ask('instance', row, runner.observe(row.id, homeStore.pathOf(key))),
    ])
    const [trouble] = troubles.home.values()
    live.setHomeStoreProblem(
      trouble ? { code: trouble.code, message: trouble.message, hint: trouble.hint } : null,
    )
    return {
      home: seenHome ?? 'unknown',
      instance: instance?.state ?? 'unknown',
      ...(instance?.ending !== undefined && { ending: instance.ending }),
    }
  }
}

/** The answer, or `silent` thrown when there is none for too long. */
async function inTime<T>(question: Promise<T>, silent: readonly [ErrorCode, string]): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const impatience = new Promise<never>(
    (_, reject) => (timer = setTimeout(() => reject(new AppError(...silent)), PATIENCE_MS)),
  )
  return Promise.race([question, impatience]).finally(() => clearTimeout(timer))
}

/** True when what `operation` is for can be seen. */
export function reached(operation: Operation, seen: Seen, row: WorkspaceRow): boolean | 'unknown' {
  if (seen.home === 'unknown' || seen.instance === 'unknown') return 'unknown'
  switch (operation) {
    case 'PROVISIONING':
    case 'RESTORING':
      return seen.home === 'present'
    case 'STARTING':
      return seen.instance === 'answering'
    case 'STOPPING':
      return isGone(seen.instance)
    case 'ARCHIVING':
      return seen.home === 'absent' && row.archiveKey !== null
    case 'DELETING':
      return isGone(seen.instance) && (hasLeft(row) ? seen.home !== 'present' : seen.home === 'absent')
  }
}

/** True while there is something that a deleted workspace could be taken back from. */
export const hasLeft = ({
  homeStoreKey,
  archiveKey,
}: Pick<WorkspaceRow, 'homeStoreKey' | 'archiveKey'>): boolean => homeStoreKey !== null || archiveKey !== null
