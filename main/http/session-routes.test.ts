import type { IncomingMessage } from 'node:http'
import { beforeEach, describe, expect, test } from 'vitest'
import { problem, type Account, type SignedIn } from '../core/api.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { openStream, send, type Answer } from '../testing/send.ts'

const GOOD = 'correct horse'

let edge: Edge
beforeEach(async () => void (edge = await startEdge()))

type Headers = Record<string, string>
const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })

/** Calls the API as the desktop's own user, unless `headers` say otherwise. */
async function call(
  method: string,
  path: string,
  body?: object,
  headers: Headers = edge.bearer,
): Promise<Answer> {
  return send(`${edge.url}/api/v1${path}`, {
    method,
    headers: { ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  })
}
const told = (answer: Answer) => problem.strict().parse(JSON.parse(answer.text))
const read = <T>(answer: Answer): T => JSON.parse(answer.text) as T
const login = (body: object): Promise<Answer> => call('POST', '/login', body, {})
const statusOf = async (token: string): Promise<number> =>
  (await call('GET', '/session', undefined, bearer(token))).status
async function addCarol(): Promise<Account> {
  return read<Account>(await call('POST', '/accounts', { name: 'Carol', password: GOOD }))
}
const tokenOf = async (name: string, password: string): Promise<string> =>
  read<SignedIn>(await login({ name, password })).session_token
const closed = (stream: IncomingMessage): Promise<void> =>
  new Promise((resolve) => {
    stream.on('close', resolve).on('error', () => undefined)
    stream.resume()
  })

describe('signing in', () => {
  test('with the token, a code or a password begins a session that lasts thirty days', async () => {
    const { id } = await addCarol()
    const code = edge.sessions.issueCode({ userId: BOB.id, parentId: null, workspaceId: null, port: null })
    for (const [body, expected] of [
      [{ token: TOKEN }, { ...ALICE, desktop: true }],
      [{ code }, { ...BOB, desktop: false }],
      [
        { name: 'carol', password: GOOD },
        { id, name: 'Carol', desktop: false },
      ],
    ] as const) {
      const answer = await login(body)
      expect(answer.status).toBe(200)
      const { session_token: token, user, expires_at: expires } = read<SignedIn>(answer)
      expect(user).toEqual(expected)
      expect(Math.round((Date.parse(expires) - edge.now()) / 86_400_000)).toBe(30)
      expect(read(await call('GET', '/session', undefined, bearer(token)))).toEqual({ user })
      expect((await call('POST', '/logout', undefined, bearer(token))).status).toBe(204)
      expect(await statusOf(token)).toBe(401)
    }
  })

  test.each<[string, () => object]>([
    ['a wrong token', () => ({ token: 'wrong' })],
    ['a wrong code', () => ({ code: 'wrong' })],
    [
      'a code for a workspace',
      () => ({
        code: edge.sessions.issueCode({
          ...{ userId: ALICE.id, parentId: null, workspaceId: idOf(1), port: null },
        }),
      }),
    ],
    [
      'a code that was used',
      () => {
        const code = edge.sessions.issueCode({
          ...{ userId: ALICE.id, parentId: null, workspaceId: null, port: null },
        })
        edge.sessions.redeem(code, null, null)
        return { code }
      },
    ],
    ['a session', () => ({ token: edge.sessionOf(ALICE.id, null) })],
  ])('with %s is refused', async (_, body) => {
    const answer = await login(body())
    expect(answer.status).toBe(401)
    expect(told(answer).code).toBe('UNAUTHENTICATED')
  })

  test('with a wrong password says the same as with a name that nobody has', async () => {
    await addCarol()
    const wrong = await login({ name: 'carol', password: 'wrong horse' })
    const nobody = await login({ name: 'nobody', password: GOOD })
    expect([wrong.status, told(wrong).code]).toEqual([401, 'WRONG_PASSWORD'])
    expect(nobody.text).toBe(wrong.text)
  })

  test('is slowed down after five failures, and says how long; a link goes on working', async () => {
    await addCarol()
    for (let n = 0; n < 5; n++) await login({ name: 'carol', password: 'x' })
    const answer = await login({ name: 'carol', password: GOOD })
    expect(answer.status).toBe(429)
    expect(told(answer)).toMatchObject({
      code: 'TOO_MANY_TRIES',
      detail: 'Too many failed tries: wait 15 minutes',
    })
    expect(answer.headers['retry-after']).toBe('900')
    expect((await login({ token: TOKEN })).status).toBe(200)
    edge.pass(15 * 60_000)
    expect((await login({ name: 'carol', password: GOOD })).status).toBe(200)
  })

  test.each([
    [{ name: 'carol' }],
    [{ password: GOOD }],
    [{ name: 'carol', password: GOOD, token: TOKEN }],
    [{ name: 'x'.repeat(65), password: GOOD }],
    [{ name: 'carol', password: 'x'.repeat(201) }],
    [{ name: ['carol'], password: GOOD }],
    [{}],
  ])('with %j is not valid', async (body) => {
    expect((await login(body)).status).toBe(400)
  })
})

describe('a session', () => {
  test('has another token once it is renewed; the old one is good for a minute', async () => {
    const token = edge.sessionOf(BOB.id, null)
    edge.pass(60_000)
    const renewed = read<SignedIn>(await call('POST', '/session:renew', {}, bearer(token)))
    expect(renewed.user).toEqual({ ...BOB, desktop: false })
    expect(renewed.session_token).not.toBe(token)
    expect([await statusOf(token), await statusOf(renewed.session_token)]).toEqual([200, 200])
    edge.pass(60_000)
    expect([await statusOf(token), await statusOf(renewed.session_token)]).toEqual([401, 200])
  })

  test('that is signed out takes its streams, and its cookies, with it', async () => {
    const id = edge.asleep(1)
    const token = edge.sessionOf(ALICE.id, null)
    const { url } = read<{ url: string }>(await call('POST', `/workspaces/${id}:open`, {}, bearer(token)))
    const { token: cookie } = edge.sessions.redeem(new URL(url).searchParams.get('berth-code')!, id, null)!
    const other = await openStream(`${edge.url}/api/v1/events`, { headers: edge.bearer })
    const streams = await Promise.all(
      ['/events', `/workspaces/${id}/events`].map((path) =>
        openStream(`${edge.url}/api/v1${path}`, { headers: bearer(token) }),
      ),
    )
    const ends = streams.map(closed)
    expect((await call('POST', '/logout', {}, bearer(token))).status).toBe(204)
    await Promise.all(ends)
    expect(edge.sessions.visitor(cookie, id, null)).toBeUndefined()
    expect(other.destroyed).toBe(false)
    other.destroy()
  })

  test('that ends while a request is still being sent does not answer it', async () => {
    const token = edge.sessionOf(ALICE.id, null)
    let send = (): void => undefined
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue('{"name":')
        send = () => {
          controller.enqueue('"New"}')
          controller.close()
        }
      },
    }).pipeThrough(new TextEncoderStream())
    const answer = fetch(`${edge.url}/api/v1/workspaces`, {
      ...{ method: 'POST', body, duplex: 'half' },
      headers: { ...bearer(token), 'content-type': 'application/json' },
    })
    await call('POST', '/logout', {}, bearer(token))
    send()
    expect((await answer).status).toBe(401)
    expect(edge.table.living()).toEqual([])
  })

  test('is none of the installation’s token, with which signing out ends nothing', async () => {
    expect((await call('POST', '/logout')).status).toBe(204)
    expect((await call('GET', '/session')).status).toBe(200)
  })
})

