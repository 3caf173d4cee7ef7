import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { describe, expect, onTestFinished, test } from 'vitest'
import { toAppError } from '../core/errors.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { lockDataDir, openDb, requireDurable, type Db } from './open.ts'
import { createWorkspaceTable } from './workspaces.ts'
import { MIGRATIONS } from './migrations/index.ts'

const newDbPath = (): string => join(tempDir(), 'berth.db')
const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)
const pragma = (db: Db, name: string): unknown => db.pragma(name, { simple: true })

function open(path: string, migrations?: readonly string[]): Db {
  const db = openDb(path, migrations)
  onTestFinished(() => void db.close())
  return db
}

/** Opens and closes it, so that the next one opens what was made before. */
function made(path: string, migrations?: readonly string[]): void {
  openDb(path, migrations).close()
}

describe('D1 on every open, not only on the first', () => {
  test.each(['the first', 'a later'])('%s open is durable to power loss and keeps references', (which) => {
    const path = newDbPath()
    if (which === 'a later') made(path)
    const db = open(path)
    expect(pragma(db, 'journal_mode')).toBe('wal')
    expect(pragma(db, 'synchronous'), 'FULL').toBe(2)
    expect(pragma(db, 'fullfsync')).toBe(1)
    expect(pragma(db, 'foreign_keys')).toBe(1)
  })

  test('SQLite is new enough to have no WAL reset bug', () => {
    const { version } = open(newDbPath()).prepare('SELECT sqlite_version() AS version').get() as {
      version: string
    }
    const [major, minor, patch] = version.split('.').map(Number) as [number, number, number]
    expect(major * 1e6 + minor * 1e3 + patch, version).toBeGreaterThanOrEqual(3_051_003)
  })

  test.each(['foreign_keys = OFF', 'synchronous = NORMAL', 'journal_mode = DELETE'])(
    'what SQLite does not grant (%s) is an error, not an assumption',
    (pragma) => {
      const db = open(newDbPath())
      requireDurable(db)
      db.pragma(pragma)
      expect(() => requireDurable(db)).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    },
  )

  test('a full disk is called one', () => {
    const db = open(newDbPath())
    db.pragma('max_page_count = 1')
    expect(() =>
      db.exec('CREATE TABLE large (x BLOB); INSERT INTO large VALUES (zeroblob(1000000))'),
    ).toThrow(expect.toSatisfy((error: unknown) => toAppError(error).code === 'DISK_FULL'))
  })

  test('a reference to nothing is refused', () => {
    const db = open(newDbPath())
    const insert = db.prepare("INSERT INTO shares VALUES ('s', 'nowhere', x'00', 'LINK', 0, '[]', 0, NULL)")
    expect(() => insert.run()).toThrow(/FOREIGN KEY/)
  })
})

describe('its files', () => {
  test('are for this user alone, the write-ahead log included', () => {
    const path = newDbPath()
    const db = open(path)
    db.exec("INSERT INTO meta VALUES ('a', 'b')")
    for (const end of ['', '-wal', '-shm']) expect(modeOf(path + end), end).toBe('600')
  })

  test('become so again when somebody opened them up', () => {
    const path = newDbPath()
    made(path)
    chmodSync(path, 0o644)
    open(path)
    expect(modeOf(path)).toBe('600')
  })
})

