import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
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
import { dirname, join, sep } from 'node:path'
import { AppError, errnoOf } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import { manifest as manifestSchema, type Manifest } from '../core/manifest.ts'
import type { FoundHome, HomeStore } from './home-store.ts'
import { unpack } from './unpack.ts'

/** Tells a home store from the empty mount point of a disk that is not there. */
const MARKER = '.berth-home-store'
const KEY = /^users\/[0-9a-z]+\/workspaces\/[0-9a-z]+\/home$/
const MANIFEST = 'workspace.json'
const NO_MANIFEST = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'EISDIR', 'EACCES', 'EPERM'])
const MAX_MANIFEST_BYTES = 2 ** 20
/** The length from which on a path is shortened: with one more name it must stay below every system's limit. */
const LONG_PATH = 700
/** Systems do not agree on the last digits of a time. */
const TOLERANCE_MS = 1

export interface LocalDirOptions {
  root: string
  /** Whose the homes are; undefined: this process's user. */
  owner: { uid: number; gid: number } | undefined
  /** Removes all that is in a directory, with more rights than this process has. */
  erase?: (dir: string) => Promise<void>
}

/** Makes `root` a home store. Call it once, when the installation is new: later a missing marker means a missing disk. */
export async function initLocalDir(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 })
  await writeFile(join(root, MARKER), 'Berth keeps the homes of workspaces here.\n', { mode: 0o600 })
}

