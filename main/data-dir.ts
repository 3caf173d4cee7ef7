import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { AppError, errnoOf } from './core/errors.ts'

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

/**
 * The installation's token, 256 random bits, made the first time.
 * @throws {AppError} INVALID_INPUT when others than this user could have read it.
 */
export function readToken(dir: string): string {
  const path = join(dir, 'token')
  if (!existsSync(path)) {
    // Whole or not at all. Nobody else makes one meanwhile: the data directory is locked.
    const made = `${path}.new`
    rmSync(made, { force: true })
    writeFileSync(made, `${randomBytes(32).toString('base64url')}\n`, {
      mode: 0o600,
      flag: 'wx',
      flush: true,
    })
    renameSync(made, path)
  }
  // Windows has no such bits; there the directory's rights protect it.
  if (process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0)
    throw new AppError('INVALID_INPUT', `${path} may be read by others`, {
      hint: `Remove it, so that a new one is made: rm ${path}`,
    })
  const token = readFileSync(path, 'utf8').trim()
  if (token.length < 32)
    throw new AppError('INVALID_INPUT', `${path} holds no token`, { hint: `Remove it: rm ${path}` })
  return token
}
