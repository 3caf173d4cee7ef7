import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createQuietLog } from '../testing/plane.ts'
import { ALICE, idOf, rowOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { until } from '../testing/until.ts'
import { createAccountTable } from './accounts.ts'
import { createBackups, openOrRecover, type Recovery } from './backup.ts'
import { MIGRATIONS } from './migrations/index.ts'
import { openDb, type Db } from './open.ts'
import { createShareTable } from './shares.ts'
import { createWorkspaceTable } from './workspaces.ts'

const NOON = Date.parse('2026-03-01T12:00:00.000Z')
const HOUR = 3_600_000
const ROOT = process.getuid?.() === 0

let path: string
let dir: string
let time: number
const now = (): number => time

beforeEach(() => {
  const data = tempDir()
  path = join(data, 'berth.db')
  dir = join(data, 'backups')
  time = NOON
})

const files = (): string[] => readdirSync(dirname(path)).filter((name) => name !== 'backups')
const backups = (): string[] => (existsSync(dir) ? readdirSync(dir).sort() : [])
const modeOf = (of: string): string => (statSync(of).mode & 0o777).toString(8)
const count = (db: Db): number => createWorkspaceTable(db).living().length

/** Adds workspaces until there are `n`: which state of the database this is can be told by that. */
function fill(db: Db, n: number): void {
  createAccountTable(db).ensureUser(ALICE, 0)
  db.transaction(() => {
    for (let id = count(db) + 1; id <= n; id++)
      createWorkspaceTable(db).insert(rowOf(idOf(id), { memo: 'some memo '.repeat(50) }))
  })()
}

/** A database that had one workspace more at each of its `backups`, and now has `then`. */
async function made(atBackups: number[], then: number): Promise<void> {
  const db = openDb(path)
  for (const n of atBackups) {
    fill(db, n)
    await createBackups({ db, dir, now, log: createQuietLog() }).run()
    time += HOUR
  }
  fill(db, then)
  db.close()
}

function start(): { workspaces: number; recovered: Recovery | null } {
  const { db, recovered } = openOrRecover(path, dir, now)
  const workspaces = count(db)
  expect(db.pragma('integrity_check', { simple: true })).toBe('ok')
  db.close()
  return { workspaces, recovered }
}

/** A database whose process was killed, so that it has a write-ahead log. */
function killed(workspaces: number): void {
  const module = (name: string): string => JSON.stringify(join(import.meta.dirname, name))
  const script = `
    import { openDb } from ${module('open.ts')}
    import { createWorkspaceTable } from ${module('workspaces.ts')}
    const db = openDb(${JSON.stringify(path)})
    db.exec("INSERT OR IGNORE INTO users (id, name, created_at) VALUES ('${ALICE.id}', '${ALICE.name}', 0)")
    const row = ${JSON.stringify(rowOf('ID', { memo: 'x'.repeat(500) }))}
    for (let n = 1; n <= ${workspaces}; n++) createWorkspaceTable(db).insert({ ...row, id: 'w' + n })
    process.kill(process.pid, 'SIGKILL')`
  const { signal, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script])
  expect(signal, String(stderr)).toBe('SIGKILL')
  expect(statSync(`${path}-wal`).size).toBeGreaterThan(0)
}

function scribble(file: string, from: number, bytes: number): void {
  const content = readFileSync(file)
  for (let at = from; at < Math.min(from + bytes, content.length); at++) content[at]! ^= 0xff
  writeFileSync(file, content)
}

describe('a database that is well', () => {
  test('is opened as it is, and is new the first time', () => {
    expect(start()).toEqual({ workspaces: 0, recovered: null })
    expect(start()).toEqual({ workspaces: 0, recovered: null })
    expect(files()).toEqual(['berth.db'])
  })

  test('is not taken for an older one of the backups', async () => {
    await made([1], 2)
    expect(start()).toEqual({ workspaces: 2, recovered: null })
  })

  test('D14 has all that was committed before its process was killed', () => {
    killed(30)
    expect(start()).toEqual({ workspaces: 30, recovered: null })
  })

  test('is for this user alone, with what SQLite makes beside it', () => {
    killed(1)
    for (const name of files()) chmodSync(join(dirname(path), name), 0o644)
    const { db } = openOrRecover(path, dir, now)
    onTestFinished(() => void db.close())
    createAccountTable(db).setFact('a', 'b')
    expect(modeOf(path)).toBe('600')
  })
})