describe('an account', () => {
  test('is added, called otherwise, and removed', async () => {
    const added = await call('POST', '/accounts', { name: ' Carol ', password: GOOD })
    expect(added.status).toBe(201)
    const carol = read<Account>(added)
    expect(carol).toMatchObject({ name: 'Carol', desktop: false, has_password: true, workspaces: 0 })
    const renamed = await call('PATCH', `/accounts/${carol.id}`, { name: 'Caroline' })
    expect(read<Account>(renamed)).toEqual({ ...carol, name: 'Caroline' })
    const { items } = read<{ items: Account[] }>(await call('GET', '/accounts'))
    expect(items.map(({ name }) => name)).toEqual(['alice', 'bob', 'Caroline'])
    const token = await tokenOf('caroline', GOOD)
    expect((await call('DELETE', `/accounts/${carol.id}`)).status).toBe(204)
    expect(await statusOf(token)).toBe(401)
    expect((await call('DELETE', `/accounts/${carol.id}`)).status).toBe(404)
  })

  test('keeps to itself: names once, workspaces until they are gone', async () => {
    const { id } = await addCarol()
    const taken = await call('POST', '/accounts', { name: 'CAROL', password: GOOD })
    expect([taken.status, told(taken).code]).toEqual([409, 'NAME_TAKEN'])
    edge.asleep(1, { ownerId: id })
    const used = await call('DELETE', `/accounts/${id}`)
    expect([used.status, told(used).code]).toEqual([409, 'ACCOUNT_IN_USE'])
    expect((await call('DELETE', `/accounts/${ALICE.id}`)).status).toBe(403)
  })

  test('changes its own password by the one it has, which ends its other sessions', async () => {
    const { id } = await addCarol()
    const [mine, other] = [await tokenOf('carol', GOOD), await tokenOf('carol', GOOD)]
    const change = { password: 'another one', current_password: GOOD }
    expect((await call('PATCH', `/accounts/${id}`, { password: 'another one' }, bearer(mine))).status).toBe(
      401,
    )
    expect((await call('PATCH', `/accounts/${id}`, change, bearer(mine))).status).toBe(200)
    expect([await statusOf(mine), await statusOf(other)]).toEqual([200, 401])
    expect((await login({ name: 'carol', password: GOOD })).status).toBe(401)
  })

  test.each([
    [{ name: '', password: GOOD }],
    [{ name: 'Carol', password: 'short' }],
    [{ name: 'Carol' }],
    [{ name: 'x'.repeat(65), password: GOOD }],
    [{ name: 'Carol', password: GOOD, desktop: true }],
  ])('%j is not valid', async (body) => {
    expect((await call('POST', '/accounts', body)).status).toBe(400)
  })
})

