import { beforeEach, describe, expect, test } from 'vitest'
import {
  guest as guestShape,
  share as shareShape,
  shared as sharedShape,
  shareList,
  type Guest,
  type Problem,
  type Share,
  type Shared,
} from '../core/api.ts'
import { startEdge, type Edge } from '../testing/edge.ts'
import { ALICE, idOf } from '../testing/rows.ts'
import { send } from '../testing/send.ts'

let edge: Edge
/** Alice's. */
let id: string
beforeEach(async () => {
  edge = await startEdge()
  id = edge.asleep(1)
})

async function call<T = Problem>(
  method: string,
  path: string,
  body?: unknown,
  headers: Record<string, string> = edge.bearer,
): Promise<{ status: number; body: T }> {
  const text = body === undefined ? undefined : JSON.stringify(body)
  const answer = await send(`${edge.url}/api/v1${path}`, {
    method,
    headers: { ...(text !== undefined && { 'content-type': 'application/json' }), ...headers },
    ...(text !== undefined && { body: text }),
  })
  return { status: answer.status, body: (answer.text === '' ? undefined : JSON.parse(answer.text)) as T }
}
const WISH = { mode: 'DOORBELL', expires_in_seconds: 3_600 }
async function share(wish: object = WISH): Promise<Shared & { secret: string }> {
  const { status, body } = await call<Shared>('POST', `/workspaces/${id}/shares`, wish)
  expect(status).toBe(201)
  return { ...sharedShape.strict().parse(body), secret: body.link.split('#')[1]! }
}
/** Somebody knocks with the link. */
const ring = (link: string, name = 'Kim') => edge.shares.enter(id, { link, name }, '192.0.2.7', undefined)
const list = async (): Promise<Share[]> => {
  const { status, body } = await call<{ items: Share[] }>('GET', `/workspaces/${id}/shares`)
  expect(status).toBe(200)
  return shareList.strict().parse(body).items
}

describe('a share', () => {
  test('is made, listed, changed and stopped', async () => {
    const made = await share()
    expect(made.share).toMatchObject({ mode: 'DOORBELL', wakes: false, ports: [], guests: [] })
    expect(await list()).toEqual([made.share])
    const changed = await call<Share>('PATCH', `/shares/${made.share.id}`, { wakes: true, ports: [3000] })
    expect(changed).toEqual({ status: 200, body: { ...made.share, wakes: true, ports: [3000] } })
    expect(shareShape.strict().parse(changed.body)).toEqual(changed.body)
    expect(await call('DELETE', `/shares/${made.share.id}`)).toEqual({ status: 204, body: undefined })
    expect(await list()).toEqual([])
    expect(await call('DELETE', `/shares/${made.share.id}`)).toMatchObject({
      status: 404,
      body: { code: 'NOT_FOUND' },
    })
  })

  test('L2: tells its link once, and nowhere else', async () => {
    const { secret, link } = await share()
    expect(secret).toMatch(/^[\w-]{43}$/)
    const told = await Promise.all([
      call('GET', `/workspaces/${id}/shares`),
      call('GET', `/workspaces/${id}`),
      call('GET', '/workspaces'),
    ])
    expect(JSON.stringify(told)).not.toContain(secret)
    expect(link.indexOf('#')).toBe(link.length - secret.length - 1)
  })

  test.each([
    {},
    { mode: 'OPEN', expires_in_seconds: 60 },
    { mode: 'LINK' },
    { mode: 'LINK', expires_in_seconds: 59 },
    { mode: 'LINK', expires_in_seconds: 31 * 86_400 },
    { mode: 'LINK', expires_in_seconds: null, ports: [0] },
    { mode: 'LINK', expires_in_seconds: null, ports: [65_536] },
    { mode: 'LINK', expires_in_seconds: null, ports: Array.from({ length: 21 }, (_, n) => n + 1) },
    { mode: 'LINK', expires_in_seconds: null, link: 'chosen' },
  ])('is not made of %j', async (wish) => {
    expect(await call('POST', `/workspaces/${id}/shares`, wish)).toMatchObject({
      status: 400,
      body: { code: 'INVALID_INPUT' },
    })
    expect(await list()).toEqual([])
  })
})

describe('a guest', () => {
  test('who rings is let in, and thrown out', async () => {
    const { secret } = await share()
    const { token } = ring(secret)
    const [guest] = (await list())[0]!.guests
    expect(guest).toMatchObject({ name: 'Kim', address: '192.0.2.7', state: 'RINGING', connections: 0 })
    const allowed = await call<Guest>('POST', `/guests/${guest!.id}:allow`)
    expect(allowed).toEqual({ status: 200, body: { ...guest, state: 'IN' } })
    expect(guestShape.strict().parse(allowed.body)).toEqual(allowed.body)
    expect(edge.shares.guestOf(token, id, null)?.guest.state).toBe('IN')
    expect(await call('DELETE', `/guests/${guest!.id}`)).toEqual({ status: 204, body: undefined })
    expect(edge.shares.guestOf(token, id, null)).toBeUndefined()
    expect(await call('POST', `/guests/${guest!.id}:allow`)).toMatchObject({ status: 404 })
  })

  test('who rings is not let in', async () => {
    const { secret } = await share()
    const { token } = ring(secret)
    expect((await call('DELETE', `/guests/${(await list())[0]!.guests[0]!.id}`)).status).toBe(204)
    expect(edge.shares.guestOf(token, id, null)).toBeUndefined()
  })
})

test('E8: of somebody else is forbidden, one that is not there is not found, and without a session both are the same', async () => {
  const { share: made, secret } = await share()
  ring(secret)
  const [guest] = (await list())[0]!.guests
  const routes: [string, (shareId: string, guestId: string, workspaceId: string) => string, unknown?][] = [
    ['GET', (_, __, of) => `/workspaces/${of}/shares`],
    ['POST', (_, __, of) => `/workspaces/${of}/shares`, WISH],
    ['PATCH', (of) => `/shares/${of}`, { wakes: true }],
    ['DELETE', (of) => `/shares/${of}`],
    ['POST', (_, of) => `/guests/${of}:allow`],
    ['DELETE', (_, of) => `/guests/${of}`],
  ]
  for (const [method, pathOf, body] of routes) {
    const here = pathOf(made.id, guest!.id, id)
    const nowhere = pathOf(idOf(9), idOf(9), idOf(9))
    expect(await call(method, here, body, edge.bobsBearer()), here).toMatchObject({ status: 403 })
    for (const bearer of [edge.bobsBearer(), edge.bearer])
      expect(await call(method, nowhere, body, bearer), nowhere).toMatchObject({ status: 404 })
    const unknown = [await call(method, here, body, {}), await call(method, nowhere, body, {})]
    expect(unknown[0]).toMatchObject({ status: 401 })
    expect(unknown[0]).toEqual(unknown[1])
  }
  expect(edge.shares.list(ALICE, id)).toEqual([{ ...made, guests: [guest] }])
})
