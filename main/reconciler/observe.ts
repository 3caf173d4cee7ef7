import type { Operation } from '../core/state.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { HomeStore } from '../home-store/home-store.ts'
import type { Runner } from '../runner/runner.ts'
import { isGone, type Situation } from './plan.ts'

/** An engine or a disk that says nothing for this long is not known. */
const PATIENCE_MS = 30_000

export interface Seen {
  home: Situation['home']
  instance: Situation['instance']
  /** How a dead instance ended. */
  ending?: string
}

/** Where a workspace's home is, as the database and the home store name it. */
export const homeKey = (row: Pick<WorkspaceRow, 'ownerId' | 'id'>): string =>
  `users/${row.ownerId}/workspaces/${row.id}/home`

/** What is really there. What cannot be asked is `unknown`, which never means absent. */
export async function observe(
  row: WorkspaceRow,
  { homeStore, runner }: { homeStore: HomeStore; runner: Runner },
): Promise<Seen> {
  const key = homeKey(row)
  const home: Promise<'absent' | 'present'> =
    row.deletedAt === null
      ? homeStore.observe(key)
      : homeStore.remains(key).then((some) => (some ? 'present' : 'absent'))
  const [seenHome, instance] = await Promise.all([known(home), known(runner.observe(row.id))])
  return {
    home: seenHome ?? 'unknown',
    instance: instance?.state ?? 'unknown',
    ...(instance?.ending !== undefined && { ending: instance.ending }),
  }
}

/** The answer; undefined when there is none to be had for now. */
async function known<T>(question: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const impatience = new Promise<undefined>(
    (resolve) => (timer = setTimeout(() => resolve(undefined), PATIENCE_MS)),
  )
  try {
    return await Promise.race([question, impatience])
  } catch {
    return undefined
  } finally {
    clearTimeout(timer)
  }
}

/** True when what `operation` is for can be seen. */
export function reached(operation: Operation, seen: Seen): boolean | 'unknown' {
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
      return seen.home === 'absent'
    case 'DELETING':
      return seen.home === 'absent' && isGone(seen.instance)
  }
}
