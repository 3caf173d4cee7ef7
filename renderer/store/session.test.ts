import { beforeEach, expect, it, vi } from 'vitest'
import { createAccountTable } from '../../main/db/accounts.ts'
import { createSessions, type Issued } from '../../main/service/sessions.ts'
import { memoryDb } from '../../main/testing/plane.ts'
import { ALICE } from '../../main/testing/rows.ts'
import { ApiError, type Client } from '../api/client.ts'
import {
  begin,
  createSession,
  end,
  follow,
  rotate,
  signIn,
  signOut,
  tokenOf,
  type SessionStore,
} from './session.ts'

const kept = new Map<string, string>()

beforeEach(() => {
  kept.clear()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  })
})

const ADA = { id: 'u', name: 'ada', desktop: true }
const signedIn = (session_token: string) => () =>
  Promise.resolve({ session_token, expires_at: '', user: ADA })
const fails = (status: number) => () => Promise.reject(new ApiError(status, { title: 'Sign in first' }))
const as = (part: Partial<Client>) => part as Client
const accepts = as({ login: signedIn('new'), renew: signedIn('renewed'), user: () => Promise.resolve(ADA) })
const refuses = as({ login: fails(401), renew: fails(401) })

const NEW = { status: 'signed-in', token: 'new', user: ADA }
const RENEWED = { ...NEW, token: 'renewed' }

async function aSession(): Promise<SessionStore> {
  const session = createSession()
  await signIn(session, accepts, { token: 'file' })
  return session
}

it('begins with the code it came with and keeps the session', async () => {
  const session = createSession()
  await begin(session, accepts, 'code')
  expect(session.getState()).toEqual(NEW)
  expect([...kept.values()]).toEqual(['new'])
})

it('begins with what it kept, renewed, also when the code is a used one', async () => {
  for (const code of [null, 'used']) {
    kept.set('berth.session', 'old')
    const session = createSession()
    await begin(session, { ...accepts, login: fails(401) }, code)
    expect(session.getState()).toEqual(RENEWED)
    expect([...kept.values()]).toEqual(['renewed'])
  }
})

it('keeps what it kept while nobody answers, and forgets it when it is refused', async () => {
  kept.set('berth.session', 'old')
  for (const status of [0, 503]) {
    const session = createSession()
    await begin(session, as({ renew: fails(status) }), null)
    expect(session.getState()).toEqual({ status: 'signed-in', token: 'old', user: null })
  }
  const session = createSession()
  await begin(session, refuses, null)
  expect(session.getState()).toMatchObject({ status: 'signed-out', notice: expect.stringContaining('ended') })
  expect(kept.size).toBe(0)
})

it('begins with the session of the tab that was first to renew', async () => {
  kept.set('berth.session', 'old')
  const session = createSession()
  const renew = vi.fn((token: string) => {
    if (token !== 'old') return signedIn('renewed')()
    kept.set('berth.session', 'of the other tab')
    return fails(401)()
  })
  await begin(session, as({ renew }), null)
  expect(renew.mock.calls).toEqual([['old'], ['of the other tab']])
  expect(session.getState()).toEqual(RENEWED)
})

it('ends the session it kept once a link has begun another, and goes on though that fails', async () => {
  for (const logout of [vi.fn(() => Promise.resolve()), vi.fn(fails(0))]) {
    kept.set('berth.session', 'old')
    const session = createSession()
    await begin(session, { ...accepts, logout }, 'code')
    expect(logout.mock.calls).toEqual([['old']])
    expect(session.getState()).toEqual(NEW)
    expect([...kept.values()]).toEqual(['new'])
  }
  kept.clear()
  const logout = vi.fn()
  await begin(createSession(), { ...accepts, logout }, 'code')
  expect(logout).not.toHaveBeenCalled()
})

