import { beforeEach, describe, expect, test } from 'vitest'
import type { AppError } from '../core/errors.ts'
import { createAccountTable, type AccountTable } from '../db/accounts.ts'
import type { Db } from '../db/open.ts'
import { createWorkspaceTable, type WorkspaceTable } from '../db/workspaces.ts'
import { memoryDb } from '../testing/plane.ts'
import { ALICE, BOB, idOf, rowOf } from '../testing/rows.ts'
import { createAccounts, type Accounts } from './accounts.ts'
import { createPasswords } from './passwords.ts'
import { createSessions, type Principal, type Sessions } from './sessions.ts'

const MINUTE = 60_000
const GOOD = 'correct horse'

let db: Db
let table: AccountTable
let workspaces: WorkspaceTable
let sessions: Sessions
let accounts: Accounts
let now: number
let monotonic: number
let ended: string[]
/** What is done in the middle of the next hashing. */
let meanwhile: (() => void) | undefined

beforeEach(() => {
  db = memoryDb()
  table = createAccountTable(db)
  workspaces = createWorkspaceTable(db)
  now = 1_000_000
  monotonic = 0
  ended = []
  meanwhile = undefined
  sessions = createSessions({
    accounts: table,
    owner: ALICE,
    token: 'token',
    now: () => now,
    onEnd: (ids) => void ended.push(...ids),
  })
  const passwords = createPasswords()
  let ids = 0
  accounts = createAccounts({
    table,
    workspaces,
    sessions,
    passwords: {
      ...passwords,
      hash(password) {
        meanwhile?.()
        return passwords.hash(password)
      },
    },
    owner: ALICE,
    newId: () => idOf(++ids),
    now: () => now,
    monotonic: () => monotonic,
  })
})

const thrown = (code: string) => expect.objectContaining({ code }) as Error
const as = (user: { id: string; name: string }): Principal =>
  sessions.bearer(sessions.beginFor(user.id).token)!
const carol = () => accounts.create(ALICE, { name: 'Carol', password: GOOD })
const codeOf = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'OK',
    (error: unknown) => (error as AppError).code,
  )

describe('the accounts', () => {
  test('are kept by the desktop’s own user and nobody else', async () => {
    const { id } = await carol()
    const denied = thrown('FORBIDDEN')
    for (const other of [BOB, { id, name: 'Carol' }]) {
      expect(() => accounts.list(other)).toThrow(denied)
      await expect(accounts.create(other, { name: 'Dave', password: GOOD })).rejects.toEqual(denied)
      await expect(accounts.change(as(other), ALICE.id, { name: 'x' })).rejects.toEqual(denied)
      await expect(accounts.change(as(other), idOf(999), {})).rejects.toEqual(denied)
      await expect(accounts.change(as(other), other.id, { name: 'x' })).rejects.toEqual(denied)
      for (const one of [ALICE.id, BOB.id, id, idOf(999)])
        expect(() => accounts.remove(other, one)).toThrow(denied)
    }
    expect(accounts.list(ALICE).map(({ name }) => name)).toEqual(['alice', 'bob', 'Carol'])
  })

  test('tell who has a password, how many workspaces, and who is the desktop’s own user', async () => {
    workspaces.insert(rowOf(idOf(1)))
    workspaces.insert(
      rowOf(idOf(2), { status: 'DELETED', deletedAt: 1, homeStoreKey: 'users/a/workspaces/b/home' }),
    )
    workspaces.insert(rowOf(idOf(3), { status: 'DELETED', deletedAt: 1 }))
    const added = await carol()
    expect(accounts.list(ALICE)).toEqual([
      {
        ...{ id: ALICE.id, name: 'alice', desktop: true, has_password: false, workspaces: 2 },
        created_at: '1970-01-01T00:00:00.000Z',
      },
      expect.objectContaining({ id: BOB.id, desktop: false, workspaces: 0 }),
      added,
    ])
    expect(added).toMatchObject({
      ...{ name: 'Carol', desktop: false, has_password: true, workspaces: 0 },
      created_at: new Date(now).toISOString(),
    })
  })

  test.each(['carol', 'CAROL', 'Carol ', ' cArol'])('have %j once', async (name) => {
    await carol()
    await expect(accounts.create(ALICE, { name, password: GOOD })).rejects.toEqual(thrown('NAME_TAKEN'))
    await expect(accounts.change(as(ALICE), BOB.id, { name })).rejects.toEqual(thrown('NAME_TAKEN'))
  })

  test('have a name once however its letters are made up', async () => {
    await accounts.create(ALICE, { name: 'Jose\u0301', password: GOOD })
    expect(await codeOf(accounts.create(ALICE, { name: 'JOS\u00c9', password: GOOD }))).toBe('NAME_TAKEN')
    expect(accounts.list(ALICE).at(-1)?.name).toBe('Jos\u00e9')
    expect(await codeOf(accounts.signIn('jose\u0301', GOOD))).toBe('OK')
  })

  test('have a name once when two ask at the same time', async () => {
    const codes = await Promise.all([codeOf(carol()), codeOf(carol())])
    expect(codes.sort()).toEqual(['NAME_TAKEN', 'OK'])
  })

  test('can be called as before in other letters', async () => {
    const { id } = await carol()
    expect(await accounts.change(as(ALICE), id, { name: 'CAROL' })).toMatchObject({ name: 'CAROL' })
  })
})

