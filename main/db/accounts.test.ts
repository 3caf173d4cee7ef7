import { beforeEach, describe, expect, test } from 'vitest'
import { memoryDb } from '../testing/plane.ts'
import { ALICE, BOB, idOf, rowOf } from '../testing/rows.ts'
import { createAccountTable, type AccountTable, type Session } from './accounts.ts'
import type { Db } from './open.ts'
import { createWorkspaceTable } from './workspaces.ts'

let db: Db
let accounts: AccountTable
beforeEach(() => {
  db = memoryDb()
  accounts = createAccountTable(db)
})

const hash = (n: number): Buffer => Buffer.alloc(32, n)
const OF_ALICE: Session = {
  id: 's',
  userId: ALICE.id,
  parentId: null,
  workspaceId: null,
  port: null,
  createdAt: 0,
  renewedAt: 0,
  seenAt: 0,
  expiresAt: 1_000,
}
/** Adds the session `s<n>` with the token of that number. */
function add(n: number, change: Partial<Session> = {}): string {
  const id = `s${n}`
  accounts.addSession(hash(n), { ...OF_ALICE, id, ...change })
  return id
}
const left = (): string[] => db.prepare('SELECT id FROM sessions ORDER BY id').pluck().all() as string[]

test('a user of a known name is the one who had it first', () => {
  expect(accounts.ensureUser({ id: 'other', name: ALICE.name }, 5)).toEqual(ALICE)
  expect(accounts.user('other')).toBeUndefined()
  expect(accounts.user(ALICE.id)).toEqual(ALICE)
})

test('the owner is who it was the first time, also by another name', () => {
  expect(accounts.ensureOwner({ id: 'other', name: ALICE.name }, 5)).toEqual(ALICE)
  expect(accounts.ensureOwner({ id: 'another', name: 'renamed' }, 6)).toEqual(ALICE)
  expect(accounts.user('another')).toBeUndefined()
})

describe('an account', () => {
  const carol = { id: idOf(7), name: 'carol', passwordHash: 'x', createdAt: 7 }

  test('is listed as it was added and changed', () => {
    accounts.addAccount(carol)
    expect(accounts.accounts().at(-1)).toEqual(carol)
    accounts.changeAccount(carol.id, { name: 'Carol' })
    accounts.changeAccount(carol.id, { passwordHash: 'y' })
    expect(accounts.accounts().at(-1)).toEqual({ ...carol, name: 'Carol', passwordHash: 'y' })
    expect(accounts.user(carol.id)).toEqual({ id: carol.id, name: 'Carol' })
    expect(accounts.accounts()[0]).toEqual({ ...ALICE, passwordHash: null, createdAt: 0 })
  })

  test('goes with its sessions, and leaves its rows to the heir', () => {
    accounts.addAccount(carol)
    add(1, { userId: carol.id })
    add(2)
    createWorkspaceTable(db).insert(rowOf(idOf(1), { ownerId: carol.id }))
    createWorkspaceTable(db).insert(rowOf(idOf(2), { ownerId: BOB.id }))
    accounts.removeAccount(carol.id, ALICE.id)
    expect(accounts.user(carol.id)).toBeUndefined()
    expect(left()).toEqual(['s2'])
    expect([1, 2].map((n) => createWorkspaceTable(db).get(idOf(n))?.ownerId)).toEqual([ALICE.id, BOB.id])
  })
})