/** Homes as directories below `root`. Nothing inside a home is ever read or followed. */
export function createLocalDir({ root, owner, erase }: LocalDirOptions): HomeStore {
  /** The manifests as they were last read or written, by key. */
  const described = new Map<string, string>()

  function pathOf(key: string): string {
    if (!KEY.test(key)) throw new Error(`not a home store key: ${key}`)
    return join(root, key)
  }
  /** Beside the home. */
  const beside = (key: string, name: string): string => join(dirname(pathOf(key)), name)

  async function requireStore(): Promise<void> {
    try {
      await access(join(root, MARKER))
    } catch (error) {
      throw new AppError('HOME_STORE_UNAVAILABLE', `The home store is not at ${root}`, { cause: error })
    }
  }

  async function observe(key: string): Promise<'absent' | 'present' | 'trashed'> {
    const path = pathOf(key)
    await requireStore()
    if (await isDirectory(path)) return 'present'
    if (await isDirectory(beside(key, 'trash'))) return 'trashed'
    await requireStore() // which may have gone meanwhile
    return 'absent'
  }

  /** Makes an empty directory beside the home; what earlier attempts left there goes. */
  async function stage(key: string, opId: string): Promise<string> {
    const parent = dirname(pathOf(key))
    // A name that is free, whatever an attempt before has left.
    const staged = join(parent, `.making-${opId}-${randomUUID()}`)
    described.delete(key) // which may have gone with all that was here
    await makeDir(parent)
    // What cannot be removed must not keep a person from a home.
    await removeLeftovers(parent).catch(() => undefined)
    await mkdir(staged, { mode: 0o700 })
    return staged
  }

  /** Removes `dir` and all in it, also what another user has made in it if there is somebody who may. */
  async function remove(dir: string): Promise<void> {
    try {
      await removeTree(dir)
    } catch (error) {
      // Never through a link, which the one who may would follow.
      if (!erase || !(error instanceof AppError) || !(await lstat(dir)).isDirectory()) throw error
      try {
        await erase(dir)
        await rmdir(dir)
      } catch {
        throw error
      }
    }
  }

  /** Removes what attempts have left beside a home: all that can be, then it fails with what cannot. */
  async function removeLeftovers(parent: string): Promise<void> {
    if (!(await exists(parent))) return
    const failures: unknown[] = []
    for (const name of await readdir(parent))
      if (/^\.(making|gone)-/.test(name))
        await remove(join(parent, name)).catch((error: unknown) => failures.push(error))
    if (failures.length > 0) throw failures.at(-1)
  }

  /** Gives what was staged to the homes' owner. */
  async function own(staged: string): Promise<void> {
    await chmod(staged, 0o755)
    if (owner) await chown(staged, owner.uid, owner.gid)
  }

  /**
   * A home that is being discarded has this name until it was looked through: out of the way at once, so that a half-removed
   * home is never taken for one, and known as not looked through in case that Berth ends here.
   */
  const leavingOf = (key: string, opId: string): string => beside(key, `.leaving-${opId}`)

  async function sweep(key: string, opId: string, newestChangeMs: number): Promise<void> {
    const [path, leaving] = [pathOf(key), leavingOf(key, opId)]
    await requireStore()
    await explained(dirname(path), async () => {
      if (await exists(leaving)) {
        try {
          if (await changedAfter(Buffer.from(leaving), newestChangeMs + TOLERANCE_MS))
            throw new AppError('HOME_CHANGED', 'Files changed after the home had been packed')
        } catch (error) {
          await move(leaving, path)
          throw error
        }
        await move(leaving, beside(key, `.gone-${opId}`))
      }
      await removeLeftovers(dirname(path))
      await failpoint('archiving.removed-home')
    })
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
        const staged = await stage(key, opId)
        await own(staged)
        await failpoint('provisioning.staged')
        await move(staged, pathOf(key))
        await failpoint('provisioning.made')
      })
    },

    async seed(key, opId, fill) {
      const path = pathOf(key)
      await explained(path, async () => {
        if ((await readdir(path)).length > 0) return
        const staged = await stage(key, opId)
        await fill((tar) => unpack(tar, staged, owner))
        await own(staged)
        await failpoint('starting.seed-staged')
        // Takes the empty directory's place; the system refuses if anything has come into it meanwhile.
        if (process.platform === 'win32') await rmdir(path)
        await rename(staged, path)
        await failpoint('starting.seeded')
      })
    },

    async restore(key, opId, fill) {
      if ((await observe(key)) === 'present') return
      await explained(dirname(pathOf(key)), async () => {
        const staged = await stage(key, opId)
        await failpoint('restoring.staged')
        try {
          await fill(staged)
        } catch (error) {
          await remove(staged).catch(() => undefined)
          throw error
        }
        await failpoint('restoring.unpacked')
        await move(staged, pathOf(key))
        await failpoint('restoring.renamed')
      })
    },

    async discard(key, opId, newestChangeMs) {
      await explained(dirname(pathOf(key)), async () => {
        if ((await observe(key)) === 'present') await move(pathOf(key), leavingOf(key, opId))
      })
      await failpoint('archiving.renamed-home')
      await sweep(key, opId, newestChangeMs)
    },

    sweep,

    async trash(key) {
      const parent = dirname(pathOf(key))
      const trash = beside(key, 'trash')
      await explained(parent, async () => {
        if ((await observe(key)) === 'present') {
          if (await exists(trash)) await rename(trash, beside(key, `.gone-${randomUUID()}`))
          await move(pathOf(key), trash)
        }
        await failpoint('deleting.trashed-home')
        await removeLeftovers(parent)
      })
    },

    async untrash(key) {
      if ((await observe(key)) !== 'trashed') return
      await explained(dirname(pathOf(key)), async () => {
        await move(beside(key, 'trash'), pathOf(key))
        await failpoint('restoring.untrashed')
      })
    },

    async purge(key, opId) {
      const parent = dirname(pathOf(key))
      await explained(parent, async () => {
        if ((await observe(key)) === 'present') await move(pathOf(key), beside(key, `.gone-${opId}`))
        if (await exists(beside(key, 'trash')))
          await move(beside(key, 'trash'), beside(key, `.gone-${opId}-trash`))
        await failpoint('deleting.purging')
        described.delete(key)
        if (await exists(parent)) {
          // First, so that what is half-removed is not found and taken in.
          await rm(beside(key, MANIFEST), { force: true })
          await remove(parent)
          await syncDir(dirname(parent))
        }
        await failpoint('deleting.purged')
      })
    },

    async describe(key, manifest) {
      const path = beside(key, MANIFEST)
      const text = `${JSON.stringify(manifest, null, 2)}\n`
      if (described.get(key) === text) return
      await requireStore()
      await explained(dirname(path), async () => {
        if ((await readText(path).catch(() => undefined)) !== text) {
          if (!(await exists(dirname(path)))) return
          const made = beside(key, '.making-manifest')
          await rm(made, { recursive: true, force: true })
          await writeFile(made, text, { mode: 0o600, flag: 'wx', flush: true })
          await move(made, path)
        }
        described.set(key, text)
      })
    },

    async manifest(key) {
      await requireStore()
      const path = beside(key, MANIFEST)
      try {
        return parseManifest(described.get(key) ?? (await readText(path)))
      } catch (error) {
        const errno = errnoOf(error)
        // One that cannot be read as a file is none, and is written anew; a disk that fails is another matter.
        if (errno !== undefined && NO_MANIFEST.has(errno)) return undefined
        throw new AppError('HOME_STORE_UNAVAILABLE', `${path} cannot be read (${errno})`, { cause: error })
      }
    },

    async found() {
      await requireStore()
      const found: FoundHome[] = []
      for (const user of await directoriesIn(join(root, 'users')))
        for (const id of await directoriesIn(join(root, 'users', user, 'workspaces'))) {
          const key = `users/${user}/workspaces/${id}/home`
          if (!KEY.test(key)) continue
          const manifest = parseManifest(await readText(beside(key, MANIFEST)).catch(() => undefined))
          const home = await observe(key).catch(() => undefined)
          if (manifest?.id === id && home) found.push({ key, manifest, home })
        }
      await requireStore() // or some may be missing
      return found
    },

    async adopt(from, to) {
      const [source, target] = [dirname(pathOf(from)), dirname(pathOf(to))]
      await requireStore()
      if (from === to || (!(await exists(source)) && (await exists(target)))) return
      if (await exists(target))
        throw new AppError(
          'HOME_STORE_UNAVAILABLE',
          `${source} cannot be moved to ${target}, which is there`,
          {
            hint: 'Move one of the two away.',
          },
        )
      await explained(target, async () => {
        await makeDir(dirname(target))
        await move(source, target)
        await syncDir(dirname(source))
      })
      for (const key of [from, to]) described.delete(key)
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

/** False when nothing is there. What is neither a directory nor nothing is an error. */
async function isDirectory(path: string): Promise<boolean> {
  try {
    const found = await lstat(path)
    if (found.isDirectory()) return true
    throw new AppError('HOME_STORE_UNAVAILABLE', `${path} is not a directory`, { hint: 'Move it away.' })
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return false
    if (error instanceof AppError) throw error
    throw new AppError('HOME_STORE_UNAVAILABLE', `${path} cannot be read (${errno})`, { cause: error })
  }
}

/** The names of the directories in `dir`, which may be missing; links lead nowhere. */
async function directoriesIn(dir: string): Promise<string[]> {
  try {
    if (!(await lstat(dir)).isDirectory()) return []
    const entries = await readdir(dir, { withFileTypes: true })
    return entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'ENOENT') return []
    throw new AppError('HOME_STORE_UNAVAILABLE', `${dir} cannot be read (${errno})`, { cause: error })
  }
}

