import { beforeEach, expect, test } from 'vitest'
import { memoryDb } from '../testing/plane.ts'
import { ALICE } from '../testing/rows.ts'
import { createAccountTable, type AccountTable } from './accounts.ts'

let accounts: AccountTable
beforeEach(() => void (accounts = createAccountTable(memoryDb())))

const hash = (n: number): Buffer => Buffer.alloc(32, n)
const session = (expiresAt: number, workspaceId: string | null = null) => ({
  userId: ALICE.id,
  workspaceId,
  expiresAt,
})

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

test('a session is good until it expires, and not at that moment', () => {
  accounts.addSession(hash(1), session(1_000), 0)
  expect(accounts.session(hash(1), 999)).toEqual(session(1_000))
  expect(accounts.session(hash(1), 1_000)).toBeUndefined()
  expect(accounts.session(hash(2), 0)).toBeUndefined()
})

test('expired sessions go when a new one is made, the others stay', () => {
  accounts.addSession(hash(1), session(1_000), 0)
  accounts.addSession(hash(2), session(5_000), 0)
  accounts.addSession(hash(3), session(9_000), 2_000)
  expect([1, 2, 3].map((n) => accounts.session(hash(n), 0) !== undefined)).toEqual([false, true, true])
})

test('a session that was removed is gone, no other is', () => {
  accounts.addSession(hash(1), session(1_000, 'w'), 0)
  accounts.addSession(hash(2), session(1_000), 0)
  accounts.removeSession(hash(1))
  expect(accounts.session(hash(1), 0)).toBeUndefined()
  expect(accounts.session(hash(2), 0)).toEqual(session(1_000))
})

test('a fact keeps its first value until it is set', () => {
  expect(accounts.fact('installation', 'a')).toBe('a')
  expect(accounts.fact('installation', 'b')).toBe('a')
  accounts.setFact('installation', 'c')
  expect(accounts.fact('installation', 'd')).toBe('c')
})