describe('migrations', () => {
  const second = 'CREATE TABLE later (x TEXT) STRICT; INSERT INTO later SELECT name FROM users'
  const withUser = (path: string): void => {
    const db = openDb(path)
    db.exec("INSERT INTO users (id, name, created_at) VALUES ('u', 'alice', 0)")
    db.close()
  }
  const backups = (path: string): string[] =>
    readdirSync(join(path, '..')).filter((name) => name.endsWith('.bak'))

  test('are each applied once', () => {
    const path = newDbPath()
    const counting = [...MIGRATIONS, 'CREATE TABLE runs (x)', 'INSERT INTO runs VALUES (1)']
    for (let opens = 0; opens < 3; opens++) made(path, counting)
    const db = open(path, counting)
    expect(db.prepare('SELECT count(*) AS n FROM runs').get()).toEqual({ n: 1 })
    expect(pragma(db, 'user_version')).toBe(counting.length)
  })

  test('leave a copy of what was there before beside it', () => {
    const path = newDbPath()
    withUser(path)
    const db = open(path, [...MIGRATIONS, second])
    expect(db.prepare('SELECT x FROM later').all()).toEqual([{ x: 'alice' }])

    const copy = `${path}.v${MIGRATIONS.length}.bak`
    expect(backups(path)).toEqual([copy.split('/').at(-1)])
    const before = open(copy)
    expect(before.prepare('SELECT name FROM users').all()).toEqual([{ name: 'alice' }])
    expect(before.prepare("SELECT name FROM sqlite_master WHERE name = 'later'").all()).toEqual([])
  })

  test('leave a copy that is for this user alone', () => {
    const path = newDbPath()
    withUser(path)
    open(path, [...MIGRATIONS, second])
    expect(modeOf(`${path}.v${MIGRATIONS.length}.bak`)).toBe('600')
  })

  test('leave no copy when there is nothing to migrate, or nothing to copy', () => {
    const path = newDbPath()
    made(path)
    made(path)
    expect(backups(path)).toEqual([])
  })

  test('that fail leave the database as it was, and the next try has its own copy', () => {
    const path = newDbPath()
    withUser(path)
    const broken = [...MIGRATIONS, 'CREATE TABLE later (x); INSERT INTO nowhere VALUES (1)']
    for (let tries = 0; tries < 2; tries++) expect(() => openDb(path, broken)).toThrow(/nowhere/)
    const db = open(path)
    expect(pragma(db, 'user_version')).toBe(MIGRATIONS.length)
    expect(db.prepare("SELECT name FROM sqlite_master WHERE name = 'later'").all()).toEqual([])
    expect(backups(path)).toHaveLength(2)
  })

  test('D16 a database of a newer Berth is refused with what to do, and not changed by a byte', () => {
    const path = newDbPath()
    made(path, [...MIGRATIONS, second])
    const hash = (): string => createHash('sha256').update(readFileSync(path)).digest('hex')
    const before = { hash: hash(), files: readdirSync(join(path, '..')) }
    expect(() => openDb(path)).toThrow(
      expect.objectContaining({
        code: 'NOT_SUPPORTED',
        message: expect.stringContaining('newer Berth') as string,
        hint: expect.stringMatching(/newer version/) as string,
      }),
    )
    expect({ hash: hash(), files: readdirSync(join(path, '..')) }).toEqual(before)
    open(path, [...MIGRATIONS, second])
  })

  test('D16 a database of the version before is opened, with all that was in it', () => {
    const path = newDbPath()
    const old = openDb(path, MIGRATIONS.slice(0, 1))
    old.exec(`
      INSERT INTO users VALUES ('u', 'alice', 0);
      INSERT INTO sessions VALUES (x'00', 'u', NULL, 0, 9000000000000);
      INSERT INTO workspaces VALUES
        ('w1', 'u', 'Notes', '', '', 'image:1', 2, 1024, 300, 86400, 'STANDBY', 3, NULL, 10, 20,
          'STANDBY', 'NONE', 'op', 'users/u/workspaces/w1/home', NULL, NULL, 0, NULL, NULL, NULL, 30),
        ('w2', 'u', 'Gone', '', '', 'image:1', 2, 1024, 300, 86400, 'RUNNING', 3, 15, 10, 20,
          'DELETED', 'NONE', 'op', 'users/u/workspaces/w2/home', 'w2/op/home.tar.zst', NULL, 0, NULL, NULL, NULL, 30)`)
    old.close()

    const db = open(path)
    const table = createWorkspaceTable(db)
    expect(db.prepare('SELECT id, name, password_hash FROM users').all()).toEqual([
      { id: 'u', name: 'alice', password_hash: null },
    ])
    expect(db.prepare('SELECT * FROM sessions').all(), 'those of before are over').toEqual([])
    expect(table.get('w1')).toEqual({
      id: 'w1',
      ownerId: 'u',
      name: 'Notes',
      description: '',
      memo: '',
      imageRef: 'image:1',
      cpus: 2,
      memoryBytes: 1024,
      standbyTtlSeconds: 300,
      archiveTtlSeconds: 86_400,
      desiredState: 'STANDBY',
      cause: 'PERSON',
      busyShield: true,
      busyCapSeconds: 43_200,
      keepAwakeUntil: null,
      restoreKey: null,
      purge: false,
      sudo: false,
      env: {},
      wish: 3,
      deletedAt: null,
      createdAt: 10,
      updatedAt: 20,
      status: 'STANDBY',
      statusSince: 20,
      statusCause: 'PERSON',
      operation: 'NONE',
      opId: 'op',
      homeStoreKey: 'users/u/workspaces/w1/home',
      archiveKey: null,
      runningSince: null,
      errorCount: 0,
      errorWish: null,
      errorInfo: null,
      retryAt: null,
      lastAccessAt: 30,
    })
    expect(table.get('w2')).toMatchObject({ status: 'DELETED', homeStoreKey: null, archiveKey: null })
    expect(backups(path)).toEqual(['berth.db.v1.bak'])
  })

  /** Opens the database in a process that is killed once it has done `statements` statements of its migrations. */
  function killedAfter(path: string, statements: number): NodeJS.Signals | null {
    const script = `
      import Database from 'better-sqlite3'
      import { openDb } from ${JSON.stringify(join(import.meta.dirname, 'open.ts'))}
      const { exec } = Database.prototype
      let left = ${statements}
      Database.prototype.exec = function (sql) {
        for (const statement of sql.split(';').filter((text) => text.trim() !== '')) {
          if (left-- === 0) process.kill(process.pid, 'SIGKILL')
          exec.call(this, statement)
        }
      }
      openDb(${JSON.stringify(path)}).close()`
    const options = { cwd: import.meta.dirname, encoding: 'utf8' } as const
    const ended = spawnSync(process.execPath, ['--input-type=module', '-e', script], options)
    if (ended.signal === null && ended.status !== 0) throw new Error(ended.stderr)
    return ended.signal
  }

  test.each(MIGRATIONS.map((_, version) => version))(
    'D16 from version %i, killed after any statement, leave a database that the next start brings up to date',
    (version) => {
      const schemaOf = (db: Db): unknown =>
        db.prepare('SELECT name, sql FROM sqlite_master ORDER BY name').all()
      const wanted = schemaOf(open(newDbPath()))
      const users = version === 0 ? [] : [{ name: 'alice' }]
      let kills = 0
      for (let done = false; !done; kills++) {
        const path = newDbPath()
        const old = openDb(path, MIGRATIONS.slice(0, version))
        if (version > 0) old.exec("INSERT INTO users (id, name, created_at) VALUES ('u', 'alice', 0)")
        old.close()
        done = killedAfter(path, kills) !== 'SIGKILL'
        const db = openDb(path)
        expect(pragma(db, 'user_version')).toBe(MIGRATIONS.length)
        expect(pragma(db, 'integrity_check')).toBe('ok')
        expect(schemaOf(db)).toEqual(wanted)
        expect(db.prepare('SELECT name FROM users').all()).toEqual(users)
        db.close()
      }
      expect(kills, 'at least one in each migration').toBeGreaterThan(MIGRATIONS.length - version)
    },
    60_000,
  )

  test('what is no database is refused and stays as it is', () => {
    const path = newDbPath()
    writeFileSync(path, 'not a database, but somebody’s notes'.repeat(50))
    expect(() => openDb(path)).toThrow(/not a database/)
    expect(readFileSync(path, 'utf8')).toContain('notes')
  })
})

