import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { AppError, errnoOf } from './core/errors.ts'

/** Makes the data directory, for this user alone. */
export function makeDataDir(dir: string): void {
  try {
    mkdirSync(join(dir, 'logs'), { recursive: true, mode: 0o700 })
    mkdirSync(join(dir, 'run'), { recursive: true, mode: 0o700 })
    chmodSync(dir, 0o700)
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
  try {
    writeFileSync(path, `${randomBytes(32).toString('base64url')}\n`, { mode: 0o600, flag: 'wx' })
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
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
