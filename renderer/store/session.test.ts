import { beforeEach, expect, it, vi } from 'vitest'
import { ApiError, type Client } from '../api/client.ts'
import { begin, createSession, end, signIn } from './session.ts'

const kept = new Map<string, string>()

beforeEach(() => {
  kept.clear()
  vi.stubGlobal('localStorage', {
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
    removeItem: (key: string) => void kept.delete(key),
  })
})

const answers = {
  login: () => Promise.resolve({ session_token: 'new', expires_at: '', user: { id: 'u', name: 'ada' } }),
}
const refuses = { login: () => Promise.reject(new ApiError(401, { title: 'Sign in first' })) }
const as = (part: Pick<Client, 'login'>) => part as Client

it('begins with the code it came with and keeps the session', async () => {
  const session = createSession()
  await begin(session, as(answers), 'code')
  expect(session.getState()).toEqual({ status: 'signed-in', token: 'new' })
  expect([...kept.values()]).toEqual(['new'])
})

it('begins with what it kept, also when the code is a used one', async () => {
  kept.set('berth.session', 'old')
  const session = createSession()
  await begin(session, as(refuses), 'used')
  expect(session.getState()).toEqual({ status: 'signed-in', token: 'old' })
})

it('asks to sign in otherwise, and says why a link did not do', async () => {
  const session = createSession()
  await begin(session, as(refuses), null)
  expect(session.getState()).toEqual({ status: 'signed-out', notice: null })
  await begin(session, as(refuses), 'used')
  expect(session.getState()).toMatchObject({
    status: 'signed-out',
    notice: expect.stringContaining('already used'),
  })
})

it('ends with the token that was refused, and only with that', async () => {
  const session = createSession()
  await signIn(session, as(answers), { token: 'file' })
  end(session, 'old')
  expect(session.getState()).toEqual({ status: 'signed-in', token: 'new' })
  end(session, 'new')
  expect(session.getState()).toMatchObject({ status: 'signed-out' })
  expect(kept.size).toBe(0)
})

it('goes on with the session that another tab began meanwhile', async () => {
  const session = createSession()
  await signIn(session, as(answers), { token: 'file' })
  kept.set('berth.session', 'newer')
  end(session, 'new')
  expect(session.getState()).toEqual({ status: 'signed-in', token: 'newer' })
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
  await begin(session, as(answers), 'code')
  expect(session.getState()).toEqual({ status: 'signed-in', token: 'new' })
})
