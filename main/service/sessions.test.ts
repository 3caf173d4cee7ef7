import { beforeEach, describe, expect, test } from 'vitest'
import { createAccountTable, type AccountTable } from '../db/accounts.ts'
import type { Db } from '../db/open.ts'
import { memoryDb } from '../testing/plane.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { PRINTED_CODE_MS, createSessions, type Scope, type Sessions, type TokenFile } from './sessions.ts'

const TOKEN = 'the-token-of-this-installation'
const MINUTE = 60_000
const DAY = 86_400_000
const ID = idOf(1)

let db: Db
let accounts: AccountTable
let sessions: Sessions
let now: number
/** Whose connections had to end. */
let ended: string[]

beforeEach(() => {
  db = memoryDb()
  now = 1_000
  ended = []
  accounts = createAccountTable(db)
  sessions = start()
})

/** What a start of Berth makes of the database. */
const start = (): Sessions =>
  createSessions({
    accounts,
    owner: ALICE,
    token: TOKEN,
    now: () => now,
    onEnd: (ids) => void ended.push(...ids),
  })

const api = (userId = ALICE.id): Scope => ({ userId, parentId: null, workspaceId: null, port: null })
const pages = (workspaceId = ID, parentId: string | null = null, port: number | null = null): Scope => ({
  userId: ALICE.id,
  parentId,
  workspaceId,
  port,
})
const begin = (scope: Scope): string =>
  sessions.redeem(sessions.issueCode(scope), scope.workspaceId, scope.port)!.token
/** A session of the API, one of an editor entered from it, and one of a port entered from that. */
function family() {
  const bearer = begin(api())
  const { sessionId } = sessions.requirePrincipal(bearer)
  const cookie = begin(pages(ID, sessionId))
  const editorId = sessions.visitor(cookie, ID, null)!.sessionId
  const portCookie = begin(pages(ID, editorId, 3000))
  const portId = sessions.visitor(portCookie, ID, 3000)!.sessionId
  return { bearer, sessionId, cookie, editorId, portCookie, portId }
}
type Family = ReturnType<typeof family>
const isGood = ({ bearer, cookie, portCookie }: Family) => [
  sessions.bearer(bearer) !== undefined,
  sessions.visitor(cookie, ID, null) !== undefined,
  sessions.visitor(portCookie, ID, 3000) !== undefined,
]
const code = (code: string) => expect.objectContaining({ code }) as Error
/** A file with the token, in memory. */
function tokenFile(): TokenFile {
  let kept = TOKEN
  return { read: () => kept, write: (token) => void (kept = token) }
}
const passwords = () => accounts.accounts().map(({ passwordHash }) => passwordHash)
const count = (): number => db.prepare('SELECT count(*) FROM sessions').pluck().get() as number

