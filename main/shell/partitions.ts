import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ID_PATTERN } from '../core/api.ts'

const PREFIX = 'workspace-'

/** Where a workspace's windows keep what they keep, apart from every other's. */
export const partitionOf = (id: string): string => `persist:${PREFIX}${id}`

/**
 * Removes what windows of workspaces have left in the browser's files, of those that are gone: while the app did not run,
 * or before this was taken away too. Before any window of them opens.
 */
export async function removePartitions(userData: string, isGone: (id: string) => boolean): Promise<void> {
  const dir = join(userData, 'Partitions')
  const names = await readdir(dir).catch(() => []) // the first start
  for (const name of names) {
    const id = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : ''
    if (ID_PATTERN.test(id) && isGone(id)) await rm(join(dir, name), { recursive: true, force: true })
  }
}
