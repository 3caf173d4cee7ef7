import { closeSync, constants, fstatSync, openSync } from 'node:fs'
import { chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Identity } from './name-user.ts'
import { codeServerConfig, CONFIG_NAME, SOCKET_NAME } from './container-spec.ts'

/** Linux: names a file without opening it (asm-generic/fcntl.h; Node has no name for it). */
const O_PATH = 0o10000000

export type RunDirs = ReturnType<typeof createRunDirs>

/**
 * What an instance and this process share besides the home, below `root`: a directory with code-server's configuration,
 * which the instance can only read, and one where it makes its socket, which it can fill with anything.
 */
export function createRunDirs(root: string, identity: Identity | undefined) {
  const pins = new Map<string, Pin>()

  const configDir = (id: string): string => join(root, id, 'config')
  const socketDir = (id: string): string => join(root, id, 'socket')

  /** Lets go of the socket. */
  function unpin(id: string): void {
    pins.get(id)?.release()
    pins.delete(id)
  }

  return {
    configDir,
    socketDir,
    unpin,

    /** Makes both anew; `published`: with a secret, for a port that others can reach. */
    async prepare(id: string, published: boolean): Promise<void> {
      const secret = published ? `$argon2id$${randomBytes(32).toString('hex')}` : undefined
      await rm(join(root, id), { recursive: true, force: true })
      const config = join(configDir(id), CONFIG_NAME)
      for (const dir of [configDir(id), socketDir(id)]) await mkdir(dir, { recursive: true, mode: 0o700 })
      await writeFile(config, codeServerConfig(secret), { mode: 0o600 })
      if (identity && process.getuid?.() === 0)
        for (const path of [configDir(id), config, socketDir(id)])
          await chown(path, identity.uid, identity.gid)
    },

    /** The secret of a published port; undefined where there is none. */
    async secret(id: string): Promise<string | undefined> {
      try {
        const text = await readFile(join(configDir(id), CONFIG_NAME), 'utf8')
        const { 'hashed-password': secret } = JSON.parse(text) as Record<string, unknown>
        return typeof secret === 'string' ? secret : undefined
      } catch {
        return undefined // the instance then counts as not answering, and is made anew
      }
    },

    /**
     * A path to the very socket that the instance has made; undefined when there is none. Its name could be made a link
     * to any socket of this machine (Docker's, another workspace's), so it is not the name that is used afterwards.
     */
    socketPath(id: string): string | undefined {
      const pin = pinSocket(join(socketDir(id), SOCKET_NAME))
      const known = pins.get(id)
      if (pin && known?.inode === pin.inode) {
        pin.release()
        return known.path
      }
      unpin(id)
      if (pin) pins.set(id, pin)
      return pin?.path
    },

    async remove(id: string): Promise<void> {
      unpin(id)
      await rm(join(root, id), { recursive: true, force: true })
    },
  }
}

interface Pin {
  path: string
  inode: string
  release: () => void
}

/** Holds the socket at `path`, whatever the name stands for later. A link, or anything else that is no socket, is not held. */
function pinSocket(path: string): Pin | undefined {
  let fd: number
  try {
    fd = openSync(path, O_PATH | constants.O_NOFOLLOW)
  } catch {
    return undefined
  }
  const release = (): void => closeSync(fd)
  const stats = fstatSync(fd)
  if (stats.isSocket()) return { path: `/proc/self/fd/${fd}`, inode: `${stats.dev}:${stats.ino}`, release }
  release()
  return undefined
}