describe('a code', () => {
  test('is exchanged for a session once', () => {
    const code = sessions.issueCode(api(BOB.id))
    const session = sessions.redeem(code, null, null)!
    expect(session.userId).toBe(BOB.id)
    expect(sessions.bearer(session.token)?.user).toEqual(BOB)
    expect(sessions.redeem(code, null, null)).toBeUndefined()
  })

  test('is good for a minute, a printed one for an hour, and not a moment longer', () => {
    const [code, last, printed, lastPrinted] = [api(), api(), api(), api()].map((scope, n) =>
      sessions.issueCode(scope, ...(n < 2 ? [] : [PRINTED_CODE_MS])),
    ) as [string, string, string, string]
    now += 59_999
    expect(sessions.redeem(code, null, null)).toBeDefined()
    now += 1
    expect(sessions.redeem(last, null, null)).toBeUndefined()
    now += PRINTED_CODE_MS - 60_001
    expect(sessions.redeem(printed, null, null)).toBeDefined()
    now += 1
    expect(sessions.redeem(lastPrinted, null, null)).toBeUndefined()
  })

  test('is good for what it was made for and nothing else, and trying spends nothing', () => {
    const code = sessions.issueCode(pages())
    const atPort = sessions.issueCode(pages(ID, null, 3000))
    for (const other of [null, idOf(2), '']) {
      expect(sessions.redeem(code, other, null)).toBeUndefined()
      expect(sessions.redeem(atPort, other, 3000)).toBeUndefined()
    }
    expect(sessions.redeem(code, ID, 3000)).toBeUndefined()
    for (const port of [null, 3001, 0]) expect(sessions.redeem(atPort, ID, port)).toBeUndefined()
    expect(sessions.redeem(code, ID, null)).toBeDefined()
    expect(sessions.redeem(atPort, ID, 3000)).toBeDefined()
    expect(sessions.redeem(sessions.issueCode(api()), ID, null)).toBeUndefined()
  })

  test('that nobody made is good for nothing', () => {
    for (const code of ['', 'x', TOKEN]) expect(sessions.redeem(code, null, null)).toBeUndefined()
  })

  test('is good for nothing once the session that it was made in is over', () => {
    const { sessionId } = family()
    const code = sessions.issueCode(pages(ID, sessionId))
    sessions.signOut(sessionId)
    expect(sessions.redeem(code, ID, null)).toBeUndefined()
    expect(count()).toBe(0)
  })

  test('is never made in the name of somebody else’s session', () => {
    const { sessionId } = family()
    const code = sessions.issueCode({ ...pages(ID, sessionId), userId: BOB.id })
    expect(sessions.redeem(code, ID, null)).toBeUndefined()
  })

  test('that the installation’s token made is in no session', () => {
    const cookie = begin(pages(ID, 'token'))
    expect(sessions.visitor(cookie, ID, null)?.user).toEqual(ALICE)
  })

  test('is one of a thousand of its user: another one takes the place of the oldest', () => {
    const bobs = sessions.issueCode(api(BOB.id))
    const issued = Array.from({ length: 1_001 }, () => sessions.issueCode(pages()))
    expect(sessions.redeem(issued[0]!, ID, null)).toBeUndefined()
    for (const code of [issued[1]!, issued[1_000]!]) expect(sessions.redeem(code, ID, null)).toBeDefined()
    expect(sessions.redeem(bobs, null, null)).toBeDefined()
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
    expect(sessions.bearer(token)?.user).toEqual(BOB)
    expect(sessions.requirePrincipal(token).user).toEqual(BOB)
    expect(sessions.visitor(token, ID, null)).toBeUndefined()
  })

  test('E4: of a workspace names its user at that one, and nobody anywhere else', () => {
    const token = begin(pages())
    const atPort = begin(pages(ID, null, 3000))
    expect(sessions.visitor(token, ID, null)?.user).toEqual(ALICE)
    expect(sessions.visitor(atPort, ID, 3000)?.user).toEqual(ALICE)
    for (const port of [3000, 3001]) expect(sessions.visitor(token, ID, port)).toBeUndefined()
    for (const port of [null, 3001]) expect(sessions.visitor(atPort, ID, port)).toBeUndefined()
    for (const cookie of [token, atPort]) {
      expect(sessions.visitor(cookie, idOf(2), null)).toBeUndefined()
      expect(sessions.visitor(cookie, idOf(2), 3000)).toBeUndefined()
      expect(sessions.bearer(cookie)).toBeUndefined()
      expect(() => sessions.requirePrincipal(cookie)).toThrow(code('UNAUTHENTICATED'))
    }
  })

  test('is another one at each sign-in', () => {
    const [one, two] = [sessions.signIn(TOKEN)!, sessions.signIn(TOKEN)!]
    expect(sessions.bearer(one.token)!.sessionId).not.toBe(sessions.bearer(two.token)!.sessionId)
  })

  test('lasts thirty days however much it is used and renewed, and not a moment longer', () => {
    let bearer = begin(api())
    let cookie = begin(pages())
    for (let day = 1; day < 30; day++) {
      now += DAY
      bearer = sessions.renew(bearer).token
      cookie = sessions.renewVisitor(cookie, ID, null)!.token
    }
    now += DAY - 1
    expect(sessions.bearer(bearer)?.user).toEqual(ALICE)
    expect(sessions.visitor(cookie, ID, null)?.user).toEqual(ALICE)
    now += 1
    expect(sessions.bearer(bearer)).toBeUndefined()
    expect(sessions.visitor(cookie, ID, null)).toBeUndefined()
  })

  test('that is not used for seven days is over', () => {
    const [used, unused] = [begin(api()), begin(api())]
    now += 4 * DAY
    expect(sessions.bearer(used)).toBeDefined()
    now += 3 * DAY - 1
    expect(sessions.bearer(used)).toBeDefined()
    now += 1
    expect(sessions.bearer(unused)).toBeUndefined()
    expect(sessions.bearer(used)).toBeDefined()
  })

  test('is used by what was entered from it', () => {
    const all = family()
    for (let n = 0; n < 3; n++) {
      now += 6 * DAY
      expect(sessions.visitor(all.portCookie, ID, 3000)).toBeDefined()
    }
    now += 6 * DAY
    expect(isGood(all)).toEqual([true, true, true])
  })

  test('that has connections is not idle', () => {
    const all = family()
    for (let n = 0; n < 3; n++) {
      now += 6 * DAY
      sessions.sweep((id) => id === all.editorId)
    }
    expect(isGood(all)).toEqual([true, true, false])
    expect(ended).toEqual([all.portId])
  })

  test('writes that it is used once a minute at most', () => {
    const token = begin(api())
    const seenAt = () => db.prepare('SELECT seen_at FROM sessions').pluck().get()
    now += MINUTE - 1
    sessions.bearer(token)
    expect(seenAt()).toBe(1_000)
    now += 1
    sessions.bearer(token)
    expect(seenAt()).toBe(1_000 + MINUTE)
  })

  test('ends when it is signed out, with all that was entered from it, and no other does', () => {
    const [mine, other] = [family(), family()]
    sessions.signOut(mine.sessionId)
    expect(isGood(mine)).toEqual([false, false, false])
    expect(isGood(other)).toEqual([true, true, true])
    expect(ended.sort()).toEqual([mine.sessionId, mine.editorId, mine.portId].sort())
    sessions.signOut(mine.sessionId)
    expect(ended).toHaveLength(3)
  })

  test('that has expired is swept away with what was entered from it, which never outlasts it', () => {
    const bearer = begin(api())
    now += 20 * DAY // the sweeper knows of connections, so it stays
    const { sessionId } = accounts.unseenSessions(now).map((sessionId) => ({ sessionId }))[0]!
    sessions.sweep(() => true)
    const issued = sessions.redeem(sessions.issueCode(pages(ID, sessionId)), ID, null)!
    expect(issued.expiresAt).toBe(1_000 + 30 * DAY)
    now = 1_000 + 30 * DAY
    expect([sessions.bearer(bearer), sessions.visitor(issued.token, ID, null)]).toEqual([
      undefined,
      undefined,
    ])
    sessions.sweep(() => true)
    expect(ended).toHaveLength(2)
    expect(count()).toBe(0)
    sessions.sweep()
    expect(ended).toHaveLength(2)
  })

  test('of a user ends with the others, but for the one that asks and what was entered from it', () => {
    const [mine, other] = [family(), family()]
    const bobs = begin(api(BOB.id))
    sessions.endOthers({ user: ALICE, sessionId: mine.sessionId })
    expect(isGood(mine)).toEqual([true, true, true])
    expect(isGood(other)).toEqual([false, false, false])
    expect(sessions.bearer(bobs)).toBeDefined()
    sessions.endAll(ALICE.id)
    expect(isGood(mine)).toEqual([false, false, false])
    expect(ended).toHaveLength(6)
    expect(sessions.bearer(bobs)).toBeDefined()
  })

  test('of a workspace is one of a thousand of its user: another one ends the oldest', () => {
    const [mine, bobs] = [family(), begin(api(BOB.id))]
    const issued = Array.from({ length: 998 }, () => begin(pages()))
    expect(ended).toEqual([])
    const last = begin(pages(ID, null, 3000))
    expect(isGood(mine), 'the port was entered from the editor').toEqual([true, false, false])
    expect(ended.sort()).toEqual([mine.editorId, mine.portId].sort())
    for (const token of issued) expect(sessions.visitor(token, ID, null)).toBeDefined()
    expect([sessions.visitor(last, ID, 3000), sessions.bearer(bobs)]).not.toContain(undefined)
  })
})