describe('a password', () => {
  test('is changed by who has it, who says the old one', async () => {
    const { id, name } = await carol()
    const her = as({ id, name })
    expect(await codeOf(accounts.change(her, id, { password: 'another one' }))).toBe('WRONG_PASSWORD')
    const wrong = { password: 'another one', current_password: 'x' }
    expect(await codeOf(accounts.change(her, id, wrong))).toBe('WRONG_PASSWORD')
    expect(await codeOf(accounts.signIn(name, GOOD))).toBe('OK')
    await accounts.change(her, id, { password: 'another one', current_password: GOOD })
    expect(await codeOf(accounts.signIn(name, GOOD))).toBe('WRONG_PASSWORD')
    expect(await codeOf(accounts.signIn(name, 'another one'))).toBe('OK')
  })

  test('is set by the desktop’s own user, for everybody, with nothing to say', async () => {
    for (const { id, name } of [ALICE, BOB]) {
      expect(await codeOf(accounts.signIn(name, GOOD))).toBe('WRONG_PASSWORD')
      expect(await accounts.change(as(ALICE), id, { password: GOOD })).toMatchObject({ has_password: true })
      expect(await codeOf(accounts.signIn(name, GOOD))).toBe('OK')
    }
  })

  test('that is new ends all sessions of the account but the one that asks', async () => {
    const { id, name } = await carol()
    const [mine, other, alices] = [as({ id, name }), as({ id, name }), as(ALICE)]
    await accounts.change(mine, id, { password: 'another one', current_password: GOOD })
    expect(ended).toEqual([other.sessionId])
    await accounts.change(alices, id, { password: GOOD })
    expect(ended).toEqual([other.sessionId, mine.sessionId])
    await accounts.change(alices, id, { name: 'Caroline' })
    expect(ended).toHaveLength(2)
  })

  test('of one’s own leaves the windows of workspaces that the installation’s token opened', async () => {
    const enter = (parentId: string | null, port: number | null = null): string => {
      const code = sessions.issueCode({ userId: ALICE.id, parentId, workspaceId: idOf(1), port })
      return sessions.redeem(code, idOf(1), port)!.token
    }
    const window = enter(null)
    const port = enter(sessions.visitor(window, idOf(1), null)!.sessionId, 3000)
    const [mine, other] = [as(ALICE), as(ALICE)]
    const tab = enter(other.sessionId)
    const tabId = sessions.visitor(tab, idOf(1), null)!.sessionId
    await accounts.change(mine, ALICE.id, { password: GOOD })
    expect(ended.sort()).toEqual([other.sessionId, tabId].sort())
    expect([sessions.visitor(window, idOf(1), null), sessions.visitor(port, idOf(1), 3000)]).not.toContain(
      undefined,
    )
  })

  describe('of the desktop’s own user is over once all secrets are made anew', () => {
    const rotate = (): void => {
      let kept = 'token'
      sessions.rotate({ read: () => kept, write: (token) => void (kept = token) })
    }

    test('so that whoever had the token signs in no more', async () => {
      await accounts.change(sessions.bearer('token')!, ALICE.id, { password: GOOD })
      const { id } = await carol()
      rotate()
      expect(await codeOf(accounts.signIn('alice', GOOD))).toBe('WRONG_PASSWORD')
      expect(accounts.list(ALICE)[0]).toMatchObject({ has_password: false })
      expect((await accounts.signIn('carol', GOOD)).userId, 'others keep theirs').toBe(id)
    })

    test('also when it is being set meanwhile', async () => {
      meanwhile = rotate
      const changing = accounts.change(sessions.bearer('token')!, ALICE.id, { password: GOOD })
      const waiting = accounts.change(sessions.bearer('token')!, ALICE.id, { password: GOOD })
      expect(await Promise.all([codeOf(changing), codeOf(waiting)])).toEqual([
        'UNAUTHENTICATED',
        'UNAUTHENTICATED',
      ])
      expect(accounts.list(ALICE)[0]).toMatchObject({ has_password: false })
    })

    test('also when somebody is signing in with it', async () => {
      await accounts.change(as(ALICE), ALICE.id, { password: GOOD })
      const signing = codeOf(accounts.signIn('alice', GOOD))
      await Promise.resolve()
      rotate()
      expect(await signing).toBe('WRONG_PASSWORD')
    })
  })

  test('that is said to change another cannot be guessed', async () => {
    const { id, name } = await carol()
    const her = as({ id, name })
    const guess = (n: number) => accounts.change(her, id, { password: 'mine now', current_password: `x${n}` })
    for (let n = 0; n < 5; n++) expect(await codeOf(guess(n))).toBe('WRONG_PASSWORD')
    expect(await codeOf(guess(5))).toBe('TOO_MANY_TRIES')
  })
})

