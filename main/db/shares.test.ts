import { beforeEach, expect, test } from 'vitest'
import { memoryDb } from '../testing/plane.ts'
import { idOf, rowOf } from '../testing/rows.ts'
import type { Db } from './open.ts'
import { createShareTable, type GuestRow, type ShareRow, type ShareTable } from './shares.ts'
import { createWorkspaceTable } from './workspaces.ts'

let db: Db
let shares: ShareTable
beforeEach(() => {
  db = memoryDb()
  shares = createShareTable(db)
  for (const n of [1, 2]) createWorkspaceTable(db).insert(rowOf(idOf(n)))
})

const hash = (n: number): Buffer => Buffer.alloc(32, n)
const share = (id: string, changes: Partial<ShareRow> = {}): ShareRow => ({
  id,
  workspaceId: idOf(1),
  mode: 'LINK',
  wakes: false,
  ports: [3000],
  createdAt: 1,
  expiresAt: null,
  ...changes,
})
const guest = (id: string, shareId: string, changes: Partial<GuestRow> = {}): GuestRow => ({
  id,
  shareId,
  name: 'Kim',
  address: '192.0.2.1',
  state: 'RINGING',
  createdAt: 1,
  seenAt: 1,
  ...changes,
})

test('a share is read as it was written, and by the workspace it is of', () => {
  const [first, second, other] = [
    share('a'),
    share('b', { mode: 'DOORBELL', wakes: true, ports: [], createdAt: 2, expiresAt: 9 }),
    share('c', { workspaceId: idOf(2), createdAt: 3 }),
  ]
  ;[first, second, other].forEach((one, n) => shares.addShare(one, hash(n)))
  expect(shares.shares()).toEqual([first, second, other])
  expect(shares.shares(idOf(1))).toEqual([first, second])
  expect(shares.share('b')).toEqual(second)
  expect(shares.share('x')).toBeUndefined()
  expect(shares.links(idOf(1))).toEqual([
    { id: 'a', hash: hash(0) },
    { id: 'b', hash: hash(1) },
  ])
})

test('a token names its guest where it is good, and nowhere else', () => {
  shares.addShare(share('a'), hash(0))
  shares.addGuest(guest('g', 'a'), hash(1))
  shares.setToken('g', 3000, hash(2))
  expect(shares.holder(hash(1), null)).toEqual(guest('g', 'a'))
  expect(shares.holder(hash(2), 3000)).toEqual(guest('g', 'a'))
  expect(shares.holder(hash(1), 3000)).toBeUndefined()
  expect(shares.holder(hash(2), null)).toBeUndefined()
  expect(shares.holder(hash(2), 3001)).toBeUndefined()
  expect(shares.holder(hash(3), null)).toBeUndefined()
})

test('a new token for a port takes the place of the earlier one', () => {
  shares.addShare(share('a', { ports: [3000, 4000] }), hash(0))
  shares.addGuest(guest('g', 'a'), hash(1))
  shares.setToken('g', 3000, hash(2))
  shares.setToken('g', 4000, hash(3))
  shares.setToken('g', 3000, hash(4))
  expect(shares.holder(hash(2), 3000)).toBeUndefined()
  expect(shares.holder(hash(4), 3000)?.id).toBe('g')
  expect(shares.holder(hash(3), 4000)?.id).toBe('g')
})

test('a port that is allowed no more ends its tokens, and no others', () => {
  shares.addShare(share('a', { ports: [3000, 4000] }), hash(0))
  shares.addShare(share('b'), hash(9))
  for (const [id, of, n] of [
    ['g', 'a', 10],
    ['h', 'a', 20],
    ['i', 'b', 30],
  ] as const)
    shares.addGuest(guest(id, of), hash(n))
  shares.setToken('g', 3000, hash(11))
  shares.setToken('g', 4000, hash(12))
  shares.setToken('h', 4000, hash(21))
  shares.setToken('i', 3000, hash(31))
  expect(shares.changeShare('a', true, [4000])).toEqual(['g'])
  expect(shares.share('a')).toMatchObject({ wakes: true, ports: [4000] })
  expect(shares.holder(hash(11), 3000)).toBeUndefined()
  expect(shares.holder(hash(10), null)?.id).toBe('g')
  expect(shares.holder(hash(12), 4000)?.id).toBe('g')
  expect(shares.holder(hash(31), 3000)?.id).toBe('i')
})

test('guests are let in, seen and removed, with their tokens', () => {
  shares.addShare(share('a'), hash(0))
  shares.addGuest(guest('g', 'a'), hash(1))
  shares.addGuest(guest('h', 'a', { createdAt: 2 }), hash(2))
  shares.letIn('g')
  shares.seen('g', 50)
  expect(shares.guests('a')).toEqual([
    guest('g', 'a', { state: 'IN', seenAt: 50 }),
    guest('h', 'a', { createdAt: 2 }),
  ])
  shares.removeGuest('g')
  expect(shares.guest('g')).toBeUndefined()
  expect(shares.holder(hash(1), null)).toBeUndefined()
  expect(shares.guests()).toEqual([guest('h', 'a', { createdAt: 2 })])
})

test('a share takes its guests and their tokens with it', () => {
  shares.addShare(share('a'), hash(0))
  shares.addGuest(guest('g', 'a'), hash(1))
  shares.setToken('g', 3000, hash(2))
  shares.removeShare('a')
  expect(shares.guests()).toEqual([])
  expect(db.prepare('SELECT count(*) FROM guest_tokens').pluck().get()).toBe(0)
})

test('where something was served last is known, also after its shares have ended', () => {
  expect(shares.tcpPort(idOf(1), 0)).toBeUndefined()
  shares.setTcpPort(idOf(1), 0, 40_001)
  shares.setTcpPort(idOf(1), 3000, 40_002)
  shares.setTcpPort(idOf(1), 0, 40_003)
  expect(shares.tcpPort(idOf(1), 0)).toBe(40_003)
  expect(shares.tcpPort(idOf(1), 3000)).toBe(40_002)
})