describe('D5 a database that is lost', () => {
  const DAMAGE: [string, () => void][] = [
    ['truncated', () => truncateSync(path, 8_192)],
    ['truncated in the middle of a page', () => truncateSync(path, 10_000)],
    ['truncated to its first bytes', () => truncateSync(path, 50)],
    ['overwritten at its start', () => scribble(path, 0, 100)],
    ['overwritten in its schema', () => scribble(path, 100, 400)],
    ['overwritten in its pages', () => scribble(path, 4_096, 1_000_000)],
    ['full of zeros', () => writeFileSync(path, Buffer.alloc(statSync(path).size))],
    ['something else', () => writeFileSync(path, 'not a database, but somebody’s notes'.repeat(50))],
  ]

  test.each(DAMAGE)(
    '(%s) is put aside as it was, and the newest backup takes its place',
    async (_, damage) => {
      await made([1, 50], 60)
      damage()
      const bytes = readFileSync(path)
      const aside = `${path}.damaged-2026-03-01T14-00-00.000Z`
      expect(start()).toEqual({
        workspaces: 50,
        recovered: {
          at: '2026-03-01T14:00:00.000Z',
          from: join(dir, 'berth-2026-03-01T13-00-00.000Z.db'),
          damaged: aside,
        },
      })
      expect(readFileSync(aside).equals(bytes)).toBe(true)
      expect(modeOf(path)).toBe('600')
      expect(start(), 'the next time').toEqual({ workspaces: 50, recovered: null })
      expect(backups()).toHaveLength(2)
    },
  )

  test.each(DAMAGE)('(%s) without any backup gives way to a new one, and is kept', async (_, damage) => {
    await made([], 60)
    damage()
    const bytes = readFileSync(path)
    const { workspaces, recovered } = start()
    expect(workspaces).toBe(0)
    expect(recovered).toMatchObject({ from: null })
    expect(readFileSync(recovered!.damaged!).equals(bytes)).toBe(true)
  })

  test.each<[string, boolean, () => void]>([
    ['missing', false, () => rmSync(path)],
    ['of no bytes', true, () => truncateSync(path)],
  ])('(%s) comes back from a backup', async (_, left, lose) => {
    await made([7], 8)
    lose()
    const { workspaces, recovered } = start()
    expect(workspaces).toBe(7)
    expect(recovered).toMatchObject({ from: join(dir, backups()[0]!) })
    expect(recovered!.damaged !== null).toBe(left)
  })

  test('(without its write-ahead log) is used when what is there is whole', async () => {
    await made([1], 2)
    killed(20)
    rmSync(`${path}-wal`)
    expect(start()).toEqual({ workspaces: 2, recovered: null })
  })

  test('(without the write-ahead log that held all of it) comes back from a backup', async () => {
    await made([3], 3)
    for (const name of files()) rmSync(join(dirname(path), name))
    killed(20)
    rmSync(`${path}-wal`)
    const { workspaces, recovered } = start()
    expect(workspaces).toBe(3)
    expect(recovered?.damaged).not.toBeNull()
  })

  test('is put aside with its write-ahead log, which is not mixed with the backup', async () => {
    await made([5], 6)
    killed(40)
    const log = readFileSync(`${path}-wal`)
    writeFileSync(path, Buffer.alloc(statSync(path).size, 1))
    const { workspaces, recovered } = start()
    expect(workspaces).toBe(5)
    expect(readFileSync(`${recovered!.damaged!}-wal`).equals(log)).toBe(true)
  })

  test('of which only the write-ahead log is left is kept too, also without a backup', () => {
    killed(10)
    rmSync(path)
    const { workspaces, recovered } = start()
    expect(workspaces).toBe(0)
    expect(existsSync(`${recovered!.damaged!}-wal`)).toBe(true)
  })

  test('a damaged write-ahead log costs what it held from there on, and nothing else', async () => {
    await made([1], 2)
    killed(20)
    scribble(`${path}-wal`, statSync(`${path}-wal`).size / 2, 1_000)
    const { workspaces, recovered } = start()
    expect(recovered).toBeNull()
    expect(workspaces).toBeGreaterThanOrEqual(2)
    expect(workspaces).toBeLessThan(22)
  })

  test('passes over backups that are damaged or empty, and changes none', async () => {
    await made([1, 2, 3, 4], 5)
    const [, second, third, fourth] = backups().map((name) => join(dir, name))
    scribble(fourth!, 0, 1_000_000)
    truncateSync(third!)
    const before = backups().map((name) => readFileSync(join(dir, name)))
    rmSync(path)
    expect(start()).toMatchObject({ workspaces: 2, recovered: { from: second } })
    expect(backups().map((name) => readFileSync(join(dir, name)))).toEqual(before)
  })

  test('is told of, also when none of its backups is good', async () => {
    await made([1], 2)
    scribble(join(dir, backups()[0]!), 0, 1_000_000)
    rmSync(path)
    expect(start()).toEqual({
      workspaces: 0,
      recovered: { at: '2026-03-01T13:00:00.000Z', from: null, damaged: null },
    })
  })

  test('twice in the same moment is put aside twice', async () => {
    await made([1], 2)
    for (const notes of ['one', 'two']) {
      writeFileSync(path, notes.repeat(1_000))
      expect(start().workspaces).toBe(1)
    }
    const aside = files().filter((name) => name.includes('damaged'))
    expect(aside.map((name) => readFileSync(join(dirname(path), name), 'utf8').slice(0, 3))).toEqual([
      'one',
      'two',
    ])
  })

  test('is recovered after a crash while it was being recovered', async () => {
    await made([3], 4)
    rmSync(path)
    writeFileSync(`${path}.new`, 'half a copy')
    writeFileSync(`${path}-wal`, 'of the one that was put aside')
    expect(start()).toMatchObject({ workspaces: 3, recovered: { damaged: expect.any(String) as string } })
    expect(files().filter((name) => !name.includes('damaged'))).toEqual(['berth.db'])
  })

  test('D16 comes back from a backup of the version before, brought up to date', async () => {
    const old = openDb(path, MIGRATIONS.slice(0, 1))
    old.exec("INSERT INTO users VALUES ('u', 'alice', 0)")
    await createBackups({ db: old, dir, now, log: createQuietLog() }).run()
    old.close()
    rmSync(path)
    const { db, recovered } = openOrRecover(path, dir, now)
    onTestFinished(() => void db.close())
    expect(recovered).not.toBeNull()
    expect(db.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length)
    expect(createAccountTable(db).user('u')).toEqual({ id: 'u', name: 'alice' })
  })

  test('D6 comes back in a fresh directory from a backup that was copied there', async () => {
    await made([4], 5)
    const fresh = tempDir()
    mkdirSync(join(fresh, 'backups'))
    copyFileSync(join(dir, backups()[0]!), join(fresh, 'backups', backups()[0]!))
    path = join(fresh, 'berth.db')
    dir = join(fresh, 'backups')
    expect(start().workspaces).toBe(4)
  })
})