describe('a session', () => {
  test('is good until it expires or idles, and not at that moment', () => {
    const id = add(1, { seenAt: 500 })
    const session = { ...OF_ALICE, id, seenAt: 500 }
    expect(accounts.session(hash(1), 999, 499)).toEqual({ ...session, isNewest: true })
    expect(accounts.session(hash(1), 1_000, 499)).toBeUndefined()
    expect(accounts.session(hash(1), 999, 500)).toBeUndefined()
    expect(accounts.session(hash(2), 0, -1)).toBeUndefined()
    expect(accounts.sessionById(id)).toEqual(session)
  })

  test('has a new token once it is renewed, and the one before for a while', () => {
    const id = add(1)
    accounts.renewSession(id, hash(2), 100, 160)
    const good = (n: number, at: number): boolean => accounts.session(hash(n), at, -1) !== undefined
    expect([1, 2].map((n) => accounts.session(hash(n), 100, -1)?.isNewest)).toEqual([false, true])
    expect([good(2, 100), good(1, 159), good(1, 160), good(2, 160)]).toEqual([true, true, false, true])
    expect(accounts.sessionById(id)).toMatchObject({ renewedAt: 100, seenAt: 100, createdAt: 0 })
    accounts.renewSession(id, hash(3), 110, 170)
    expect([good(1, 111), good(2, 111), good(3, 111)]).toEqual([false, true, true])
  })

  test('that is used is seen, and so is all above it, and nothing else', () => {
    add(1)
    add(2, { parentId: 's1' })
    add(3, { parentId: 's2' })
    add(4, { parentId: 's1' })
    accounts.seeSession('s3', 50)
    expect([1, 2, 3, 4].map((n) => accounts.sessionById(`s${n}`)?.seenAt)).toEqual([50, 50, 50, 0])
    expect(accounts.unseenSessions(49)).toEqual(['s4'])
  })

  test('is removed with all below it, and no other is', () => {
    add(1)
    add(2, { parentId: 's1' })
    add(3, { parentId: 's2' })
    add(4)
    expect(accounts.removeSession('s2').sort()).toEqual(['s2', 's3'])
    expect(left()).toEqual(['s1', 's4'])
    expect(accounts.removeSession('s2')).toEqual([])
  })

  test('of a user goes, but for one and what is below that', () => {
    add(1)
    add(2, { parentId: 's1' })
    add(3)
    add(4, { parentId: 's3' })
    add(5, { userId: BOB.id })
    add(6, { workspaceId: idOf(1) })
    add(7, { workspaceId: idOf(1), port: 3000, parentId: 's6' })
    expect(accounts.removeOtherSessionsOf(ALICE.id, 's1').sort()).toEqual(['s3', 's4'])
    expect(left()).toEqual(['s1', 's2', 's5', 's6', 's7'])
    expect(accounts.removeSessionsOf(ALICE.id).sort()).toEqual(['s1', 's2', 's6', 's7'])
    expect(left()).toEqual(['s5'])
  })

  test('of a workspace goes when there are too many of its user, the oldest first', () => {
    add(1)
    for (const n of [2, 3, 4]) add(n, { workspaceId: idOf(1), createdAt: 10 - n })
    add(5, { workspaceId: idOf(1), userId: BOB.id })
    add(6, { parentId: 's2' })
    expect(accounts.removeOldestSessions(ALICE.id, 3)).toEqual([])
    expect(accounts.removeOldestSessions(ALICE.id, 2).sort()).toEqual(['s2', 's6'])
    expect(left()).toEqual(['s1', 's3', 's4', 's5'])
  })

  test('takes the place of all there are, and of a password, or of none', () => {
    for (const userId of [ALICE.id, BOB.id]) accounts.changeAccount(userId, { passwordHash: 'hash' })
    add(1)
    add(2, { userId: BOB.id, workspaceId: idOf(1) })
    const begin = (last: () => void) => accounts.beginAnew(hash(9), { ...OF_ALICE, id: 's9' }, last)
    const passwords = () => accounts.accounts().map(({ passwordHash }) => passwordHash)
    const broken = (): never => {
      throw new Error('broken')
    }
    expect(() => begin(broken)).toThrow('broken')
    expect([left(), passwords()]).toEqual([
      ['s1', 's2'],
      ['hash', 'hash'],
    ])
    expect(begin(() => undefined).sort()).toEqual(['s1', 's2'])
    expect([left(), passwords()]).toEqual([['s9'], [null, 'hash']])
  })

  test('that is stale goes with what is below it, the others stay', () => {
    add(1, { seenAt: 100 })
    add(2, { seenAt: 100, parentId: 's1', expiresAt: 5_000 })
    add(3, { seenAt: 100, expiresAt: 5_000 })
    add(4, { seenAt: 10, expiresAt: 5_000 })
    expect(accounts.removeStaleSessions(1_000, 10).sort()).toEqual(['s1', 's2', 's4'])
    expect(left()).toEqual(['s3'])
  })
})

test('a fact keeps its first value until it is set', () => {
  expect(accounts.fact('installation', 'a')).toBe('a')
  expect(accounts.fact('installation', 'b')).toBe('a')
  accounts.setFact('installation', 'c')
  expect(accounts.fact('installation', 'd')).toBe('c')
})