describe('signing in', () => {
  test('with name and password begins a session each time', async () => {
    const { id } = await carol()
    const [one, two] = [await accounts.signIn('carol', GOOD), await accounts.signIn(' Carol', GOOD)]
    expect(sessions.bearer(one.token)?.user).toEqual({ id, name: 'Carol' })
    expect(one.token).not.toBe(two.token)
  })

  test('says the same of a wrong password, a name that nobody has, and one without a password', async () => {
    await carol()
    const answers = []
    for (const [name, password] of [
      ['carol', 'x'],
      ['nobody', GOOD],
      ['bob', GOOD],
      ['bob', ''],
      ['', ''],
    ] as const)
      // prettier-ignore
      answers.push(await accounts.signIn(name, password).catch((error: unknown) => error))
    for (const answer of answers) expect(answer).toEqual(answers[0])
    expect(answers[0]).toMatchObject({ code: 'WRONG_PASSWORD' })
  })

  const fail = async (name: string, times: number): Promise<void> => {
    for (let n = 0; n < times; n++) expect(await codeOf(accounts.signIn(name, 'x'))).toBe('WRONG_PASSWORD')
  }

  test('waits after five failures of a name, right or wrong, and says for how long', async () => {
    await carol()
    await fail('carol', 5)
    for (const password of ['x', GOOD])
      await expect(accounts.signIn('CAROL', password)).rejects.toMatchObject({
        code: 'TOO_MANY_TRIES',
        message: 'Too many failed tries: wait 15 minutes',
        retryAfterSeconds: 900,
      })
    now += 1_000 * MINUTE // somebody sets the clock
    monotonic += 15 * MINUTE - 1
    expect(await codeOf(accounts.signIn('carol', GOOD))).toBe('TOO_MANY_TRIES')
    now = 0
    monotonic += 1
    expect(await codeOf(accounts.signIn('carol', GOOD))).toBe('OK')
  })

  test('locks out neither other names, nor sessions, the token and codes', async () => {
    await carol()
    await fail('alice', 5)
    expect(await codeOf(accounts.signIn('carol', GOOD))).toBe('OK')
    for (const n of [1, 2, 3, 4, 5]) await fail(`nobody ${n}`, 5)
    expect(await codeOf(accounts.signIn('carol', GOOD))).toBe('TOO_MANY_TRIES')
    expect(sessions.signIn('token')).toBeDefined()
    const code = sessions.issueCode({ userId: ALICE.id, parentId: null, workspaceId: null, port: null })
    expect(sessions.redeem(code, null, null)).toBeDefined()
  })

  test('forgets the failures of a name that got in', async () => {
    await carol()
    for (let n = 0; n < 3; n++) {
      await fail('carol', 4)
      expect(await codeOf(accounts.signIn('carol', GOOD))).toBe('OK')
    }
  })

  test('is tried anew once the desktop’s own user has set a password, and by an account that is new', async () => {
    await fail('carol', 5)
    const { id } = await carol()
    expect(await codeOf(accounts.signIn('carol', GOOD))).toBe('OK')
    await fail('carol', 5)
    await accounts.change(as(ALICE), id, { name: 'Caroline' })
    await accounts.change(as(ALICE), id, { name: 'Carol' })
    expect(await codeOf(accounts.signIn('carol', GOOD))).toBe('TOO_MANY_TRIES')
    await accounts.change(as(ALICE), id, { password: 'another one' })
    expect(await codeOf(accounts.signIn('carol', 'another one'))).toBe('OK')
  })

  test('gives who asks much at once no more tries', async () => {
    await carol()
    const codes = await Promise.all(
      Array.from({ length: 40 }, (_, n) => codeOf(accounts.signIn('carol', `x${n}`))),
    )
    expect(codes.filter((code) => code === 'WRONG_PASSWORD')).toHaveLength(5)
    expect(codes.filter((code) => code === 'TOO_MANY_TRIES')).toHaveLength(35)
    const many = await Promise.all(
      Array.from({ length: 40 }, (_, n) => codeOf(accounts.signIn(`nobody ${n}`, 'x'))),
    )
    expect(many.filter((code) => code === 'WRONG_PASSWORD')).toHaveLength(25)
  })

  test('is over before a password that is being changed is another', async () => {
    const { id } = await carol()
    const [old, , fresh] = await Promise.all([
      codeOf(accounts.signIn('carol', GOOD)),
      accounts.change(as(ALICE), id, { password: 'another one' }),
      codeOf(accounts.signIn('carol', GOOD)),
    ])
    expect([old, fresh]).toEqual(['OK', 'WRONG_PASSWORD'])
    expect(ended, 'what began with the old one').toHaveLength(1)
  })
})