describe('E13: a backup lets nobody in', () => {
  const SECRETS = ['an-argon2-hash', 'the-hash-of-a-session', 'the-hash-of-a-link', 'the-hash-of-a-guest']

  /** A database with everything by which somebody may come in. */
  function filled(): Db {
    const db = openDb(path)
    fill(db, 2)
    const [accounts, shares] = [createAccountTable(db), createShareTable(db)]
    accounts.changeAccount(ALICE.id, { passwordHash: SECRETS[0]! })
    const times = { createdAt: 0, renewedAt: 0, seenAt: 0, expiresAt: 1 }
    const session = { id: 's', userId: ALICE.id, parentId: null, workspaceId: null, port: null, ...times }
    accounts.addSession(Buffer.from(SECRETS[1]!), session)
    const share = { mode: 'LINK' as const, wakes: false, ports: [], createdAt: 0, expiresAt: null }
    shares.addShare({ id: 'h', workspaceId: idOf(1), ...share }, Buffer.from(SECRETS[2]!))
    const guest = { id: 'g', shareId: 'h', name: 'Eve', address: '', createdAt: 0, seenAt: 0 }
    shares.addGuest({ ...guest, state: 'IN' }, Buffer.from(SECRETS[3]!))
    return db
  }
  const known = (db: Db) => [
    createAccountTable(db).sessionById('s') !== undefined,
    createShareTable(db).shares().length,
    createShareTable(db).guests().length,
    createAccountTable(db).accounts()[0]?.passwordHash,
  ]
  const NOTHING = [false, 0, 0, null]
  const told = (file: string): string[] => SECRETS.filter((secret) => readFileSync(file).includes(secret))

  test('when it is copied by hand to where the database was', async () => {
    const db = filled()
    const backup = await createBackups({ db, dir, now, log: createQuietLog() }).run()
    expect(known(db), 'the database itself stays as it is').toEqual([true, 1, 1, SECRETS[0]])
    db.close()
    expect(told(path)).toEqual(SECRETS)
    expect(told(backup)).toEqual([])
    copyFileSync(backup, path)
    const { db: again, recovered } = openOrRecover(path, dir, now)
    onTestFinished(() => void again.close())
    expect(recovered).toBeNull()
    expect([count(again), ...known(again)]).toEqual([2, ...NOTHING])
  })

  test('when the start that recovers it goes no further, even if its backup is of an older Berth', async () => {
    const db = filled()
    mkdirSync(dir)
    const backup = join(dir, 'berth-2026-03-01T11-00-00.000Z.db')
    await db.backup(backup)
    db.close()
    const before = readFileSync(backup)
    writeFileSync(path, 'damaged'.repeat(1_000))
    writeFileSync(`${path}.new-journal`, 'of a crash')
    expect(start()).toMatchObject({ workspaces: 2, recovered: { from: backup } })
    const { db: again, recovered } = openOrRecover(path, dir, now)
    onTestFinished(() => void again.close())
    expect(recovered).toBeNull()
    expect([count(again), ...known(again)]).toEqual([2, ...NOTHING])
    expect(told(path)).toEqual([])
    expect(readFileSync(backup).equals(before)).toBe(true)
    expect(files().filter((name) => name.includes('.new'))).toEqual([])
  })
})

