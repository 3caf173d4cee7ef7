import { beforeEach, describe, expect, test } from 'vitest'
import { createAccountTable } from '../db/accounts.ts'
import type { Db } from '../db/open.ts'
import { memoryDb } from '../testing/plane.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { PRINTED_CODE_MS, createSessions, type Scope, type Sessions } from './sessions.ts'

const TOKEN = 'the-token-of-this-installation'
const DAY = 86_400_000
const ID = idOf(1)

let db: Db
let sessions: Sessions
let now: number

beforeEach(() => {
  db = memoryDb()
  now = 1_000
  sessions = createSessions({ accounts: createAccountTable(db), owner: ALICE, token: TOKEN, now: () => now })
})

const api = (userId = ALICE.id): Scope => ({ userId, workspaceId: null })
const pages = (workspaceId = ID, userId = ALICE.id): Scope => ({ userId, workspaceId })
const begin = (scope: Scope): string => sessions.redeem(sessions.issueCode(scope), scope.workspaceId)!.token

describe('a code', () => {
  test('is exchanged for a session once', () => {
    const code = sessions.issueCode(api(BOB.id))
    const session = sessions.redeem(code, null)!
    expect(session.userId).toBe(BOB.id)
    expect(sessions.bearerUser(session.token)).toEqual(BOB)
    expect(sessions.redeem(code, null)).toBeUndefined()
  })

  test('is good for a minute, a printed one for an hour, and not a moment longer', () => {
    const [code, last, printed, lastPrinted] = [api(), api(), api(), api()].map((scope, n) =>
      sessions.issueCode(scope, ...(n < 2 ? [] : [PRINTED_CODE_MS])),
    ) as [string, string, string, string]
    now += 59_999
    expect(sessions.redeem(code, null)).toBeDefined()
    now += 1
    expect(sessions.redeem(last, null)).toBeUndefined()
    now += PRINTED_CODE_MS - 60_001
    expect(sessions.redeem(printed, null)).toBeDefined()
    now += 1
    expect(sessions.redeem(lastPrinted, null)).toBeUndefined()
  })

  test('is good for what it was made for and nothing else, and trying spends nothing', () => {
    const code = sessions.issueCode(pages())
    for (const other of [null, idOf(2), '']) expect(sessions.redeem(code, other)).toBeUndefined()
    expect(sessions.redeem(code, ID)).toBeDefined()
    expect(sessions.redeem(sessions.issueCode(api()), ID)).toBeUndefined()
  })

  test('that nobody made is good for nothing', () => {
    for (const code of ['', 'x', TOKEN]) expect(sessions.redeem(code, null)).toBeUndefined()
  })

  test('is never the same twice, nor is a session, and each has 256 bits', () => {
    const secrets = Array.from({ length: 50 }, () => [sessions.issueCode(api()), begin(api())]).flat()
    expect(new Set(secrets).size).toBe(secrets.length)
    for (const secret of secrets) expect(Buffer.from(secret, 'base64url')).toHaveLength(32)
  })
})

describe('a session', () => {
  test('of the API names its user there, and nobody at a workspace', () => {
    const token = begin(api(BOB.id))
    expect(sessions.bearerUser(token)).toEqual(BOB)
    expect(sessions.requireUser(token)).toEqual(BOB)
    expect(sessions.workspaceUser(token, ID)).toBeUndefined()
  })

  test('E4 of a workspace names its user at that one, and nobody anywhere else', () => {
    const token = begin(pages())
    expect(sessions.workspaceUser(token, ID)).toEqual(ALICE)
    expect(sessions.workspaceUser(token, idOf(2))).toBeUndefined()
    expect(sessions.bearerUser(token)).toBeUndefined()
    expect(() => sessions.requireUser(token)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
  })

  test('lasts thirty days and not a moment longer', () => {
    const [bearer, cookie] = [begin(api()), begin(pages())]
    now += 30 * DAY - 1
    expect(sessions.bearerUser(bearer)).toEqual(ALICE)
    expect(sessions.workspaceUser(cookie, ID)).toEqual(ALICE)
    now += 1
    expect(sessions.bearerUser(bearer)).toBeUndefined()
    expect(sessions.workspaceUser(cookie, ID)).toBeUndefined()
  })

  test('ends when it is signed out, and no other does', () => {
    const [mine, other] = [begin(api()), begin(api())]
    sessions.signOut(mine)
    expect(sessions.bearerUser(mine)).toBeUndefined()
    expect(sessions.bearerUser(other)).toEqual(ALICE)
  })
})

describe('the installation’s token', () => {
  test('names the owner at the API, for ever', () => {
    now += 1_000 * DAY
    expect(sessions.bearerUser(TOKEN)).toEqual(ALICE)
    sessions.signOut(TOKEN)
    expect(sessions.bearerUser(TOKEN)).toEqual(ALICE)
  })

  test('is no cookie', () => {
    expect(sessions.workspaceUser(TOKEN, ID)).toBeUndefined()
  })

  test('signs in, and nothing else does', () => {
    const session = sessions.signIn(TOKEN)!
    expect(sessions.bearerUser(session.token)).toEqual(ALICE)
    expect(session.expiresAt).toBe(now + 30 * DAY)
    for (const wrong of ['', `${TOKEN}x`, TOKEN.slice(1), session.token, sessions.issueCode(api())])
      expect(sessions.signIn(wrong)).toBeUndefined()
  })

  test('is what somebody without any lacks', () => {
    for (const bearer of [undefined, '', 'x'])
      expect(() => sessions.requireUser(bearer)).toThrow(expect.objectContaining({ code: 'UNAUTHENTICATED' }))
  })
})

test('E13 no secret is in the database, neither as it is nor encoded', () => {
  const secrets = [
    TOKEN,
    begin(api()),
    begin(pages()),
    sessions.issueCode(pages()),
    sessions.signIn(TOKEN)!.token,
  ]
  const bytes = db.serialize()
  for (const secret of secrets) {
    const raw = Buffer.from(secret, 'base64url')
    for (const form of [secret, raw, raw.toString('hex'), Buffer.from(secret).toString('base64')])
      expect(bytes.includes(form), `${secret} as ${String(form)}`).toBe(false)
  }
  expect(db.prepare('SELECT count(*) AS n FROM sessions').get()).toEqual({ n: 3 })
})