describe('X9: the lock of the data directory', () => {
  /** Another process that holds the lock until it is killed, or says why it cannot. */
  async function otherProcess(path: string): Promise<{ process: ChildProcess; said: string }> {
    const script = `
      import { lockDataDir } from ${JSON.stringify(join(import.meta.dirname, 'open.ts'))}
      try {
        lockDataDir(${JSON.stringify(path)})
        console.log('held')
        setInterval(() => {}, 1000)
      } catch (error) {
        console.log(error.code)
      }`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    onTestFinished(() => void child.kill('SIGKILL'))
    const [said] = (await once(createInterface(child.stdout), 'line')) as [string]
    return { process: child, said }
  }

  test('has one holder: a second process is told so', async () => {
    const path = join(tempDir(), 'berth.lock')
    const lock = lockDataDir(path)
    expect((await otherProcess(path)).said).toBe('DATA_DIR_IN_USE')
    lock.release()
    expect((await otherProcess(path)).said).toBe('held')
  })

  test('is held against this process too, and free once its holder was killed', async () => {
    const path = join(tempDir(), 'berth.lock')
    const other = await otherProcess(path)
    expect(other.said).toBe('held')
    expect(() => lockDataDir(path)).toThrow(expect.objectContaining({ code: 'DATA_DIR_IN_USE' }))
    other.process.kill('SIGKILL')
    await once(other.process, 'exit')
    lockDataDir(path).release()
  })

  test('of one directory says nothing about another', () => {
    const locks = [lockDataDir(join(tempDir(), 'berth.lock')), lockDataDir(join(tempDir(), 'berth.lock'))]
    for (const lock of locks) lock.release()
  })

  test('that cannot be made is not taken for one that is held', () => {
    expect(() => lockDataDir(join(tempDir(), 'missing', 'berth.lock'))).toThrow('directory does not exist')
  })
})
