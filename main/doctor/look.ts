import { mkdtemp, rmdir, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import type { Disk } from './checks.ts'

/** The room on the file system of a path. */
export async function diskOf(path: string): Promise<Disk> {
  const { bavail, blocks, bsize } = await statfs(path)
  return { free: bavail * bsize, total: blocks * bsize }
}

/** Makes a directory in this one and removes it again: what a system says about permissions is not all there is. */
export async function tryToWrite(dir: string): Promise<void> {
  await rmdir(await mkdtemp(join(dir, '.berth-doctor-')))
}