describe('what is no damage', () => {
  /** Everything in the data directory. */
  const all = (): [string, Buffer][] => files().map((name) => [name, readFileSync(join(dirname(path), name))])

  test('D16 a database of a newer Berth is refused and not changed by a byte', async () => {
    await made([1], 1)
    openDb(path, [...MIGRATIONS, 'CREATE TABLE later (x)']).close()
    const before = all()
    expect(() => start()).toThrow(expect.objectContaining({ code: 'NOT_SUPPORTED' }))
    expect(all()).toEqual(before)
  })

  test.skipIf(!ROOT)('files that may not be read are left, and told of', async () => {
    await made([1], 2)
    const before = all()
    chownSync(dirname(path), 12_345, 12_345)
    process.seteuid!(12_345)
    try {
      expect(() => start()).toThrow(
        expect.objectContaining({
          code: 'INVALID_INPUT',
          message: expect.stringContaining(path) as string,
          hint: expect.stringContaining('permissions') as string,
        }),
      )
    } finally {
      process.seteuid!(0)
    }
    expect(all()).toEqual(before)
    expect(start()).toEqual({ workspaces: 2, recovered: null })
  })

  test('a directory in its place is left, and told of', async () => {
    await made([1], 2)
    rmSync(path)
    mkdirSync(join(path, 'x'), { recursive: true })
    expect(() => start()).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    expect(readdirSync(path)).toEqual(['x'])
  })

  test.skipIf(!ROOT)('backups that may not be read are not taken for none', async () => {
    await made([1], 2)
    rmSync(path)
    chownSync(dirname(path), 12_345, 12_345)
    process.seteuid!(12_345)
    try {
      expect(() => start()).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
    } finally {
      process.seteuid!(0)
    }
    expect(files()).toEqual([])
  })

  test.skipIf(!ROOT)(
    'a full disk is called one, and the database is recovered once there is room',
    async () => {
      await made([30], 40)
      const small = tempDir()
      spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=100k', 'tmpfs', small])
      onTestFinished(() => void spawnSync('umount', [small]))
      path = join(small, 'berth.db')
      writeFileSync(path, 'damaged'.repeat(100))
      writeFileSync(join(small, 'filler'), Buffer.alloc(90_000))
      expect(() => start()).toThrow(expect.objectContaining({ code: 'DISK_FULL' }))
      expect(readFileSync(path, 'utf8')).toContain('damaged')
      rmSync(join(small, 'filler'))
      spawnSync('mount', ['-o', 'remount,size=10m', small])
      expect(start().workspaces).toBe(30)
    },
  )
})