/** What is none is none: the home beside it counts all the same. */
function parseManifest(text: string | undefined): Manifest | undefined {
  try {
    return manifestSchema.parse(JSON.parse(text ?? ''))
  } catch {
    return undefined
  }
}

/** What is in a file of a sensible size. A link is not followed, and a pipe not waited for. */
async function readText(path: string): Promise<string | undefined> {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const { size } = await handle.stat()
    return size <= MAX_MANIFEST_BYTES ? await handle.readFile('utf8') : undefined
  } finally {
    await handle.close()
  }
}

/** Makes a directory for this user alone, with those above it, so that they last through a power cut. */
async function makeDir(path: string): Promise<void> {
  try {
    await mkdir(path, { mode: 0o700 })
  } catch (error) {
    const errno = errnoOf(error)
    if (errno === 'EEXIST') return
    if (errno !== 'ENOENT') throw error
    await makeDir(dirname(path)) // not `recursive`, which calls a read-only disk a missing one
    return makeDir(path)
  }
  await syncDir(dirname(path))
}

/** A rename that lasts through a power cut. */
async function move(from: string, to: string): Promise<void> {
  await rename(from, to)
  await syncDir(dirname(to))
}

/** True when the ctime of anything below `dir` is after `ms`. No link is followed, and what may not be read is passed over. */
async function changedAfter(dir: Buffer, ms: number): Promise<boolean> {
  // As bytes: a name need not be text.
  for (const name of (await readable(readdir(dir, { encoding: 'buffer' }))) ?? []) {
    const path = Buffer.concat([dir, Buffer.from(sep), name])
    const found = await readable(lstat(path))
    if (found && (found.ctimeMs > ms || (found.isDirectory() && (await changedAfter(path, ms))))) return true
  }
  return false
}

/** Undefined for what may not be read, or is gone. */
async function readable<T>(reading: Promise<T>): Promise<T | undefined> {
  try {
    return await reading
  } catch (error) {
    if (['EACCES', 'EPERM', 'ENOENT', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return undefined
    throw error
  }
}

/**
 * Removes `dir` and all in it, also what a person has made read-only (or Go, with its modules).
 * @throws {AppError} HOME_NOT_WRITABLE when there is something of another user in it.
 */
async function removeTree(dir: string): Promise<void> {
  const remove = (): Promise<void> => rm(dir, { recursive: true, force: true, maxRetries: 3 })
  try {
    await remove().catch(async (error: unknown) => {
      if (!(await lstat(dir)).isDirectory()) throw error // a link, which must not be followed
      await loosen(Buffer.from(dir), dir)
      await remove()
    })
  } catch (error) {
    const errno = errnoOf(error)
    if (errno !== 'EACCES' && errno !== 'EPERM') throw error
    throw new AppError('HOME_NOT_WRITABLE', `${dir} holds what Berth may not remove (${errno})`, {
      hint: `It is no longer used. Remove it yourself: sudo rm -rf ${quoted(dir)}`,
      cause: error,
    })
  }
}

/** Makes every directory from `dir` down writable for its owner, and moves those too deep for a path up into `top`. */
async function loosen(dir: Buffer, top: string): Promise<void> {
  await chmod(dir, 0o700)
  // As bytes: a name need not be text.
  for (const entry of await readdir(dir, { withFileTypes: true, encoding: 'buffer' })) {
    if (!entry.isDirectory()) continue // links are not followed
    let path = Buffer.concat([dir, Buffer.from(sep), entry.name])
    if (path.length > LONG_PATH) {
      const up = Buffer.from(join(top, randomUUID()))
      await chmod(path, 0o700)
      await rename(path, up)
      path = up
    }
    await loosen(path, top)
  }
}

const quoted = (path: string): string => `'${path.replaceAll("'", `'\\''`)}'`

/** Makes a rename last through a power cut. */
async function syncDir(path: string): Promise<void> {
  if (process.platform === 'win32') return // which cannot open a directory
  const handle = await open(path)
  await handle.sync().finally(() => handle.close())
}
