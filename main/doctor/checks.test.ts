import { describe, expect, test } from 'vitest'
import type { Check, Engine } from '../core/api.ts'
import * as checks from './checks.ts'

const GIB = 2 ** 30
const HOUR = 3_600_000

/** Of this level, saying this; what is not well says what to do. */
function expectCheck(check: Check, level: Check['level'], says: string): void {
  expect(check).toMatchObject({ level, message: expect.stringContaining(says) })
  expect(check.fix === null).toBe(level === 'OK')
}

const engine: Engine = { reachable: true, version: '27.1', message: null, hint: null }
test.each<[Partial<Engine>, Check['level'], string]>([
  [{}, 'OK', 'Docker 27.1 answers.'],
  [{ version: null }, 'OK', 'Docker answers.'],
  [{ reachable: false, message: 'Docker does not answer', hint: 'Start it.' }, 'PROBLEM', 'does not answer'],
  [{ reachable: false }, 'PROBLEM', 'not reachable'],
])('the engine %j is %s', (change, level, says) => {
  expectCheck(checks.judgeEngine({ ...engine, ...change }), level, says)
})

test('the engine itself says what to do, where it knows', () => {
  expect(checks.judgeEngine({ ...engine, reachable: false, hint: 'Join the group.' }).fix).toBe(
    'Join the group.',
  )
})

test.each<[{ message: string; hint: string }[] | undefined, Check['level'], string]>([
  [[], 'OK', 'Nothing is known'],
  [[{ message: 'runc is old', hint: 'Update.' }], 'WARNING', 'runc is old'],
  [
    [
      { message: 'a', hint: 'A' },
      { message: 'b', hint: 'B' },
    ],
    'WARNING',
    'a\nb',
  ],
  [undefined, 'WARNING', 'Not known'],
])('isolation with the risks %j is %s', (risks, level, says) => {
  expectCheck(checks.judgeIsolation(risks), level, says)
})

test.each<[boolean | undefined, Check['level'], string]>([
  [true, 'OK', 'image:1 is there'],
  [false, 'WARNING', 'is fetched at the first start'],
  [undefined, 'WARNING', 'not known'],
])('the image that is there (%s) is %s', (isThere, level, says) => {
  expectCheck(checks.judgeImage('image:1', isThere), level, says)
})

describe('a disk', () => {
  test.each<[string, checks.Disk | undefined, Check['level']]>([
    ['half free', { free: 50 * GIB, total: 100 * GIB }, 'OK'],
    ['exactly a tenth free', { free: 10 * GIB, total: 100 * GIB }, 'OK'],
    ['less than a tenth free', { free: 9.9 * GIB, total: 100 * GIB }, 'WARNING'],
    ['small, with 5 GiB', { free: 5 * GIB, total: 8 * GIB }, 'OK'],
    ['small, with less', { free: 5 * GIB - 1, total: 8 * GIB }, 'WARNING'],
    ['with 1 GiB', { free: GIB, total: 8 * GIB }, 'WARNING'],
    ['with less than that', { free: GIB - 1, total: 8 * GIB }, 'PROBLEM'],
    ['that does not answer', undefined, 'WARNING'],
  ])('%s', (_, disk, level) => {
    const fine = { name: 'Home store', disk: { free: 50 * GIB, total: 60 * GIB } }
    for (const places of [
      [{ name: 'Data directory', disk }, fine],
      [fine, { name: 'Data directory', disk }],
    ])
      expectCheck(checks.judgeDisk(places), level, 'Data directory: ')
  })

  test('is told with its room', () => {
    const disk = { free: 12_340_000_000, total: 100_000_000_000 }
    expect(checks.judgeDisk([{ name: 'Homes', disk }]).message).toBe('Homes: 12.3 GB of 100.0 GB free')
  })
})

test.each<[checks.Ailment | null | undefined, Check['level'], string]>([
  [null, 'OK', 'can be written'],
  [{ message: 'It is not at /x', hint: 'Connect it.' }, 'PROBLEM', 'not at /x'],
  [undefined, 'PROBLEM', 'does not answer'],
])('a store with the ailment %j is %s', (ailment, level, says) => {
  for (const id of ['HOME_STORE', 'ARCHIVE_STORE'] as const)
    expectCheck(checks.judgeStore(id, ailment), level, says)
})

const sound: checks.DatabaseFacts = { integrity: 'ok', backupAge: 0, recovered: false }
test.each<[Partial<checks.DatabaseFacts>, Check['level'], string]>([
  [{}, 'OK', 'fresh'],
  [{ backupAge: 2 * HOUR }, 'OK', 'fresh'],
  [{ backupAge: 2 * HOUR + 1 }, 'WARNING', '2 hours old'],
  [{ backupAge: -3 * HOUR }, 'WARNING', 'set back'],
  [{ backupAge: null }, 'WARNING', 'no backup'],
  [{ recovered: true }, 'WARNING', 'lost'],
  [{ integrity: 'row 1 missing' }, 'PROBLEM', 'row 1 missing'],
  [{ integrity: undefined }, 'PROBLEM', 'could not be checked'],
  [{ integrity: 'row 1 missing', recovered: true, backupAge: null }, 'PROBLEM', 'damaged'],
])('a database with %j is %s', (change, level, says) => {
  expectCheck(checks.judgeDatabase({ ...sound, ...change }), level, says)
})

const alone: checks.NetworkFacts = { port: 4711, shares: [], address: '192.0.2.7' }
test.each<[Partial<checks.NetworkFacts>, Check['level'], string]>([
  [{}, 'OK', 'Not shared. Berth answers this machine alone, on 127.0.0.1:4711.'],
  [{}, 'OK', '192.0.2.7'],
  [{ address: null }, 'OK', 'no local network'],
  [{ shares: [null] }, 'OK', '1 workspace is shared on 192.0.2.7.'],
  [{ shares: [null, null] }, 'OK', '2 workspaces are shared on 192.0.2.7.'],
  [{ shares: [null], address: null }, 'WARNING', 'no local network'],
  [{ shares: [null], address: undefined }, 'WARNING', 'shared on'],
  [{ shares: [null, 'Its port is taken'] }, 'WARNING', 'Its port is taken'],
  [{ shares: undefined }, 'WARNING', 'not known'],
])('a network with %j is %s', (change, level, says) => {
  expectCheck(checks.judgeNetwork({ ...alone, ...change }), level, says)
})

test.each<[number | undefined, Check['level'], string]>([
  [0, 'OK', 'agrees'],
  [5_000, 'OK', 'agrees'],
  [-5_000, 'OK', 'agrees'],
  [5_001, 'WARNING', '5 s ahead of'],
  [-3_600_000, 'WARNING', '3600 s behind'],
  [undefined, 'OK', 'does not tell'],
])("the engine's clock, %s ms before ours, is %s", (offset, level, says) => {
  expectCheck(checks.judgeClock(offset), level, says)
})