describe('D6 backups', () => {
  const log = createQuietLog()
  let db: Db

  beforeEach(() => {
    db = openDb(path)
    fill(db, 3)
    log.errors.length = 0
    return () => void db.close()
  })
  const create = (): ReturnType<typeof createBackups> => createBackups({ db, dir, now, log })
  const nameAt = (at: number): string => `berth-${new Date(at).toISOString().replaceAll(':', '-')}.db`

  test('are whole, one file each, and for this user alone', async () => {
    const made = await create().run()
    expect(made).toBe(join(dir, 'berth-2026-03-01T12-00-00.000Z.db'))
    expect(backups()).toEqual(['berth-2026-03-01T12-00-00.000Z.db'])
    expect([modeOf(dir), modeOf(made)]).toEqual(['700', '600'])
    const copy = openDb(made)
    expect(count(copy)).toBe(3)
    copy.close()
  })

  test('hold what is written while they are made or do not, and are whole either way', async () => {
    fill(db, 2_000) // more than one step of the backup
    const making = create().run()
    for (let n = 2_001; n < 2_020; n++) {
      fill(db, n)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const copy = openDb(await making)
    expect(copy.pragma('integrity_check', { simple: true })).toBe('ok')
    expect(count(copy)).toBeGreaterThanOrEqual(2_000)
    copy.close()
  })

  test('are kept: the newest seven, and files of others', async () => {
    mkdirSync(dir)
    for (const name of ['notes.txt', 'berth-old.db', 'berth-2020-01-01.db'])
      writeFileSync(join(dir, name), 'x')
    for (let n = 0; n < 10; n++) {
      await create().run()
      time += HOUR
    }
    const kept = [3, 4, 5, 6, 7, 8, 9].map((n) => nameAt(NOON + n * HOUR))
    expect(backups()).toEqual(['berth-2020-01-01.db', ...kept, 'berth-old.db', 'notes.txt'])
  })

  test('are the newest in the order they were made in, also when the clock was set back', async () => {
    for (const at of [NOON, NOON - 24 * HOUR, NOON]) {
      time = at
      fill(db, count(db) + 1)
      await create().run()
    }
    expect(backups()).toHaveLength(3)
    const last = openDb(join(dir, backups().at(-1)!))
    expect(count(last)).toBe(6)
    last.close()
  })

  test('that a crash cut off are replaced', async () => {
    mkdirSync(dir)
    for (const end of ['', '-wal', '-shm', '-journal']) writeFileSync(join(dir, `.making.db${end}`), 'half')
    await create().run()
    expect(backups()).toEqual([nameAt(NOON)])
  })

  test('two at a time are one', async () => {
    const all = create()
    expect(await Promise.all([all.run(), all.run()])).toEqual([
      join(dir, nameAt(NOON)),
      join(dir, nameAt(NOON)),
    ])
    expect(backups()).toHaveLength(1)
  })

  test('of a database that is damaged take no good one’s place', async () => {
    for (let n = 0; n < 7; n++) {
      await create().run()
      time += HOUR
    }
    const before = backups()
    fill(db, 200)
    db.pragma('wal_checkpoint(TRUNCATE)')
    db.close()
    scribble(path, 32 * 4_096, 100_000) // behind the schema
    db = openDb(path)
    await expect(create().run()).rejects.toThrow()
    expect(backups()).toEqual(before)
  })

  test.each([
    ['at once, when there is none', undefined, 1],
    ['not yet, when the last is recent', NOON - HOUR + 60_000, 0],
    ['at once, when the last is an hour old', NOON - HOUR, 1],
    ['at once, when the last is of a time to come', NOON + 48 * HOUR, 1],
  ])('are made at the start: %s', async (_, last, more) => {
    if (last !== undefined) {
      time = last
      await create().run()
      time = NOON
    }
    const before = backups().length
    const all = create()
    all.start()
    await all.close()
    expect(backups()).toHaveLength(before + more)
    expect(log.errors).toEqual([])
  })

  test('are made every hour from then on, and no more once that was ended', async () => {
    vi.useFakeTimers({ now: NOON, toFake: ['setInterval', 'clearInterval'] })
    onTestFinished(() => void vi.useRealTimers())
    const all = create()
    all.start()
    for (let n = 1; n <= 3; n++) {
      await until(`backup ${n}`, () => backups().includes(nameAt(time)))
      time += HOUR
      vi.advanceTimersByTime(HOUR)
    }
    await all.close()
    expect(backups()).toHaveLength(4)
    time += HOUR
    vi.advanceTimersByTime(HOUR)
    await all.close()
    expect(backups()).toHaveLength(4)
  })

  test('that fail are logged, and do not keep the next from being made', async () => {
    writeFileSync(dir, 'a file in its place')
    const all = create()
    all.start()
    await all.close()
    expect(log.errors).toHaveLength(1)
    rmSync(dir)
    all.start()
    await all.close()
    expect(backups()).toHaveLength(1)
  })
})
