import { chmodSync, closeSync, existsSync, openSync } from 'node:fs'
import Database from 'better-sqlite3'
import { AppError } from '../core/errors.ts'
import { MIGRATIONS } from './migrations/index.ts'

export type Db = Database.Database

/** What every open connection must have; asked of SQLite, which answers a pragma that it cannot follow with the old value. */
const REQUIRED = { journal_mode: 'wal', synchronous: 2, foreign_keys: 1 }
/** Older ones may lose commits when a write-ahead log is reset. */
const MIN_SQLITE = '3.51.3'

/**
 * Opens the database at `path` (or `:memory:`), durable to power loss, and brings its schema up to date;
 * before that a copy is kept beside it as `<path>.v<version>.bak`.
 * @throws {AppError} NOT_SUPPORTED when a newer Berth made it; nothing is changed then.
 */
export function openDb(path: string, migrations: readonly string[] = MIGRATIONS): Db {
  if (path !== ':memory:') makePrivate(path)
  const db = new Database(path)
  try {
    // WAL's default on reopening is NORMAL, which may lose acknowledged commits on power loss.
    db.pragma('journal_mode = WAL')
    db.pragma('synchronous = FULL')
    db.pragma('fullfsync = ON')
    db.pragma('foreign_keys = ON')
    requireDurable(db)
    migrate(db, path, migrations)
    return db
  } catch (error) {
    db.close()
    throw error
  }
}

/** @throws {AppError} NOT_SUPPORTED when what is written could be lost. */
export function requireDurable(db: Db): void {
  for (const [name, wanted] of Object.entries(REQUIRED)) {
    const found = db.pragma(name, { simple: true })
    if (found === wanted || (name === 'journal_mode' && db.memory)) continue
    throw new AppError('NOT_SUPPORTED', `${db.name} cannot be kept safe: its ${name} is ${String(found)}`, {
      hint: 'Name a data directory on a disk of this machine with --data-dir.',
    })
  }
  const version = db.prepare('SELECT sqlite_version()').pluck().get() as string
  if (version.localeCompare(MIN_SQLITE, 'en', { numeric: true }) < 0)
    throw new Error(`SQLite is ${version}, which may lose data; ${MIN_SQLITE} is needed`)
}

function migrate(db: Db, path: string, migrations: readonly string[]): void {
  const version = db.pragma('user_version', { simple: true }) as number
  if (version > migrations.length)
    throw new AppError(
      'NOT_SUPPORTED',
      `${path} was made by a newer Berth (schema ${version}, this one knows ${migrations.length})`,
      { hint: 'Install the newer version again; nothing was changed.' },
    )
  if (version > 0 && version < migrations.length) {
    const copy = backupPath(path, version)
    makePrivate(copy)
    db.prepare('VACUUM INTO ?').run(copy)
  }
  migrations.slice(version).forEach((sql, index) => {
    db.transaction(() => {
      db.exec(sql)
      db.pragma(`user_version = ${version + index + 1}`)
    })()
  })
}

/** A file for this user alone, made empty if there is none: SQLite would let others read what it makes. */
export function makePrivate(path: string): void {
  closeSync(openSync(path, 'a', 0o600))
  chmodSync(path, 0o600)
}

/** A name that is free, so that a second try after a crash does not fail on the first one's copy. */
function backupPath(path: string, version: number): string {
  for (let n = 0; ; n++) {
    const candidate = `${path}.v${version}${n === 0 ? '' : `.${n}`}.bak`
    if (!existsSync(candidate)) return candidate
  }
}

/**
 * Holds the data directory for this process: a lock of the operating system on a file of its own,
 * which a crash releases by itself.
 * @throws {AppError} DATA_DIR_IN_USE when another process holds it.
 */
export function lockDataDir(path: string): { release: () => void } {
  const lock = new Database(path, { timeout: 0 })
  try {
    lock.pragma('journal_mode = DELETE')
    lock.exec('BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if ((error as { code?: string }).code !== 'SQLITE_BUSY') throw error
    throw new AppError('DATA_DIR_IN_USE')
  }
  return { release: () => lock.close() }
}