describe('renewing', () => {
  const renew = (token: string): string => sessions.renew(token).token

  test('gives a session of the API another token; the old one is good for a minute', () => {
    const all = family()
    now += MINUTE
    const renewed = sessions.renew(all.bearer)
    expect(renewed).toMatchObject({ userId: ALICE.id, expiresAt: 1_000 + 30 * DAY })
    expect(sessions.bearer(renewed.token)).toEqual({ user: ALICE, sessionId: all.sessionId })
    now += MINUTE - 1
    expect(isGood(all)).toEqual([true, true, true])
    now += 1
    expect(isGood(all)).toEqual([false, true, true])
    expect(sessions.bearer(renewed.token)).toBeDefined()
    expect(ended).toEqual([])
  })

  test('leaves a token as it is in its first minute, so that windows that begin together keep each other’s', () => {
    const { bearer } = family()
    now += MINUTE
    const token = renew(bearer)
    now += MINUTE - 1
    expect(renew(token)).toBe(token)
    now += 1
    expect(renew(token)).not.toBe(token)
  })

  test('answers the same again to the old token within its minute: another window may have it', () => {
    const { bearer } = family()
    now += MINUTE
    const token = renew(bearer)
    now += MINUTE - 1
    expect(renew(bearer)).toBe(token)
    now += 1
    expect(() => renew(bearer)).toThrow(code('UNAUTHENTICATED'))
    expect(sessions.bearer(token)).toBeDefined()
  })

  test('works again with the old token within its minute, when Berth was started anew meanwhile', () => {
    const { bearer } = family()
    now += MINUTE
    const lost = renew(bearer)
    sessions = start()
    const token = renew(bearer)
    expect(token).not.toBe(lost)
    expect([bearer, lost, token].map((token) => sessions.bearer(token) !== undefined)).toEqual([
      false,
      true,
      true,
    ])
  })

  test('answers the token of a session that is over to nobody', () => {
    const all = family()
    now += MINUTE
    renew(all.bearer)
    sessions.signOut(all.sessionId)
    expect(() => renew(all.bearer)).toThrow(code('UNAUTHENTICATED'))
  })

  test('what is over, or is no session of the API, is refused', () => {
    const all = family()
    for (const token of [all.cookie, all.portCookie, 'x', ''])
      expect(() => renew(token)).toThrow(code('UNAUTHENTICATED'))
    sessions.signOut(all.sessionId)
    expect(() => renew(all.bearer)).toThrow(code('UNAUTHENTICATED'))
  })

  test('the installation’s token begins a session', () => {
    expect(sessions.bearer(renew(TOKEN))?.user).toEqual(ALICE)
    expect(sessions.bearer(TOKEN)).toBeDefined()
  })

  test('a cookie happens once a day, in place, and the old one is good for a minute', () => {
    const cookie = begin(pages())
    const { sessionId } = sessions.visitor(cookie, ID, null)!
    now += DAY - 1
    expect(sessions.renewVisitor(cookie, ID, null)).toBeUndefined()
    now += 1
    for (const [other, port] of [
      [idOf(2), null],
      [ID, 3000],
    ] as const)
      // prettier-ignore
      expect(sessions.renewVisitor(cookie, other, port)).toBeUndefined()
    const { token } = sessions.renewVisitor(cookie, ID, null)!
    for (const one of [cookie, token]) {
      expect(sessions.renewVisitor(one, ID, null), 'not again').toBeUndefined()
      expect(sessions.visitor(one, ID, null)).toEqual({ user: ALICE, sessionId })
    }
    now += MINUTE
    expect(sessions.visitor(cookie, ID, null)).toBeUndefined()
    expect(sessions.visitor(token, ID, null)).toBeDefined()
  })
})

