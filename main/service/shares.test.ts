import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { AppError, type ErrorCode } from '../core/errors.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { createAccountTable, type User } from '../db/accounts.ts'
import { openDb, type Db } from '../db/open.ts'
import { createShareTable } from '../db/shares.ts'
import { createWorkspaceTable } from '../db/workspaces.ts'
import { createBus, type News } from '../events/bus.ts'
import { createQuietLog } from '../testing/plane.ts'
import { ALICE, BOB, idOf, rowOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { createLimiter } from './limiter.ts'
import { createShares, type Entry } from './shares.ts'

const MINUTE = 60_000
const DAY = 86_400_000
const HOUR = 60 * MINUTE
const [W, OTHER] = [idOf(1), idOf(2)]
const URL_OF_W = `https://192.0.2.1:40001/w/${W}/`

type Bench = ReturnType<typeof start>
let bench: Bench
beforeEach(() => {
  vi.useFakeTimers({ now: new Date('2026-03-01T12:00:00Z') })
  onTestFinished(() => void vi.useRealTimers())
  bench = start()
})

function start() {
  const path = join(tempDir(), 'berth.db')
  const db: Db = openDb(path)
  const accounts = createAccountTable(db)
  for (const user of [ALICE, BOB]) accounts.ensureUser(user, 0)
  const rows = createWorkspaceTable(db)
  for (const id of [W, OTHER]) rows.insert(rowOf(id, { status: 'RUNNING' }))
  const log = createQuietLog()
  const bus = createBus((error) => log.error({ err: error }, 'a listener failed'))
  const news: News[] = []
  bus.subscribe((one) => void news.push(one))
  const out: string[] = []
  const connections = new Map<string, number>()
  let ids = 100
  let synced = 0
  const state = { url: URL_OF_W as string | null, problem: null as string | null }
  const table = createShareTable(db)
  const now = Date.now
  const windowMs = 15 * MINUTE
  const shares = createShares({
    table,
    enter(user, id) {
      const row = rows.get(id)
      if (!row) throw new AppError('NOT_FOUND')
      if (row.ownerId !== user.id) throw new AppError('FORBIDDEN')
      return row
    },
    row: rows.get,
    bus,
    facts: () => ({ ...state, ports: [], fingerprint: 'AB:CD' }),
    connections: (visitor) => connections.get(visitor) ?? 0,
    tries: createLimiter({ max: 10, windowMs, now }),
    onOut: (guestIds) => void out.push(...guestIds),
    sync() {
      synced++
    },
    settled: () => Promise.resolve(),
    newId: () => idOf(ids++),
    now,
    log,
  })
  onTestFinished(() => {
    shares.close()
    expect(log.errors).toEqual([])
    db.close()
  })

  const share = async (wish: Partial<Parameters<typeof shares.create>[2]> = {}, id = W) => {
    const made = await shares.create(ALICE, id, {
      mode: 'LINK',
      wakes: false,
      ports: [],
      expires_in_seconds: 3_600,
      ...wish,
    })
    return { ...made, secret: new URL(made.link).hash.slice(1) }
  }
  return {
    path,
    db,
    rows,
    table,
    bus,
    news,
    out,
    connections,
    state,
    shares,
    share,
    synced: () => synced,
    enter: (link: string, name = 'Kim', address = '192.0.2.7', token?: string): Entry =>
      shares.enter(W, { link, name }, address, token === undefined ? [] : [token]),
    guests: () => shares.list(ALICE, W).flatMap(({ guests }) => guests),
    remove: (id: string) => {
      rows.writeWishes(id, rows.get(id)!.wish, { deletedAt: Date.now(), wish: rows.get(id)!.wish + 1 })
      bus.publish({ kind: 'workspace', id })
    },
    patch: (id: string, changes: Partial<Pick<WorkspaceRow, 'name'>>) =>
      rows.writeWishes(id, rows.get(id)!.wish, changes),
  }
}

/** The code of what is thrown. */
function refusal(call: () => unknown): ErrorCode | undefined {
  try {
    call()
    return undefined
  } catch (error) {
    if (error instanceof AppError) return error.code
    throw error
  }
}

describe('a share', () => {
  test('is made with a link whose secret is in the fragment', async () => {
    const { share, link, secret } = await bench.share({ ports: [5000, 3000, 5000], wakes: true })
    expect(link).toBe(`${URL_OF_W}#${secret}`)
    expect(Buffer.from(secret, 'base64url').length).toBe(32)
    expect(share).toEqual({
      id: expect.any(String),
      mode: 'LINK',
      wakes: true,
      ports: [3000, 5000],
      created_at: '2026-03-01T12:00:00.000Z',
      expires_at: '2026-03-01T13:00:00.000Z',
      guests: [],
    })
    expect(bench.shares.list(ALICE, W)).toEqual([share])
    expect(bench.shares.sharing(W)).toEqual({
      url: URL_OF_W,
      ports: [],
      problem: null,
      fingerprint: 'AB:CD',
      shares: [share],
    })
    expect(bench.shares.sharing(OTHER)).toBeNull()
    expect(bench.shares.wanted()).toEqual([{ id: W, ports: [3000, 5000] }])
    expect(bench.synced()).toBe(1)
  })

  test('is not kept where there is no network', async () => {
    bench.state.url = null
    bench.state.problem = 'There is no network here'
    await expect(bench.share()).rejects.toMatchObject({
      code: 'LAN_UNAVAILABLE',
      message: 'There is no network here',
    })
    expect(bench.shares.sharing(W)).toBeNull()
    expect(bench.shares.wanted()).toEqual([])
    expect(bench.synced()).toBe(2)
  })

  test('is the owner’s to make, see, change and stop', async () => {
    const { share, secret } = await bench.share({ mode: 'DOORBELL' })
    bench.enter(secret)
    const [guest] = bench.guests()
    const calls: ((user: User, shareId: string, guestId: string, workspaceId: string) => unknown)[] = [
      (user, _, __, id) => bench.shares.list(user, id),
      (user, id) => bench.shares.change(user, id, { wakes: true }),
      (user, _, id) => bench.shares.allow(user, id),
      (user, _, id) => bench.shares.expel(user, id),
      (user, id) => bench.shares.stop(user, id),
    ]
    const input = { mode: 'LINK' as const, wakes: false, ports: [], expires_in_seconds: null }
    await expect(bench.shares.create(BOB, W, input)).rejects.toMatchObject({ code: 'FORBIDDEN' })
    await expect(bench.shares.create(ALICE, idOf(9), input)).rejects.toMatchObject({ code: 'NOT_FOUND' })
    for (const call of calls) {
      expect(refusal(() => call(BOB, share.id, guest!.id, W))).toBe('FORBIDDEN')
      expect(refusal(() => call(ALICE, idOf(9), idOf(9), idOf(9)))).toBe('NOT_FOUND')
    }
    expect(bench.shares.list(ALICE, W)).toEqual([{ ...share, guests: [guest] }])
    expect(bench.out).toEqual([])
  })

  test('is one of at most twenty of its workspace', async () => {
    for (let n = 0; n < 20; n++) await bench.share()
    await expect(bench.share()).rejects.toMatchObject({ code: 'NOT_NOW' })
    await bench.share({}, OTHER)
  })

  test('is not made of a workspace that is being deleted', async () => {
    bench.remove(W)
    await expect(bench.share()).rejects.toMatchObject({ code: 'BEING_DELETED' })
  })

  test('is wanted on the network with all ports that any share of the workspace allows', async () => {
    await bench.share({ ports: [4000] })
    const { share } = await bench.share({ ports: [3000, 4000] })
    await bench.share({}, OTHER)
    expect(bench.shares.wanted()).toEqual([
      { id: W, ports: [3000, 4000] },
      { id: OTHER, ports: [] },
    ])
    bench.shares.change(ALICE, share.id, { ports: [] })
    expect(bench.shares.wanted()[0]).toEqual({ id: W, ports: [4000] })
  })
})

describe('a link', () => {
  test('L2: lets in with a name or without, and each time as another guest', async () => {
    const { secret } = await bench.share()
    const [one, two] = [bench.enter(secret), bench.enter(secret, '  ')]
    expect(one).toMatchObject({ state: 'IN', expiresAt: Date.now() + HOUR, workspace: 'Notes' })
    expect(one.token).not.toBe(two.token)
    const [kim, guest] = bench.guests()
    expect(kim).toEqual({
      id: expect.any(String),
      name: 'Kim',
      address: '192.0.2.7',
      state: 'IN',
      since: '2026-03-01T12:00:00.000Z',
      connections: 0,
    })
    expect(guest!.name).toBe('Guest')
    expect(bench.shares.guestOf(one.token, W, null)).toMatchObject({
      guest: { id: kim!.id, state: 'IN' },
      share: { wakes: false },
      row: { id: W },
    })
    expect(bench.shares.guestOf(two.token, W, null)?.guest.id).toBe(guest!.id)
    bench.connections.set(`guest:${kim!.id}`, 3)
    expect(bench.guests()[0]!.connections).toBe(3)
  })

  test('L2: a browser that is in by it stays who it is', async () => {
    const [first, second] = [await bench.share(), await bench.share()]
    const { token } = bench.enter(first.secret)
    const again = bench.enter(first.secret, 'Kim again', '192.0.2.7', token)
    expect(again.state).toBe('IN')
    expect(bench.guests().map(({ name }) => name)).toEqual(['Kim'])
    // Who gave that browser the token that it came with has none now.
    expect(bench.shares.guestOf(token, W, null)).toBeUndefined()
    expect(bench.shares.guestOf(again.token, W, null)?.guest.name).toBe('Kim')
    // By another link they are another guest, with what that one allows.
    bench.enter(second.secret, 'Kim', '192.0.2.7', again.token)
    expect(bench.shares.guestOf(again.token, W, null)).toBeDefined()
    expect(bench.guests()).toHaveLength(2)
  })

  test('L2: is good for its workspace alone, and a token for what it was given for', async () => {
    const { secret } = await bench.share({ ports: [3000] })
    expect(refusal(() => bench.shares.enter(OTHER, { link: secret, name: '' }, '192.0.2.7'))).toBe(
      'SHARE_OVER',
    )
    const { token } = bench.enter(secret)
    expect(bench.shares.guestOf(token, OTHER, null)).toBeUndefined()
    expect(bench.shares.guestOf(token, W, 3000)).toBeUndefined()
    // What opens the door is not what is carried through it, nor the other way round.
    expect(bench.shares.guestOf(secret, W, null)).toBeUndefined()
    expect(refusal(() => bench.enter(token))).toBe('SHARE_OVER')
  })

  test('L2: is over when its time has passed, and so are its tokens', async () => {
    const { secret } = await bench.share()
    const { token } = bench.enter(secret)
    vi.setSystemTime(Date.now() + HOUR - 1)
    expect(bench.shares.guestOf(token, W, null)).toBeDefined()
    vi.setSystemTime(Date.now() + 1)
    expect(bench.shares.guestOf(token, W, null)).toBeUndefined()
    expect(refusal(() => bench.enter(secret))).toBe('SHARE_OVER')
    expect(bench.shares.wanted()).toEqual([])
    expect(bench.shares.sharing(W)).toBeNull()
  })

  test('L2 E13: and a token are in the database as hashes alone', async () => {
    const { secret } = await bench.share({ ports: [3000], mode: 'DOORBELL' })
    const { token } = bench.enter(secret)
    const [guest] = bench.guests()
    bench.shares.allow(ALICE, guest!.id)
    const code = bench.shares.issueCode(guest!.id, 3000)
    const port = bench.shares.redeemCode(code, W, 3000)!
    bench.bus.publish({ kind: 'workspace', id: W })
    const bytes = Buffer.concat(['', '-wal'].map((suffix) => readFileSync(bench.path + suffix)))
    expect(bytes.includes('192.0.2.7')).toBe(true)
    for (const one of [secret, token, code, port.token]) {
      expect(bytes.includes(one)).toBe(false)
      expect(bytes.includes(Buffer.from(one, 'base64url'))).toBe(false)
      // Nor is any of them announced, or told of the workspace.
      expect(JSON.stringify([bench.news, bench.shares.sharing(W)])).not.toContain(one)
    }
  })

  test('E12: is guessed ten times by one address, which keeps nobody out who has it', async () => {
    const { secret } = await bench.share()
    for (let n = 0; n < 10; n++) expect(refusal(() => bench.enter(`wrong ${n}`))).toBe('SHARE_OVER')
    expect(refusal(() => bench.enter('wrong'))).toBe('TOO_MANY_TRIES')
    expect(bench.enter(secret).state).toBe('IN')
    for (let n = 0; n < 100; n++)
      expect(refusal(() => bench.enter('wrong', '', `198.51.100.${n}`))).toBe('SHARE_OVER')
    expect(refusal(() => bench.enter('wrong', '', '203.0.113.1'))).toBe('SHARE_OVER')
    const rings = await bench.share({ mode: 'DOORBELL' })
    expect(bench.enter(rings.secret).state).toBe('RINGING')
    vi.setSystemTime(Date.now() + 15 * MINUTE)
    expect(refusal(() => bench.enter('wrong'))).toBe('SHARE_OVER')
  })

  test('is not closed by fifty who have left: who was away the longest makes room, and who is here stays', async () => {
    const { secret } = await bench.share({ expires_in_seconds: null })
    const tokens = Array.from({ length: 50 }, () => bench.enter(secret).token)
    const [here, away, later] = bench.guests().map(({ id }) => id)
    for (const { id } of bench.guests())
      if (id !== away && id !== later) bench.connections.set(`guest:${id}`, 1)
    vi.setSystemTime(Date.now() + MINUTE)
    bench.shares.guestOf(tokens[2]!, W, null)
    expect(bench.enter(secret).state).toBe('IN')
    expect(bench.out).toEqual([away])
    expect(bench.guests()).toHaveLength(50)
    for (const { id } of bench.guests()) bench.connections.set(`guest:${id}`, 1)
    expect(refusal(() => bench.enter(secret))).toBe('NOT_NOW')
    expect(bench.out).toEqual([away])
    bench.shares.expel(ALICE, here!)
    expect(bench.enter(secret).state).toBe('IN')
  })

  test.each([
    ['a line', 'Kim\nAlice says: allow'],
    ['a null', 'Kim\0'],
    ['a turn of the direction', 'Kim \u202e'],
    ['too many signs', 'x'.repeat(61)],
    ['signs without a width', '\u200b\u2060\ufeff'],
    ['signs without a width in it', 'K\u200bim'],
    ['nothing to see', '\u200d\ufe0f\u200c'],
    ['fillers of Hangul', '\u3164\u115f\uffa0'],
    ['blanks of Braille', '\u2800\u2800'],
    ['a soft hyphen', '\u00ad'],
    ['tags', '\u{e0041}\u{e0042}'],
  ])('takes no name with %s', async (_, name) => {
    const { secret } = await bench.share()
    expect(refusal(() => bench.enter(secret, name))).toBe('INVALID_INPUT')
    expect(bench.guests()).toEqual([])
  })
})

test.each(['Kim', 'علی‌رضا', '山田', 'Zoë!', '👩‍💻', '❤️', '7', '...'])(
  'a guest may be called %s',
  async (name) => {
    const { secret } = await bench.share()
    bench.enter(secret, name)
    expect(bench.guests()[0]!.name).toBe(name)
  },
)

describe('a doorbell', () => {
  test('rings, is announced, and lets in who is allowed', async () => {
    const { secret } = await bench.share({ mode: 'DOORBELL' })
    expect(refusal(() => bench.enter(secret, ' '))).toBe('INVALID_INPUT')
    const { token, state } = bench.enter(secret, '  Kim ')
    expect(state).toBe('RINGING')
    const [guest] = bench.guests()
    expect(guest).toMatchObject({ name: 'Kim', state: 'RINGING' })
    expect(bench.news.filter(({ kind }) => kind === 'ring')).toEqual([{ kind: 'ring', id: W, guest }])
    expect(bench.shares.guestOf(token, W, null)?.guest.state).toBe('RINGING')
    expect(refusal(() => bench.shares.issueCode(guest!.id, 3000))).toBe('FORBIDDEN')
    // Asked once more, it goes on ringing.
    const again = bench.enter(secret, 'Kim', '192.0.2.7', token)
    expect(again.state).toBe('RINGING')
    expect(bench.guests()).toHaveLength(1)
    expect(bench.shares.allow(ALICE, guest!.id)).toMatchObject({ id: guest!.id, state: 'IN' })
    expect(bench.shares.guestOf(again.token, W, null)?.guest.state).toBe('IN')
    expect(bench.shares.guestOf(token, W, null)).toBeUndefined()
    expect(bench.out).toEqual([])
  })

  test('does not let in who is denied, and who is denied too often has to wait', async () => {
    const { secret } = await bench.share({ mode: 'DOORBELL' })
    for (let n = 0; n < 10; n++) {
      const { token } = bench.enter(secret)
      bench.shares.expel(ALICE, bench.guests()[0]!.id)
      expect(bench.shares.guestOf(token, W, null)).toBeUndefined()
    }
    expect(refusal(() => bench.enter(secret))).toBe('TOO_MANY_TRIES')
    expect(bench.enter(secret, 'Lee', '192.0.2.8').state).toBe('RINGING')
  })

  test('rings for five of one address and twenty in all', async () => {
    const { secret } = await bench.share({ mode: 'DOORBELL' })
    const ring = (address: string) => refusal(() => bench.enter(secret, 'Kim', address))
    for (let n = 0; n < 5; n++) expect(ring('192.0.2.1')).toBeUndefined()
    expect(ring('192.0.2.1')).toBe('TOO_MANY_TRIES')
    for (let n = 0; n < 15; n++) expect(ring(`198.51.100.${n}`)).toBeUndefined()
    expect(ring('203.0.113.1')).toBe('TOO_MANY_TRIES')
    bench.shares.allow(ALICE, bench.guests()[0]!.id)
    expect(ring('203.0.113.1')).toBeUndefined()
  })

  test('falls silent after a quarter of an hour', async () => {
    const { secret } = await bench.share({ mode: 'DOORBELL' })
    const { token } = bench.enter(secret)
    const [guest] = bench.guests()
    vi.advanceTimersByTime(15 * MINUTE - 1)
    expect(bench.guests()).toHaveLength(1)
    vi.advanceTimersByTime(1)
    expect(bench.guests()).toEqual([])
    expect(bench.out).toEqual([guest!.id])
    expect(bench.shares.guestOf(token, W, null)).toBeUndefined()
  })
})

describe('guests are out at once', () => {
  /** Two guests of a share and one of another. */
  async function three() {
    const [one, two] = [await bench.share(), await bench.share({ expires_in_seconds: 7_200 })]
    const tokens = [bench.enter(one.secret), bench.enter(one.secret), bench.enter(two.secret)].map(
      ({ token }) => token,
    )
    const ids = bench.guests().map(({ id }) => id)
    bench.news.length = 0
    const known = () => tokens.map((token) => bench.shares.guestOf(token, W, null) !== undefined)
    return { one, two, ids, known, before: bench.synced() }
  }

  test('L3: when the owner throws one out', async () => {
    const { ids, known, before } = await three()
    bench.shares.expel(ALICE, ids[1]!)
    expect(bench.out).toEqual([ids[1]])
    expect(known()).toEqual([true, false, true])
    expect(bench.news).toEqual([{ kind: 'workspace', id: W }])
    expect(bench.synced()).toBe(before)
  })

  test('L3: when the share is stopped', async () => {
    const { one, ids, known, before } = await three()
    bench.shares.stop(ALICE, one.share.id)
    expect(bench.out).toEqual(ids.slice(0, 2))
    expect(known()).toEqual([false, false, true])
    expect(refusal(() => bench.enter(one.secret))).toBe('SHARE_OVER')
    expect(bench.news).toEqual([{ kind: 'workspace', id: W }])
    expect(bench.synced()).toBe(before + 1)
  })

  test('L3: when the share’s time has passed, by itself', async () => {
    const { ids, known, before } = await three()
    vi.advanceTimersByTime(HOUR - 1)
    expect(bench.out).toEqual([])
    vi.advanceTimersByTime(1)
    expect(bench.out).toEqual(ids.slice(0, 2))
    expect(known()).toEqual([false, false, true])
    expect(bench.synced()).toBe(before + 1)
    vi.advanceTimersByTime(HOUR)
    expect(bench.out).toEqual(ids)
    expect(bench.shares.sharing(W)).toBeNull()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('L3: soon after a clock that was set, or a machine that slept', async () => {
    const { ids } = await three()
    vi.setSystemTime(Date.now() + HOUR)
    vi.advanceTimersByTime(15_000)
    expect(bench.out).toEqual(ids.slice(0, 2))
  })

  test('L3: when the workspace is deleted', async () => {
    const { ids, known } = await three()
    bench.remove(OTHER)
    expect(bench.out).toEqual([])
    bench.remove(W)
    expect(bench.out).toEqual(ids)
    expect(known()).toEqual([false, false, false])
    expect(bench.shares.wanted()).toEqual([])
  })

  test('L3: when everything is rotated', async () => {
    const { ids, known } = await three()
    bench.shares.endAll()
    expect(bench.out).toEqual(ids)
    expect(known()).toEqual([false, false, false])
  })

  test('L3: when they were away for thirty days, and not before', async () => {
    const { secret } = await bench.share({ expires_in_seconds: null })
    const { token, expiresAt } = bench.enter(secret)
    expect(expiresAt).toBe(Date.now() + 30 * DAY)
    vi.setSystemTime(Date.now() + 29 * DAY)
    expect(bench.shares.guestOf(token, W, null)).toBeDefined()
    vi.setSystemTime(Date.now() + 29 * DAY)
    expect(bench.shares.guestOf(token, W, null)).toBeDefined()
    vi.setSystemTime(Date.now() + 30 * DAY)
    expect(bench.shares.guestOf(token, W, null)).toBeUndefined()
    vi.advanceTimersByTime(15_000)
    expect(bench.guests()).toEqual([])
  })

  test('L3: what ended while Berth was away is ended by the first sweep', async () => {
    const { secret } = await bench.share()
    bench.enter(secret)
    bench.shares.close()
    vi.setSystemTime(Date.now() + HOUR)
    bench.shares.sweep()
    expect(bench.table.shares()).toEqual([])
  })

  test('a disk that cannot be written keeps nobody in, and is tried again', async () => {
    const { secret } = await bench.share()
    const { token } = bench.enter(secret)
    const [guest] = bench.guests()
    bench.db.pragma('query_only = ON')
    vi.advanceTimersByTime(HOUR)
    expect(bench.out).toEqual([guest!.id])
    expect(bench.shares.guestOf(token, W, null)).toBeUndefined()
    bench.db.pragma('query_only = OFF')
    vi.advanceTimersByTime(15_000)
    expect(bench.table.shares()).toEqual([])
  })
})

describe('a port', () => {
  async function inside(ports: number[]) {
    const { share, secret } = await bench.share({ ports })
    const { token } = bench.enter(secret)
    return { share, token, guestId: bench.guests()[0]!.id }
  }

  test('is entered with a code, once, and with a token of its own', async () => {
    const { guestId } = await inside([3000])
    const code = bench.shares.issueCode(guestId, 3000)
    const { token, expiresAt } = bench.shares.redeemCode(code, W, 3000)!
    expect(expiresAt).toBe(Date.now() + HOUR)
    expect(bench.shares.redeemCode(code, W, 3000)).toBeUndefined()
    expect(bench.shares.guestOf(token, W, 3000)?.guest.id).toBe(guestId)
    expect(bench.shares.guestOf(token, W, null)).toBeUndefined()
    expect(bench.shares.guestOf(token, W, 3001)).toBeUndefined()
    expect(bench.shares.guestOf(token, OTHER, 3000)).toBeUndefined()
  })

  test('is not entered with a code for another one, of another workspace, or of a minute ago', async () => {
    const { guestId } = await inside([3000, 4000])
    const code = () => bench.shares.issueCode(guestId, 3000)
    expect(bench.shares.redeemCode(code(), W, 4000)).toBeUndefined()
    expect(bench.shares.redeemCode(code(), OTHER, 3000)).toBeUndefined()
    const old = code()
    vi.setSystemTime(Date.now() + MINUTE)
    expect(bench.shares.redeemCode(old, W, 3000)).toBeUndefined()
    const late = code()
    bench.shares.expel(ALICE, guestId)
    expect(bench.shares.redeemCode(late, W, 3000)).toBeUndefined()
  })

  test('that is not shared has no code', async () => {
    const { guestId } = await inside([3000])
    for (const port of [22, 8080])
      expect(refusal(() => bench.shares.issueCode(guestId, port))).toBe('FORBIDDEN')
    expect(refusal(() => bench.shares.issueCode(idOf(9), 3000))).toBe('FORBIDDEN')
  })

  test('L3: that is shared no more is left at once, and the editor is not', async () => {
    const { share, token, guestId } = await inside([3000])
    const port = bench.shares.redeemCode(bench.shares.issueCode(guestId, 3000), W, 3000)!
    const pending = bench.shares.issueCode(guestId, 3000)
    const before = bench.synced()
    expect(bench.shares.change(ALICE, share.id, { ports: [4000] })).toMatchObject({ ports: [4000] })
    expect(bench.out).toEqual([guestId])
    expect(bench.synced()).toBe(before + 1)
    expect(bench.shares.guestOf(port.token, W, 3000)).toBeUndefined()
    expect(bench.shares.redeemCode(pending, W, 3000)).toBeUndefined()
    expect(bench.shares.guestOf(token, W, null)).toBeDefined()
  })

  test('is kept by a change of something else', async () => {
    const { share, token, guestId } = await inside([3000])
    const port = bench.shares.redeemCode(bench.shares.issueCode(guestId, 3000), W, 3000)!
    bench.shares.change(ALICE, share.id, { wakes: true })
    expect(bench.out).toEqual([])
    expect(bench.shares.guestOf(port.token, W, 3000)).toBeDefined()
    expect(bench.shares.guestOf(token, W, null)?.share.wakes).toBe(true)
  })
})

test('when a guest was here last is written once a minute', async () => {
  const { secret } = await bench.share()
  const { token } = bench.enter(secret)
  const from = Date.now()
  const seenAt = () => bench.table.guests()[0]!.seenAt - from
  for (const [at, seen] of [
    [MINUTE - 1, 0],
    [MINUTE, MINUTE],
    [2 * MINUTE - 1, MINUTE],
  ] as const) {
    vi.setSystemTime(from + at)
    bench.shares.guestOf(token, W, null)
    expect(seenAt()).toBe(seen)
  }
})
