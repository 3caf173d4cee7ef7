import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { CHECKS, doctor as schema, type Check } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import { idOf, rowOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { createDoctor, type DoctorDeps } from './doctor.ts'
import { diskOf, tryToWrite } from './look.ts'

const NOW = Date.parse('2026-01-02T03:04:05.000Z')
const HOME = '/home/alice-canary'

/** All that it asks is well, unless `change` says otherwise. */
function depsOf(change: Partial<DoctorDeps> = {}): DoctorDeps {
  return {
    engine: () => ({ reachable: true, version: '27.1', message: null, hint: null }),
    risks: () => Promise.resolve([]),
    image: () => 'image:1',
    hasImage: () => Promise.resolve(true),
    clockOffset: () => Promise.resolve(0),
    dataDir: `${HOME}/.config/berth`,
    homeStore: { root: `${HOME}/client-canary/homes`, seen: () => Promise.resolve() },
    homeStoreProblem: () => null,
    archiveStore: { root: `${HOME}/.config/berth/archives`, seen: () => Promise.resolve() },
    diskOf: () => Promise.resolve({ free: 60e9, total: 100e9 }),
    tryToWrite: () => Promise.resolve(),
    integrity: () => 'ok',
    newestBackup: () => NOW - 60_000,
    recovered: false,
    port: () => 4711,
    shares: () => [],
    address: () => Promise.resolve('192.0.2.7'),
    versions: { Berth: '1.2.3', Node: '24.0.0', Electron: undefined, System: 'Linux 6 x64' },
    rows: () => [],
    places: [
      [HOME, '~'],
      [`${HOME}/.config/berth`, '<data directory>'],
      [`${HOME}/client-canary/homes`, '<home store>'],
      [`${HOME}/.config/berth/archives`, '<archive store>'],
    ],
    now: () => NOW,
    patienceMs: 20,
    ...change,
  }
}

const examine = (change: Partial<DoctorDeps> = {}) => createDoctor(depsOf(change))()

async function levels(change: Partial<DoctorDeps>): Promise<Partial<Record<Check['id'], Check['level']>>> {
  const { checks } = await examine(change)
  expect(checks.map(({ id }) => id)).toEqual(CHECKS)
  return Object.fromEntries(checks.filter(({ level }) => level !== 'OK').map(({ id, level }) => [id, level]))
}

const never = () => new Promise<never>(() => undefined)
const refuse = () => Promise.reject(new Error('refused'))
function burst(): never {
  throw new Error('burst')
}

test('with all well, everything is looked at and nothing is found', async () => {
  const found = await examine()
  expect(schema.strict().parse(found)).toEqual(found)
  expect(found.checked_at).toBe('2026-01-02T03:04:05.000Z')
  expect(await levels({})).toEqual({})
})

describe('what does not answer, or fails, is told as such, and the rest is looked at all the same', () => {
  const all = { DISK: 'WARNING', HOME_STORE: 'PROBLEM', ARCHIVE_STORE: 'PROBLEM' }
  test.each([
    ['silence', never],
    ['refusals', refuse],
  ])('%s', async (_, answer) => {
    const store = { root: '/x', seen: answer }
    const engine = { ISOLATION: 'WARNING', IMAGE: 'WARNING' }
    expect(await levels({ risks: answer, hasImage: answer, clockOffset: answer })).toEqual(engine)
    expect(await levels({ diskOf: answer, homeStore: store, archiveStore: store })).toEqual(all)
    expect(await levels({ tryToWrite: answer })).toMatchObject({ HOME_STORE: 'PROBLEM' })
    expect(await levels({ address: answer })).toEqual({})
    expect(await levels({ address: answer, shares: () => [null] })).toEqual({ NETWORK: 'WARNING' })
  })

  test('a database that cannot even be asked', async () => {
    const broken = { integrity: burst, rows: burst, newestBackup: burst, shares: burst }
    expect(await levels(broken)).toEqual({ DATABASE: 'PROBLEM', NETWORK: 'WARNING' })
    expect((await examine(broken)).report).toContain('Workspaces: unknown')
  })

  test('an engine that is away is not asked anything', async () => {
    const engine = () => ({ reachable: false, version: null, message: 'away', hint: null })
    expect(await levels({ engine, risks: burst, hasImage: burst, clockOffset: burst })).toEqual({
      ENGINE: 'PROBLEM',
      ISOLATION: 'WARNING',
      IMAGE: 'WARNING',
    })
  })
})

test('a disk that hangs is not asked a second time before it has answered', async () => {
  let times = 0
  let answer = (): void => undefined
  const examine = createDoctor(
    depsOf({
      diskOf: () =>
        ++times > 2
          ? Promise.resolve({ free: 60e9, total: 100e9 })
          : new Promise((resolve) => (answer = () => resolve({ free: 1, total: 2 }))),
    }),
  )
  const diskIn = async () => (await examine()).checks.find(({ id }) => id === 'DISK')!.message
  expect(await diskIn()).toContain('does not answer')
  expect(await diskIn()).toContain('does not answer')
  expect(times).toBe(2) // the data directory's and the home store's
  answer()
  await examine()
  expect(await diskIn()).toBe('Data directory: it does not answer\nHome store: 60.0 GB of 100.0 GB free')
  expect(times).toBe(3)
})

test('what the reconciler met in the home store counts', async () => {
  const homeStoreProblem = () => ({
    code: 'HOME_STORE_UNAVAILABLE' as const,
    message: 'gone',
    hint: 'Connect it.',
  })
  expect(await levels({ homeStoreProblem })).toEqual({ HOME_STORE: 'PROBLEM' })
})

test('one file system is told once', async () => {
  const disk = (change: Partial<DoctorDeps>) =>
    examine(change).then(({ checks }) => checks.find(({ id }) => id === 'DISK')!.message)
  expect(await disk({})).toBe('Data directory and home store: 60.0 GB of 100.0 GB free')
  const diskOf = (path: string) => Promise.resolve({ free: path.length * 1e9, total: 100e9 })
  expect((await disk({ diskOf })).split('\n')).toHaveLength(2)
})

describe('the report', () => {
  test('has versions, checks and counts', async () => {
    const rows = () => [
      rowOf(idOf(1), { status: 'RUNNING' }),
      rowOf(idOf(2), { status: 'RUNNING' }),
      rowOf(idOf(3), { status: 'PENDING', archiveKey: 'x' }),
      rowOf(idOf(4), { status: 'STANDBY', deletedAt: 1 }),
    ]
    const { report } = await examine({ rows, recovered: true })
    for (const line of [
      'Berth doctor, 2026-01-02T03:04:05.000Z',
      'Berth: 1.2.3',
      'Node: 24.0.0',
      'System: Linux 6 x64',
      'Docker: 27.1',
      'Workspaces: 2 RUNNING, 1 ARCHIVED',
      '[OK] ENGINE: Docker 27.1 answers.',
      '[WARNING] DATABASE: It is sound, but was lost and replaced at this start.',
    ])
      expect(report.split('\n')).toContain(line)
    expect(report).toContain('    Fix: Look through')
    expect(report).not.toContain('Electron')
    expect((await examine()).report).toContain('Workspaces: none')
  })

  test('names no workspace, nobody, no place below the home directory, and nothing to sign in with', async () => {
    const secret = {
      name: 'name-canary',
      description: 'description-canary',
      memo: 'memo-canary',
      ownerId: 'owner-canary',
      errorInfo: null,
    }
    const away = (place: string) => () =>
      Promise.reject(new AppError('HOME_STORE_UNAVAILABLE', `not at ${place}`))
    const { dataDir, homeStore, archiveStore } = depsOf()
    const { report, checks } = await examine({
      engine: () => ({
        reachable: false,
        version: null,
        message: `no answer at ${HOME}/.docker/run/docker.sock by http://user-canary:password-canary@proxy:1/`,
        hint: `See ${dataDir}/logs.`,
      }),
      homeStore: { ...homeStore, seen: away(homeStore.root) },
      archiveStore: { ...archiveStore, seen: away(archiveStore.root) },
      rows: () => [rowOf(idOf(1), secret)],
    })
    expect(JSON.stringify(checks)).toContain('client-canary') // the person themselves may see where it is
    expect(report).not.toContain('canary')
    expect(report).not.toContain(idOf(1))
    expect(report).toContain('not at <home store>')
    expect(report).toContain('not at <archive store>')
    expect(report).toContain('See <data directory>/logs.')
    expect(report).toContain('no answer at ~/.docker/run/docker.sock by http://…@proxy:1/')
  })

  test.each([
    [['/home/al'], '/home/alice and /home/al/x, /home/al.', '/home/alice and ~/x, ~.'],
    [['/'], '/usr/bin', '/usr/bin'],
    [['C:\\Users\\A (b)+'], 'c:\\users\\a (b)+\\berth', '~\\berth'],
  ])('hides %j where it is one: %s', async (paths, message, hidden) => {
    const engine = () => ({ reachable: false, version: null, message, hint: null })
    const { report } = await examine({ engine, places: paths.map((path) => [path, '~'] as const) })
    expect(report).toContain(`ENGINE: ${hidden}\n`)
  })
})

test('writing is tried, and nothing is left of it', async () => {
  const dir = tempDir()
  await tryToWrite(dir)
  expect(readdirSync(dir)).toEqual([])
  mkdirSync(join(dir, 'a'))
  await expect(tryToWrite(join(dir, 'b'))).rejects.toMatchObject({ code: 'ENOENT' })
  const { free, total } = await diskOf(dir)
  expect(free).toBeGreaterThan(0)
  expect(total).toBeGreaterThanOrEqual(free)
})
