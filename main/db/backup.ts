import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import Database from 'better-sqlite3'
import { AppError, errnoOf, toAppError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { makePrivate, openDb, type Db } from './open.ts'

const KEPT = 7
const HOUR = 3_600_000
const NAME = /^berth-(\d{4}-\d\d-\d\dT\d\d)-(\d\d)-(\d\d\.\d{3}Z)\.db$/
/** A database's own file, and what SQLite keeps beside it. */
const PARTS = ['', '-wal', '-shm', '-journal']

/** What was done about a database that was lost. */
export interface Recovery {
  at: string
  /** The backup that took its place; null: there was none, and a new database began. */
  from: string | null
  /** Where what was left of it lies; null when nothing was. */
  damaged: string | null
}

/**
 * Opens the database at `path`. One that is damaged is put aside and never removed; in its place, and in that of one that is
 * missing, comes the newest sound backup of `dir`, which lets nobody in, or a new database when there is none.
 * @throws {AppError} when it cannot be opened for another reason; nothing is changed then.
 */
export function openOrRecover(
  path: string,
  dir: string,
  now: () => number,
): { db: Db; recovered: Recovery | null } {
  try {
    const recovered = isLost(path, dir) ? recover(path, dir, now()) : null
    return { db: openDb(path), recovered }
  } catch (error) {
    const known = toAppError(error)
    if (known.code !== 'INTERNAL' || errnoOf(error) === undefined) throw known
    throw new AppError('INVALID_INPUT', `The database ${path} cannot be used: ${known.message}`, {
      hint: 'Check its owner, its permissions and its disk, then start Berth again.',
      cause: error,
    })
  }
}

function isLost(path: string, dir: string): boolean {
  switch (stateOf(path)) {
    case 'sound':
      return false
    case 'damaged':
      return true
    case 'empty': // as on the first start, which nothing comes before
      return backupsIn(dir).length > 0 || (sizeOf(path) === 0 && sizeOf(`${path}-wal`) > 0)
  }
}

function recover(path: string, dir: string, at: number): Recovery {
  const from = backupsIn(dir).find((backup) => stateOf(backup) === 'sound') ?? null
  const copy = `${path}.new`
  if (from !== null) {
    removeDb(copy) // of a crash, whose journal must not be taken for this one's
    copyFileSync(from, copy)
    makePrivate(copy)
    detach(copy)
    sync(copy)
  }
  const aside = asidePath(path, at)
  const parts = PARTS.filter((part) => existsSync(path + part))
  // Its own file first: without it, what is left is found to be lost after a crash too.
  for (const part of parts) renameSync(path + part, aside + part)
  if (from !== null) renameSync(copy, path)
  sync(dirname(path))
  return { at: new Date(at).toISOString(), from, damaged: parts.length > 0 ? aside : null }
}

/** Whether a database can be used. `empty`: missing, or without any schema. Throws what says nothing about that. */
function stateOf(path: string): 'sound' | 'empty' | 'damaged' {
  if (sizeOf(path) === 0) return 'empty'
  makePrivate(path) // which the files that SQLite makes beside it become too
  let db: Db | undefined
  try {
    // Read-only: closing must not change what may be damaged.
    db = new Database(path, { readonly: true, fileMustExist: true })
    if (db.pragma('quick_check(1)', { simple: true }) !== 'ok') return 'damaged'
    return db.pragma('user_version', { simple: true }) === 0 ? 'empty' : 'sound'
  } catch (error) {
    if (/^SQLITE_(NOTADB|CORRUPT)/.test(errnoOf(error) ?? '')) return 'damaged'
    throw error
  } finally {
    db?.close()
  }
}

/**
 * Keeps the newest backups of the database in `dir`, which let nobody in: one is made at the start when the last is older than an hour, and
 * then every hour.
 */
export function createBackups({
  db,
  dir,
  now,
  log,
}: {
  db: Db
  dir: string
  now: () => number
  log: Logger
}) {
  let running: Promise<string> | undefined
  let timer: NodeJS.Timeout | undefined

  async function make(): Promise<string> {
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const made = join(dir, '.making.db')
    removeDb(made) // of a crash
    try {
      makePrivate(made)
      await db.backup(made)
      detach(made)
      if (stateOf(made) !== 'sound') throw new Error('the backup is damaged')
      sync(made)
      // Later than the last by its name, whatever the clock says.
      const path = join(dir, nameOf(Math.max(now(), (newest() ?? 0) + 1)))
      renameSync(made, path)
      sync(dir)
      for (const old of backupsIn(dir).slice(KEPT)) rmSync(old)
      return path
    } catch (error) {
      removeDb(made)
      throw error
    }
  }

  function newest(): number | undefined {
    const [path] = backupsIn(dir)
    return path === undefined ? undefined : timeOf(path)
  }

  /** Makes a backup; resolves with its path. */
  function run(): Promise<string> {
    return (running ??= make().finally(() => (running = undefined)))
  }

  async function runWhenOlder(age: number): Promise<void> {
    try {
      const last = newest()
      if (last === undefined || Math.abs(now() - last) >= age) await run()
    } catch (error) {
      log.error({ err: error }, 'could not back up the database')
    }
  }

  return {
    run,

    /** When the newest was made, in milliseconds since the epoch; undefined when there is none. */
    newest,

    start(): void {
      timer = setInterval(() => void runWhenOlder(0), HOUR).unref()
      void runWhenOlder(HOUR)
    },

    /** Ends it; one that is being made is finished first. */
    async close(): Promise<void> {
      clearInterval(timer)
      await running?.catch(() => undefined)
    },
  }
}

/** A moment as it can stand in a file's name. */
const stamp = (at: number): string => new Date(at).toISOString().replaceAll(':', '-')
const nameOf = (at: number): string => `berth-${stamp(at)}.db`
const timeOf = (path: string): number => Date.parse(basename(path).replace(NAME, '$1:$2:$3'))

/** The backups in `dir`, the newest first. */
function backupsIn(dir: string): string[] {
  if (!existsSync(dir)) return []
  const names = readdirSync(dir).filter((name) => NAME.test(name))
  return names
    .sort()
    .reverse()
    .map((name) => join(dir, name))
}

/** A name that is free: what was put aside is never overwritten. */
function asidePath(path: string, at: number): string {
  for (let n = 0; ; n++) {
    const candidate = `${path}.damaged-${stamp(at + n)}`
    if (!PARTS.some((part) => existsSync(candidate + part))) return candidate
  }
}

/** Makes a copied database one file that needs no others beside it, and that lets nobody in. */
function detach(path: string): void {
  const copy = new Database(path)
  try {
    copy.pragma('journal_mode = DELETE')
    copy.pragma('secure_delete = ON')
    letNobodyIn(copy)
  } finally {
    copy.close()
  }
}

/**
 * Forgets by what people come in: sessions, shares with their guests, and passwords. Of these a copy may know some that
 * have been ended since. Of any version of the schema.
 */
export function letNobodyIn(db: Db): void {
  const columnsOf = (table: string) => db.pragma(`table_info(${table})`) as { name: string }[]
  db.transaction(() => {
    for (const table of ['guest_tokens', 'guests', 'shares', 'sessions'])
      if (columnsOf(table).length > 0) db.exec(`DELETE FROM ${table}`)
    if (columnsOf('users').some(({ name }) => name === 'password_hash'))
      db.exec('UPDATE users SET password_hash = NULL')
  })()
}

function removeDb(path: string): void {
  for (const part of PARTS) rmSync(path + part, { force: true })
}

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0

/** Makes what was written to a file, or renamed in a directory, last through a power cut. */
export function sync(path: string): void {
  const isDirectory = statSync(path).isDirectory()
  if (isDirectory && process.platform === 'win32') return // which cannot open a directory
  const file = openSync(path, isDirectory ? 'r' : 'r+')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}