describe('an account is removed', () => {
  test('with its sessions', async () => {
    const { id, name } = await carol()
    const her = as({ id, name })
    accounts.remove(ALICE, id)
    expect(ended).toEqual([her.sessionId])
    expect(await codeOf(accounts.signIn('carol', GOOD))).toBe('WRONG_PASSWORD')
    expect(() => accounts.remove(ALICE, id)).toThrow(thrown('NOT_FOUND'))
    await expect(accounts.change(as(ALICE), id, {})).rejects.toEqual(thrown('NOT_FOUND'))
  })

  test.each([
    ['runs', { status: 'RUNNING' }],
    ['failed', { status: 'ERROR' }],
    ['is in the trash', { status: 'DELETED', deletedAt: 1, homeStoreKey: 'users/a/workspaces/b/home' }],
    ['is in the trash as an archive', { status: 'DELETED', deletedAt: 1, archiveKey: 'a/b/home.tar.zst' }],
    ['is being deleted', { status: 'STANDBY', deletedAt: 1, operation: 'DELETING' }],
  ] as const)('not while one of its workspaces %s', async (_, change) => {
    const { id, name } = await carol()
    const her = as({ id, name })
    workspaces.insert(rowOf(idOf(7), { ownerId: id, ...change }))
    expect(() => accounts.remove(ALICE, id)).toThrow(thrown('ACCOUNT_IN_USE'))
    expect([ended, table.user(id), sessions.user(her.user.id)]).toEqual([[], her.user, her.user])
  })

  test('when of its workspaces nothing but rows is left, which the collector goes on to ask for', async () => {
    const { id } = await carol()
    workspaces.insert(rowOf(idOf(7), { ownerId: id, status: 'DELETED', deletedAt: 1 }))
    accounts.remove(ALICE, id)
    expect(workspaces.get(idOf(7))).toMatchObject({ status: 'DELETED', ownerId: ALICE.id })
    expect([workspaces.page(ALICE.id, '', 9), workspaces.trashed(ALICE.id)]).toEqual([[], []])
  })

  test('never when it is the desktop’s own', () => {
    expect(() => accounts.remove(ALICE, ALICE.id)).toThrow(thrown('FORBIDDEN'))
    expect(table.user(ALICE.id)).toBeDefined()
  })

  test('for good, also while its password is being changed', async () => {
    const { id } = await carol()
    meanwhile = () => accounts.remove(ALICE, id)
    expect(await codeOf(accounts.change(as(ALICE), id, { password: 'another one' }))).toBe('NOT_FOUND')
  })
})

test('E13: no password is in the database', async () => {
  await carol()
  const bytes = db.serialize()
  for (const form of [GOOD, Buffer.from(GOOD).toString('base64'), Buffer.from(GOOD).toString('hex')])
    expect(bytes.includes(form)).toBe(false)
})
