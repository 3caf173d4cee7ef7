import {
  access,
  chmod,
  chown,
  lstat,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  rmdir,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { AppError, errnoOf } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import type { HomeStore } from './home-store.ts'
import { unpack } from './unpack.ts'

/** Tells a home store from the empty mount point of a disk that is not there. */
const MARKER = '.berth-home-store'
const KEY = /^users\/[0-9a-z]+\/workspaces\/[0-9a-z]+\/home$/

export interface LocalDirOptions {
  root: string
  /** Whose the homes are; undefined: this process's user. */
  owner: { uid: number; gid: number } | undefined
}

/** Makes `root` a home store. Call it once, when the installation is new: later a missing marker means a missing disk. */
export async function initLocalDir(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 })
  await writeFile(join(root, MARKER), 'Berth keeps the homes of workspaces here.\n', { mode: 0o600 })
}

/** Homes as directories below `root`. Nothing inside a home is ever read or followed. */
export function createLocalDir({ root, owner }: LocalDirOptions): HomeStore {
  function pathOf(key: string): string {
    if (!KEY.test(key)) throw new Error(`not a home store key: ${key}`)
    return join(root, key)
  }

  async function requireStore(): Promise<void> {
    try {
      await access(join(root, MARKER))
    } catch (error) {
      throw new AppError('HOME_STORE_UNAVAILABLE', `The home store is not at ${root}`, { cause: error })
    }
  }

  async function observe(key: string): Promise<'absent' | 'present'> {
    const path = pathOf(key)
    await requireStore()
    try {
      const found = await lstat(path)
      if (found.isDirectory()) return 'present'
      throw new AppError('HOME_STORE_UNAVAILABLE', `${path} is not a directory`, { hint: 'Move it away.' })
    } catch (error) {
      const errno = errnoOf(error)
      if (errno === 'ENOENT') return 'absent'
      if (error instanceof AppError) throw error
      throw new AppError('HOME_STORE_UNAVAILABLE', `${path} cannot be read (${errno})`, { cause: error })
    }
  }

  /** Makes a directory beside the home, lets `fill` work on it, and gives it to the homes' owner. */
  async function stage(key: string, opId: string, fill: (dir: string) => Promise<void>): Promise<string> {
    const parent = dirname(pathOf(key))
    const staged = join(parent, `.making-${opId}`)
    await mkdir(parent, { recursive: true, mode: 0o700 })
    await removeStaged(parent)
    await mkdir(staged)
    await fill(staged)
    await chmod(staged, 0o755)
    if (owner) await chown(staged, owner.uid, owner.gid)
    return staged
  }

  return {
    observe,
    pathOf,

    async remains(key) {
      await requireStore()
      return exists(dirname(pathOf(key)))
    },

    async create(key, opId) {
      if ((await observe(key)) === 'present') return
      await explained(dirname(pathOf(key)), async () => {
        const staged = await stage(key, opId, () => Promise.resolve())
        await failpoint('provisioning.staged')
        await rename(staged, pathOf(key))
        await syncDir(dirname(pathOf(key)))
        await failpoint('provisioning.made')
      })
    },

    async seed(key, opId, fill) {
      const path = pathOf(key)
      await explained(path, async () => {
        if ((await readdir(path)).length > 0) return
        const staged = await stage(key, opId, (dir) => fill((tar) => unpack(tar, dir, owner)))
        await failpoint('starting.seed-staged')
        // Takes the empty directory's place; the system refuses if anything has come into it meanwhile.
        if (process.platform === 'win32') await rmdir(path)
        await rename(staged, path)
        await failpoint('starting.seeded')
      })
    },

    async remove(key, opId) {
      const path = pathOf(key)
      const parent = dirname(path)
      await explained(parent, async () => {
        // Out of the way at once, so that a half-removed home is never taken for a home.
        if ((await observe(key)) === 'present') await rename(path, join(parent, `.gone-${opId}`))
        await failpoint('deleting.renamed-home')
        await removeTree(parent)
        await failpoint('deleting.removed-home')
      })
    },
  }
}

/** Runs `work`; what the file system forbids becomes an error for people. */
async function explained(path: string, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EACCES' || errno === 'EPERM' || errno === 'EROFS')
      throw new AppError('HOME_NOT_WRITABLE', `${path} cannot be written (${errno})`, { cause: error })
    throw error
  }
}

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path)
    return true
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return false
    throw error
  }
}

async function removeStaged(parent: string): Promise<void> {
  for (const name of await readdir(parent))
    if (name.startsWith('.making-')) await removeTree(join(parent, name))
}

/** Removes `dir` and all in it, also what a person has made read-only (or Go, with its modules). */
async function removeTree(dir: string): Promise<void> {
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true, maxRetries: 3 })
  try {
    await remove()
  } catch (error) {
    if (errnoOf(error) !== 'EACCES') throw error
    await unlock(dir)
    await remove()
  }
}

/** Makes every directory from `dir` down writable for its owner; links are not followed. */
async function unlock(dir: string): Promise<void> {
  await chmod(dir, 0o700)
  for (const entry of await readdir(dir, { withFileTypes: true }))
    if (entry.isDirectory()) await unlock(join(dir, entry.name))
}

/** Makes a rename last through a power cut. */
async function syncDir(path: string): Promise<void> {
  if (process.platform === 'win32') return // which cannot open a directory
  const handle = await open(path)
  await handle.sync().finally(() => handle.close())
}
