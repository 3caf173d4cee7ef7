import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { AppError, errnoOf } from './core/errors.ts'
import { sync } from './db/backup.ts'

/**
 * Makes the data directory. A new or empty one becomes this user's alone; one with anything in it may be anything and
 * keeps its rights: what Berth puts there is for this user alone by itself.
 * @throws {AppError} INVALID_INPUT when it cannot be used.
 */
export function makeDataDir(dir: string): void {
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    if (readdirSync(dir).length === 0) chmodSync(dir, 0o700)
    mkdirSync(join(dir, 'logs'), { recursive: true, mode: 0o700 })
    mkdirSync(join(dir, 'run'), { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new AppError('INVALID_INPUT', `The data directory ${dir} cannot be used (${errnoOf(error)})`, {
      hint: 'Name another with --data-dir.',
      cause: error,
    })
  }
}

const installation = z.object({
  id: z.string().regex(/^[0-9a-f]{16}$/),
  owner_id: z.string().regex(/^[0-9a-z]{26}$/),
})
export type Installation = z.infer<typeof installation>

/**
 * What names this installation in the labels of its containers, and its owner in the paths of homes. It has a file of its own,
 * so that both are known as ours even when the database is lost. Undefined where there is none yet.
 */
export function readInstallation(dir: string): Installation | undefined {
  const path = join(dir, 'installation.json')
  if (!existsSync(path)) return undefined
  const text = readFileSync(path, 'utf8')
  try {
    return installation.parse(JSON.parse(text))
  } catch (error) {
    throw new AppError('INVALID_INPUT', `${path} does not name an installation`, {
      hint: `Remove it: rm ${path}`,
      cause: error,
    })
  }
}

export function writeInstallation(dir: string, named: Installation): void {
  writeWhole(join(dir, 'installation.json'), JSON.stringify(named))
}

/** Whole or not at all, for this user alone. Nobody else makes one meanwhile: the data directory is locked. */
export function writeWhole(path: string, line: string): void {
  const made = `${path}.new`
  rmSync(made, { force: true })
  writeFileSync(made, `${line}\n`, { mode: 0o600, flag: 'wx', flush: true })
  renameSync(made, path)
  sync(dirname(path))
}

/**
 * The installation's token, 256 random bits, made the first time.
 * @throws {AppError} INVALID_INPUT when others than this user could have read or written it.
 */
export function readToken(dir: string): string {
  const path = join(dir, 'token')
  if (!existsSync(path)) writeToken(dir, randomBytes(32).toString('base64url'))
  const refused = (why: string): AppError =>
    new AppError('INVALID_INPUT', `${path} ${why}`, {
      hint: `Remove it, so that a new one is made: rm ${path}`,
    })
  const file = openSync(path, 'r')
  try {
    const { mode, uid } = fstatSync(file)
    // Windows has no such bits; there the directory's rights protect it.
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) throw refused('may be read by others')
    if (process.getuid && uid !== process.getuid()) throw refused('belongs to another user')
    const token = readFileSync(file, 'utf8').trim()
    if (token.length < 32) throw refused('holds no token')
    return token
  } finally {
    closeSync(file)
  }
}

/** Keeps this token in place of the one until now. */
export function writeToken(dir: string, token: string): void {
  writeWhole(join(dir, 'token'), token)
}