it.each([
  ['in their order', [0, 1, 2]],
  ['the last first', [2, 1, 0]],
])('tabs that begin together stay signed in, answered %s', async (_, order) => {
  let now = 1_000
  const sessions = createSessions({
    ...{ accounts: createAccountTable(memoryDb()), owner: ALICE, token: 'the token' },
    ...{ now: () => now, onEnd: () => undefined },
  })
  const answer = ({ token, expiresAt }: Issued) => ({
    ...{ session_token: token, expires_at: String(expiresAt), user: ADA },
  })
  const is = (session: SessionStore): boolean =>
    sessions.bearer(tokenOf(session.getState()) ?? '') !== undefined
  kept.set('berth.session', sessions.signIn('the token')!.token)
  now += 86_400_000

  const answers: (() => void)[] = []
  const renew = (token: string) => {
    const renewed = answer(sessions.renew(token))
    return new Promise<typeof renewed>((resolve) => answers.push(() => resolve(renewed)))
  }
  const tabs = order.map(createSession)
  const begun = tabs.map((tab) => begin(tab, as({ renew }), null))
  for (const n of order) {
    answers[n]!()
    await begun[n]
  }
  for (const ms of [0, 61_000, 3_600_000]) {
    now += ms
    expect(tabs.map(is)).toEqual([true, true, true])
  }
  // One that begins later renews once more, which the others hear of.
  const late = createSession()
  await begin(late, as({ renew: (token) => Promise.resolve(answer(sessions.renew(token))) }), null)
  for (const tab of tabs) await follow(tab, accepts)
  now += 61_000
  expect([late, ...tabs].map(is)).toEqual([true, true, true, true])
})

it('asks to sign in otherwise, and says why a link did not do', async () => {
  const session = createSession()
  await begin(session, refuses, null)
  expect(session.getState()).toEqual({ status: 'signed-out', notice: null })
  await begin(session, refuses, 'used')
  expect(session.getState()).toMatchObject({
    status: 'signed-out',
    notice: expect.stringContaining('already used'),
  })
})

it('ends with the token that was refused, and only with that', async () => {
  const session = await aSession()
  end(session, 'old')
  expect(session.getState()).toEqual(NEW)
  end(session, 'new')
  expect(session.getState()).toMatchObject({ status: 'signed-out' })
  expect(kept.size).toBe(0)
})

it('goes on with the session that another tab began meanwhile', async () => {
  const session = await aSession()
  kept.set('berth.session', 'newer')
  end(session, 'new')
  expect(session.getState()).toEqual({ status: 'signed-in', token: 'newer', user: null })
})

it('signs out here and for the other tabs', async () => {
  const session = await aSession()
  const logout = vi.fn(() => Promise.resolve())
  await signOut(session, as({ logout }))
  expect(logout).toHaveBeenCalledOnce()
  expect(session.getState()).toEqual({ status: 'signed-out', notice: null })
  expect(kept.size).toBe(0)
})

it('stays signed in where signing out failed', async () => {
  const session = await aSession()
  await expect(signOut(session, as({ logout: fails(0) }))).rejects.toThrow()
  expect(session.getState()).toEqual(NEW)
})

it('goes along with what another tab does: renew, sign out, sign in', async () => {
  const session = await aSession()
  kept.set('berth.session', 'renewed')
  await follow(session, accepts)
  expect(session.getState()).toEqual(RENEWED)
  kept.delete('berth.session')
  await follow(session, accepts)
  expect(session.getState()).toMatchObject({ status: 'signed-out' })
  kept.set('berth.session', 'new')
  await follow(session, accepts)
  expect(session.getState()).toEqual(NEW)
})

it('does with the session at hand while the one of another tab cannot be asked about', async () => {
  const session = await aSession()
  kept.set('berth.session', 'renewed')
  await follow(session, as({ user: fails(0) }))
  expect(session.getState()).toEqual(NEW)
})

it('goes on with the session that follows new secrets, though its own was refused before the answer', async () => {
  const session = await aSession()
  const answer = Promise.withResolvers<Awaited<ReturnType<Client['rotate']>>>()
  const rotated = rotate(session, as({ rotate: () => answer.promise }))
  end(session, 'new')
  expect(session.getState()).toMatchObject({ status: 'signed-in', token: 'new' })
  answer.resolve(await signedIn('renewed')())
  await rotated
  expect(session.getState()).toEqual(RENEWED)
  expect([...kept.values()]).toEqual(['renewed'])
})

it('is as before where there are no new secrets, and ended where it was refused', async () => {
  const session = await aSession()
  await expect(rotate(session, as({ rotate: fails(403) }))).rejects.toThrow()
  expect(session.getState()).toEqual(NEW)
  await expect(rotate(session, as({ rotate: fails(401) }))).rejects.toThrow()
  expect(session.getState()).toMatchObject({ status: 'signed-out' })
})

it('works for the life of the page where nothing can be kept', async () => {
  vi.stubGlobal('localStorage', {
    getItem: () => {
      throw new Error('denied')
    },
    setItem: () => {
      throw new Error('denied')
    },
  })
  const session = createSession()
  await begin(session, accepts, 'code')
  expect(session.getState()).toEqual(NEW)
})