test('all secrets made anew undo what who had the token has done: no password of theirs is good', async () => {
  const change = await call('PATCH', `/accounts/${ALICE.id}`, { password: 'of the thief' })
  expect(change.status).toBe(200)
  expect((await login({ name: 'alice', password: 'of the thief' })).status).toBe(200)
  const { session_token: token } = read<SignedIn>(await call('POST', '/secrets:rotate', {}))
  expect((await login({ name: 'alice', password: 'of the thief' })).status).toBe(401)
  expect(await statusOf(token)).toBe(200)
})

test('all secrets are made anew: every session, code, share and token of before is over, and one session begins', async () => {
  const id = edge.asleep(1)
  const [alices, bobs] = [edge.sessionOf(ALICE.id, null), edge.sessionOf(BOB.id, null)]
  const cookie = edge.sessionOf(ALICE.id, id)
  const code = edge.sessions.issueCode({ userId: ALICE.id, parentId: null, workspaceId: null, port: null })
  await edge.shares.create(ALICE, id, {
    ...{ mode: 'LINK', wakes: false, ports: [], expires_in_seconds: null },
  })
  const streams = [
    await openStream(`${edge.url}/api/v1/events`, { headers: edge.bearer }),
    await openStream(`${edge.url}/api/v1/events`, { headers: bearer(bobs) }),
  ]
  const ends = streams.map(closed)
  const answer = await call('POST', '/secrets:rotate', {}, bearer(alices))
  expect(answer.status).toBe(200)
  await Promise.all(ends)
  const { session_token: token, user } = read<SignedIn>(answer)
  expect(user).toEqual({ ...ALICE, desktop: true })
  for (const old of [alices, bobs, TOKEN]) expect(await statusOf(old)).toBe(401)
  expect((await login({ code })).status).toBe(401)
  expect((await login({ token: TOKEN })).status).toBe(401)
  expect(edge.sessions.visitor(cookie, id, null)).toBeUndefined()
  expect([await statusOf(token), await statusOf(edge.newTokens[0]!)]).toEqual([200, 200])
  expect(read(await call('GET', `/workspaces/${id}/shares`, undefined, bearer(token)))).toEqual({ items: [] })
})

test('E13: what is at rest holds no secret that opens anything', async () => {
  await addCarol()
  const secrets = [TOKEN, GOOD, await tokenOf('carol', GOOD), edge.sessionOf(ALICE.id, edge.asleep(1))]
  const { link } = await edge.shares.create(ALICE, idOf(1), {
    ...{ mode: 'LINK', wakes: false, ports: [], expires_in_seconds: null },
  })
  secrets.push(new URL(link).hash.slice(1))
  const bytes = edge.db.serialize()
  for (const secret of secrets) {
    const raw = Buffer.from(secret, 'base64url')
    for (const form of [secret, raw, raw.toString('hex'), Buffer.from(secret).toString('base64')])
      expect(bytes.includes(form), `${secret} as ${String(form)}`).toBe(false)
  }
})
