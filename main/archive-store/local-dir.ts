import { access, lstat, mkdir, open, readFile, readdir, rename, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { archiveKey, archiveMeta, parseArchiveKey, type ArchiveMeta } from '../core/archive.ts'
import { AppError, errnoOf } from '../core/errors.ts'
import { failpoint } from '../core/failpoint.ts'
import type { ArchiveStore } from './archive-store.ts'

/** Tells an archive store from the empty mount point of a disk that is not there. */
const MARKER = '.berth-archives'

/** Makes `root` a store of archives. Call it once, when the installation is new: later a missing marker means a missing disk. */
export async function initLocalArchives(root: string): Promise<void> {
  await mkdir(root, { recursive: true, mode: 0o700 })
  await writeFile(join(root, MARKER), 'Berth keeps the archives of homes here.\n', { mode: 0o600 })
}

/** Archives as files below `root`. */
export function createLocalArchives({ root }: { root: string }): ArchiveStore {
  function pathOf(key: string): string {
    if (!parseArchiveKey(key)) throw new Error(`not an archive key: ${key}`)
    return join(root, key)
  }
  const metaOf = (key: string): string => `${pathOf(key)}.meta`

  /** Runs `work` on the store, if it is there; what the file system forbids becomes an error for people. */
  async function reading<T>(path: string, work: () => Promise<T>): Promise<T> {
    try {
      await access(join(root, MARKER))
    } catch (error) {
      throw new AppError('ARCHIVE_STORE_UNAVAILABLE', `The archives are not at ${root}`, { cause: error })
    }
    try {
      return await work()
    } catch (error) {
      throw explained('ARCHIVE_STORE_UNAVAILABLE', `${path} cannot be read`, error)
    }
  }

  const writing = <T>(path: string, work: () => Promise<T>): Promise<T> =>
    reading(path, () =>
      work().catch((error: unknown) => {
        throw explained('ARCHIVE_FAILED', `${path} cannot be written`, error)
      }),
    )

  async function meta(key: string): Promise<ArchiveMeta | undefined> {
    const path = metaOf(key)
    const text = await reading(path, () => unlessAbsent(readFile(path, 'utf8')))
    if (text === undefined) return undefined
    try {
      const found = archiveMeta.parse(JSON.parse(text))
      if (archiveKey(found.workspace_id, found.op_id) !== key)
        throw new Error('it is that of another archive')
      return found
    } catch (error) {
      throw new AppError('ARCHIVE_CORRUPT', `${path} is damaged`, { cause: error })
    }
  }

  /** The names of the directories in one. */
  async function dirsIn(dir: string): Promise<string[]> {
    const found = await reading(dir, () => unlessAbsent(readdir(dir, { withFileTypes: true })))
    return (found ?? []).filter((entry) => entry.isDirectory()).map(({ name }) => name)
  }

  /** The keys of a workspace's archives and attempts. */
  async function keysOf(id: string): Promise<string[]> {
    return (await dirsIn(join(root, id))).map((name) => archiveKey(id, name)).filter(parseArchiveKey)
  }

  /** Removes what is at a key, and its workspace's directory with the last of them. */
  async function clear(key: string): Promise<void> {
    const dir = dirname(pathOf(key))
    await rm(dir, { recursive: true, force: true, maxRetries: 3 })
    await rmdir(dirname(dir)).catch(() => undefined)
  }

  return {
    meta,

    async stage(key) {
      const dir = dirname(pathOf(key))
      await writing(dir, async () => {
        if (await isThere(metaOf(key))) throw new Error(`${key} is an archive already`)
        await clear(key)
        await mkdir(dir, { recursive: true, mode: 0o700 })
      })
      await failpoint('archiving.staged')
      return dir
    },

    async commit(key, made) {
      const path = metaOf(key)
      const dir = dirname(path)
      await writing(dir, async () => {
        const { size } = await lstat(pathOf(key))
        if (size !== made.bytes)
          throw new AppError('ARCHIVE_FAILED', `${pathOf(key)} has ${size} bytes instead of ${made.bytes}`)
        await sync(pathOf(key))
        await writeFile(`${path}.new`, `${JSON.stringify(made, null, 2)}\n`, { mode: 0o600, flush: true })
      })
      await failpoint('archiving.before-meta')
      await writing(dir, async () => {
        await rename(`${path}.new`, path)
        for (const above of [dir, dirname(dir), root]) await syncDir(above)
      })
      await failpoint('archiving.after-meta')
    },

    async open(key, use) {
      const path = pathOf(key)
      const whole = await reading(path, async () => (await isThere(metaOf(key))) && (await isThere(path)))
      if (!whole) throw new AppError('ARCHIVE_MISSING', `The archive ${path} is not there with its .meta`)
      await use(dirname(path))
    },

    async list(id) {
      const found: { key: string; meta: ArchiveMeta }[] = []
      for (const key of await keysOf(id)) {
        const known = await meta(key).catch((error: unknown) => {
          if (!(error instanceof AppError && error.code === 'ARCHIVE_CORRUPT')) throw error
        })
        if (known) found.push({ key, meta: known })
      }
      return found.sort((a, b) => order(b).localeCompare(order(a)))
    },

    async contents() {
      const found: Awaited<ReturnType<ArchiveStore['contents']>> = []
      for (const id of await dirsIn(root))
        for (const key of await keysOf(id)) {
          const changes = await reading(key, () =>
            Promise.all([changed(dirname(pathOf(key))), changed(pathOf(key))]),
          )
          const changedAt = Math.max(...changes)
          if (changedAt > 0) found.push({ key, finished: await isThere(metaOf(key)), changedAt })
        }
      return found
    },

    async remove(key) {
      const path = metaOf(key)
      await writing(path, async () => {
        if ((await unlessAbsent(rm(path).then(() => true))) === true) await syncDir(dirname(path))
        await clear(key)
      })
    },
  }
}

const order = ({ key, meta }: { key: string; meta: ArchiveMeta }): string =>
  `${new Date(meta.created_at).toISOString()} ${key}`

function explained(
  code: 'ARCHIVE_FAILED' | 'ARCHIVE_STORE_UNAVAILABLE',
  what: string,
  error: unknown,
): unknown {
  const errno = errnoOf(error) ?? ''
  if (!['EACCES', 'EPERM', 'EROFS', 'EIO', 'ENOTDIR', 'ENOENT'].includes(errno)) return error
  return new AppError(code, `${what} (${errno})`, {
    hint: 'Check this disk and who may use it.',
    cause: error,
  })
}

/** What `work` gives; undefined where there is no such file. */
async function unlessAbsent<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined
    throw error
  }
}

const isThere = async (path: string): Promise<boolean> => (await unlessAbsent(lstat(path))) !== undefined

/** When a file was last changed, in milliseconds; 0 when it is not there. */
const changed = async (path: string): Promise<number> => (await unlessAbsent(lstat(path)))?.mtimeMs ?? 0

async function sync(path: string): Promise<void> {
  const handle = await open(path, 'r+')
  await handle.sync().finally(() => handle.close())
}

/** Makes what a directory lists last through a power cut. */
async function syncDir(path: string): Promise<void> {
  if (process.platform === 'win32') return // which cannot open a directory
  const handle = await open(path)
  await handle.sync().finally(() => handle.close())
}