describe('the installation’s token', () => {
  test('names the owner at the API, for ever', () => {
    now += 1_000 * DAY
    expect(sessions.bearer(TOKEN)).toEqual({ user: ALICE, sessionId: 'token' })
    sessions.signOut('token')
    sessions.endAll(ALICE.id)
    expect(sessions.bearer(TOKEN)?.user).toEqual(ALICE)
  })

  test('names the owner as they are called now', () => {
    accounts.changeAccount(ALICE.id, { name: 'Alice B.' })
    expect(sessions.bearer(TOKEN)?.user.name).toBe('Alice B.')
  })

  test('is no cookie', () => {
    expect(sessions.visitor(TOKEN, ID, null)).toBeUndefined()
  })

  test('signs in, and nothing else does', () => {
    const session = sessions.signIn(TOKEN)!
    expect(sessions.bearer(session.token)?.user).toEqual(ALICE)
    expect(session.expiresAt).toBe(now + 30 * DAY)
    for (const wrong of ['', `${TOKEN}x`, TOKEN.slice(1), session.token, sessions.issueCode(api())])
      expect(sessions.signIn(wrong)).toBeUndefined()
  })

  test('is what somebody without any lacks', () => {
    for (const bearer of [undefined, '', 'x'])
      expect(() => sessions.requirePrincipal(bearer)).toThrow(code('UNAUTHENTICATED'))
  })

  test('that is replaced is over, with every session and every code', () => {
    const [mine, bobs] = [family(), begin(api(BOB.id))]
    const codes = [sessions.issueCode(api()), sessions.issueCode(pages(ID, mine.sessionId))]
    accounts.changeAccount(ALICE.id, { passwordHash: 'hash' })
    accounts.changeAccount(BOB.id, { passwordHash: 'hash' })
    const file = tokenFile()
    const issued = sessions.rotate(file)
    const token = file.read()
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    expect(isGood(mine)).toEqual([false, false, false])
    expect(sessions.bearer(bobs)).toBeUndefined()
    expect([sessions.bearer(TOKEN), sessions.signIn(TOKEN)]).toEqual([undefined, undefined])
    expect(sessions.redeem(codes[0]!, null, null)).toBeUndefined()
    expect(sessions.redeem(codes[1]!, ID, null)).toBeUndefined()
    expect(ended).toHaveLength(5)
    expect(ended).toContain('token')
    expect(sessions.bearer(token)).toEqual({ user: ALICE, sessionId: 'token' })
    expect(sessions.signIn(token)).toBeDefined()
    expect(sessions.bearer(issued.token)?.user).toEqual(ALICE)
    expect(passwords(), 'of the desktop’s own user, and not of the others').toEqual([null, 'hash'])
  })

  describe('that cannot be replaced is good, and nothing is over', () => {
    const broken = (): never => {
      throw new Error('broken')
    }
    /** The commit that follows fails. */
    function breakCommit(): void {
      db.pragma('defer_foreign_keys = ON')
      db.exec("UPDATE sessions SET user_id = 'nobody'")
    }
    test.each<[string, (kept: TokenFile) => TokenFile]>([
      ['when its file cannot be read', (kept) => ({ ...kept, read: broken })],
      ['when its file cannot be written', (kept) => ({ ...kept, write: broken })],
      [
        'when its file was written, and that is not certain',
        (kept) => ({
          ...kept,
          write(token) {
            kept.write(token)
            if (token !== TOKEN) broken()
          },
        }),
      ],
      [
        'when its file was written, and the database is not',
        (kept) => ({
          ...kept,
          write(token) {
            kept.write(token)
            if (token !== TOKEN) breakCommit()
          },
        }),
      ],
    ])('%s', (_, breaking) => {
      const mine = family()
      accounts.changeAccount(ALICE.id, { passwordHash: 'hash' })
      const codes = [sessions.issueCode(api()), sessions.issueCode(pages(ID, mine.sessionId))]
      const file = tokenFile()
      expect(() => sessions.rotate(breaking(file))).toThrow()
      expect(file.read()).toBe(TOKEN)
      expect(isGood(mine)).toEqual([true, true, true])
      expect(sessions.bearer(TOKEN)).toBeDefined()
      expect([ended, count(), passwords()[0], sessions.rotations()]).toEqual([[], 3, 'hash', 0])
      expect([sessions.redeem(codes[0]!, null, null), sessions.redeem(codes[1]!, ID, null)]).not.toContain(
        undefined,
      )
    })
  })

  test('is what its file holds, also when the old one cannot be put back; who came with that is cut off', () => {
    const mine = family()
    const file = tokenFile()
    const once = {
      ...file,
      write(token: string) {
        if (token === TOKEN) throw new Error('broken')
        file.write(token)
        throw new Error('broken')
      },
    }
    expect(() => sessions.rotate(once)).toThrow('broken')
    expect([sessions.bearer(TOKEN), sessions.bearer(file.read())?.user]).toEqual([undefined, ALICE])
    expect(ended).toEqual(['token'])
    expect(isGood(mine)).toEqual([true, true, true])
  })
})

test('E13: no secret is in the database, neither as it is nor encoded', () => {
  const all = family()
  now += DAY
  const renewed = sessions.renew(all.bearer).token
  const secrets = [
    TOKEN,
    ...[all.bearer, all.cookie, all.portCookie, renewed],
    sessions.issueCode(pages()),
    sessions.signIn(TOKEN)!.token,
  ]
  const bytes = db.serialize()
  for (const secret of secrets) {
    const raw = Buffer.from(secret, 'base64url')
    for (const form of [secret, raw, raw.toString('hex'), Buffer.from(secret).toString('base64')])
      expect(bytes.includes(form), `${secret} as ${String(form)}`).toBe(false)
  }
  expect(count()).toBe(4)
})
