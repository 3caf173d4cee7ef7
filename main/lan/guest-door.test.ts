import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { buffer } from 'node:stream/consumers'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import type { Problem } from '../core/api.ts'
import { COOKIE, PORT_COOKIE } from '../gateway/headers.ts'
import { startCanary, type Canary } from '../testing/canary.ts'
import { startEdge, type Edge } from '../testing/edge.ts'
import { openHouse } from '../testing/house.ts'
import { ALICE, idOf } from '../testing/rows.ts'
import { send } from '../testing/send.ts'
import { until } from '../testing/until.ts'
import { guestCookie } from './guest-front.ts'

const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
const JSON_TYPE = { 'content-type': 'application/json' }
type Headers = Record<string, string>

let edge: Edge
let canary: Canary
/** A running workspace of Alice's. */
let id: string
let house: Awaited<ReturnType<typeof openHouse>>
beforeEach(async () => {
  edge = await startEdge()
  canary = await startCanary()
  id = edge.running(1, canary.upstream)
  house = await openHouse(edge, id)
})

interface Ask {
  method?: string
  headers?: Headers | string[]
  body?: string
}

/** Opens a request as a guest's browser does who trusts the authority, or in the clear. */
function openRequest(
  url: string,
  { method = 'GET', headers = {}, body }: Ask = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const secure = url.startsWith('https:')
    const given = Array.isArray(headers) ? ['host', new URL(url).host, ...headers] : headers
    const options = { agent: false as const, method, headers: given, ca: house.certificate }
    const sent = (secure ? httpsRequest : httpRequest)(url, options, resolve)
    sent.on('error', reject)
    sent.end(body)
  })
}
async function ask(url: string, how?: Ask) {
  const answer = await openRequest(url, how)
  const text = (await buffer(answer)).toString()
  return { status: answer.statusCode ?? 0, headers: answer.headers, text }
}
type Answer = Awaited<ReturnType<typeof ask>>
const problemOf = ({ text }: Answer): Problem => JSON.parse(text) as Problem

const pageOf = (of = id): string => `${house.originOf(of)}/w/${of}/`
const knock = (
  link: string,
  { name = 'Kim', headers = {}, of = id }: { name?: string; headers?: Headers; of?: string } = {},
): Promise<Answer> =>
  ask(`${pageOf(of)}.berth/enter`, {
    method: 'POST',
    headers: { origin: house.originOf(of), ...JSON_TYPE, ...headers },
    body: JSON.stringify({ link, name }),
  })
const cookieIn = ({ headers }: Pick<Answer, 'headers'>): string => headers['set-cookie']![0]!.split(';')[0]!
/** Enters by a link; the cookie. */
const enter = async (link: string, of = id): Promise<string> => cookieIn(await knock(link, { of }))
const bell = async (cookie: string): Promise<unknown> => {
  const answer = await ask(`${pageOf()}.berth/doorbell`, { headers: { cookie } })
  return answer.status === 200 ? (JSON.parse(answer.text) as { state: string }).state : problemOf(answer).code
}
/** Tries to open a WebSocket: itself when that worked, else the status of the refusal. */
function connect(url: string, headers: Headers): Promise<WebSocket | number> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), { headers, ca: house.certificate })
  onTestFinished(() => socket.terminate())
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(socket))
    socket.on('unexpected-response', (_, response) => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.on('error', reject)
  })
}

describe('who comes without a cookie', () => {
  test.each(['', 'a/file?b=c&d=%20', '.berth/port?port=3000&next=%2Fx', '.berth/door', '.berth/enter'])(
    'gets the first page at %s, which goes on to there',
    async (path) => {
      await house.share()
      const answer = await ask(pageOf() + path, { headers: NAVIGATION })
      expect(answer).toMatchObject({
        status: 401,
        headers: {
          'content-type': 'text/html; charset=utf-8',
          'cache-control': 'no-store',
          'referrer-policy': 'no-referrer',
        },
      })
      expect(answer.headers['set-cookie']).toBeUndefined()
      expect(answer.headers['content-security-policy']).toMatch(
        /^default-src 'none'; style-src 'nonce-[^']+'; script-src 'nonce-[^']+';/,
      )
      const next = /data-next="([^"]*)"/.exec(answer.text)?.[1]?.replaceAll('&amp;', '&')
      expect(next).toBe(`/w/${id}/${path === '.berth/door' ? '' : path}`)
      // Of the machine there is a name, of the workspace none.
      expect(answer.text).toContain('You are invited to a workspace on desk &lt;b&gt;')
      expect(answer.text).not.toContain('Notes')
      expect(answer.text).toContain(house.fingerprint)
      expect(canary.bytes()).toBe('')
    },
  )

  test('is sent below the workspace’s path first, where its cookie counts', async () => {
    await house.share()
    const answer = await ask(`${house.originOf()}/w/${id}`, { headers: NAVIGATION })
    expect(answer).toMatchObject({ status: 302, headers: { location: `/w/${id}/` } })
  })

  test('gets no page where a page’s parts are asked for', async () => {
    await house.share()
    const answer = await ask(`${pageOf()}static/x.js`)
    expect(answer.status).toBe(401)
    expect(problemOf(answer)).toMatchObject({ code: 'UNAUTHENTICATED' })
  })

  test('L2: and a link or token in an address or a header, is nobody', async () => {
    const { secret } = await house.share()
    const token = (await enter(secret)).split('=')[1]!
    for (const value of [secret, token]) {
      const tries: [string, Headers][] = [
        [`?link=${value}`, {}],
        [`?token=${value}`, {}],
        [`?tkn=${value}`, {}],
        [`?berth-code=${value}`, {}],
        [`.berth/enter?link=${value}&name=Kim`, {}],
        ['', { authorization: `Bearer ${value}` }],
        ['', { cookie: `link=${value}; token=${value}; ${COOKIE}=${value}` }],
        ['', { cookie: `berth-guest=x${value}` }],
        ['', { 'x-link': value }],
      ]
      for (const [path, headers] of tries) {
        const answer = await ask(pageOf() + path, { headers })
        expect([401, 302], path).toContain(answer.status)
        expect(answer.headers['set-cookie'], path).toBeUndefined()
      }
    }
    expect((await ask(pageOf(), { headers: { cookie: `berth-guest=${secret}` } })).status).toBe(401)
    expect(canary.bytes()).toBe('')
  })
})

describe('the exchange of a link', () => {
  test('L2: gives a cookie that is good, and never reaches the workspace', async () => {
    const { secret } = await house.share()
    const answer = await knock(secret)
    expect(answer).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } })
    expect(JSON.parse(answer.text)).toEqual({ state: 'IN', workspace: 'Notes' })
    expect(answer.headers['set-cookie']).toEqual([
      expect.stringMatching(
        new RegExp(`^berth-guest=[\\w-]{43}; Path=/w/${id}/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax$`),
      ),
    ])
    const cookie = cookieIn(answer)
    const others = `theirs=1; ${id}-editor-own=2; ${idOf(2)}-editor-a=3; berth-guest-${id}-3000=4`
    const inside = await ask(`${pageOf()}a?b=c`, { headers: { cookie: `${others}; ${cookie}` } })
    expect(inside.status).toBe(200)
    expect(canary.requests[0]!.url).toBe('/a?b=c')
    expect(canary.requests[0]!.headers).toMatchObject({ cookie: 'own=2', 'x-forwarded-proto': 'https' })
    for (const one of [secret, cookie.split('=')[1]!]) expect(canary.bytes()).not.toContain(one)
  })

  test('L2: once more is another guest', async () => {
    const { secret } = await house.share()
    const cookies = [await enter(secret), await enter(secret)]
    const [first, second] = house.shares.list(ALICE, id)[0]!.guests
    house.shares.expel(ALICE, first!.id)
    const statuses = await Promise.all(
      cookies.map(async (cookie) => (await ask(pageOf(), { headers: { cookie } })).status),
    )
    expect(statuses).toEqual([401, 200])
    expect(second).toMatchObject({ name: 'Kim', address: '127.0.0.1', state: 'IN' })
  })

  test('L2: by who is in leaves them who they are, with another cookie: the one they had may be known to whoever gave it to them', async () => {
    const { secret } = await house.share()
    const planted = await enter(secret)
    const answer = await knock(secret, { headers: { cookie: `berth-guest=junk; ${planted}` } })
    const cookie = cookieIn(answer)
    expect(cookie).not.toBe(planted)
    expect(house.shares.list(ALICE, id)[0]!.guests).toHaveLength(1)
    expect((await ask(pageOf(), { headers: { cookie: planted } })).status).toBe(401)
    expect((await ask(pageOf(), { headers: { cookie } })).status).toBe(200)
  })

  test('E4: gives a cookie that counts also beside others of its name', async () => {
    const { secret } = await house.share()
    const cookie = `berth-guest=junk; berth-guest=; ${await enter(secret)}`
    const origin = house.originOf()
    expect((await ask(pageOf(), { headers: { cookie } })).status).toBe(200)
    expect(await bell(cookie)).toBe('IN')
    expect(await connect(`${pageOf()}socket`, { cookie, origin })).toBeInstanceOf(WebSocket)
  })

  test('L2: is refused when the link is wrong, of another workspace, stopped, or has expired', async () => {
    const other = edge.running(2, canary.upstream)
    const [open, short, stopped, theirs] = [
      await house.share(),
      await house.share({ expires_in_seconds: 60 }),
      await house.share(),
      await house.share({}, other),
    ]
    house.shares.stop(ALICE, stopped.share.id)
    edge.pass(60_000)
    for (const secret of ['', 'wrong', `${open.secret}x`, short.secret, stopped.secret, theirs.secret]) {
      const answer = await knock(secret)
      expect(answer.status).toBe(403)
      expect(problemOf(answer).code).toBe('SHARE_OVER')
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
    expect((await knock(open.secret)).status).toBe(200)
  })

  test('E12: is limited where it fails', async () => {
    const { secret } = await house.share()
    for (let n = 0; n < 10; n++) expect((await knock(`wrong ${n}`)).status).toBe(403)
    const answer = await knock('wrong')
    expect((await knock(secret)).status).toBe(200)
    expect(answer.status).toBe(429)
    expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0)
  })

  test('E5: is nothing that another page, a form or an address can do', async () => {
    const { secret } = await house.share({ ports: [3000] })
    const url = `${pageOf()}.berth/enter`
    const origin = house.originOf()
    const body = JSON.stringify({ link: secret, name: 'Kim' })
    const port = house.originOf(id, 3000)
    const tries: [number, Ask][] = [
      [403, { headers: JSON_TYPE }],
      [403, { headers: { ...JSON_TYPE, origin: 'null' } }],
      [403, { headers: { ...JSON_TYPE, origin: 'https://evil.example' } }],
      [403, { headers: { ...JSON_TYPE, origin: origin.replace('https', 'http') } }],
      [403, { headers: { ...JSON_TYPE, origin: `${origin}.evil.example` } }],
      [403, { headers: { ...JSON_TYPE, origin: port } }],
      [403, { headers: { ...JSON_TYPE, origin, 'sec-fetch-site': 'same-site' } }],
      [403, { headers: { ...JSON_TYPE, origin, 'sec-fetch-site': 'cross-site' } }],
      [403, { headers: ['content-type', 'application/json', 'origin', origin, 'origin', origin] }],
      [415, { headers: { origin } }],
      [415, { headers: { origin, 'content-type': 'text/plain' } }],
      [415, { headers: { origin, 'content-type': 'application/x-www-form-urlencoded' } }],
    ]
    for (const [status, how] of tries) {
      const answer = await ask(url, { method: 'POST', body, ...how })
      expect(answer.status, JSON.stringify(how)).toBe(status)
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
    for (const method of ['GET', 'HEAD', 'PUT', 'OPTIONS'])
      expect((await ask(`${url}?link=${secret}&name=Kim`, { method, headers: { origin } })).status).toBe(401)
    expect(house.shares.list(ALICE, id)[0]!.guests).toEqual([])
  })

  test.each([
    ['no JSON', 400, '{'],
    ['nothing', 400, ''],
    ['no link', 400, '{"name":"Kim"}'],
    ['more than is asked for', 400, '{"link":"x","name":"Kim","state":"IN"}'],
    ['another type', 400, '{"link":["x"],"name":"Kim"}'],
    ['a name of two lines', 400, undefined],
    ['more than 4 KiB', 413, JSON.stringify({ link: 'x'.repeat(4_096), name: '' })],
  ])('takes no body that is %s', async (_, status, body) => {
    const { secret } = await house.share()
    const headers = { ...JSON_TYPE, origin: house.originOf() }
    const text = body ?? JSON.stringify({ link: secret, name: 'a\nb' })
    const answer = await ask(`${pageOf()}.berth/enter`, { method: 'POST', headers, body: text })
    expect(answer.status).toBe(status)
    expect(answer.headers['set-cookie']).toBeUndefined()
  })
})

describe('a doorbell', () => {
  test('is answered while it rings, and lets nobody in before that', async () => {
    const { secret } = await house.share({ mode: 'DOORBELL' })
    expect(problemOf(await knock(secret, { name: ' ' }))).toMatchObject({
      code: 'INVALID_INPUT',
      detail: 'Say who you are',
    })
    expect(await bell('')).toBe('NOT_LET_IN')
    const answer = await knock(secret)
    expect(JSON.parse(answer.text)).toEqual({ state: 'RINGING', workspace: 'Notes' })
    const cookie = cookieIn(answer)
    expect(await bell(cookie)).toBe('RINGING')
    expect((await ask(`${pageOf()}x`, { headers: { cookie } })).status).toBe(401)
    const page = await ask(pageOf(), { headers: { cookie, ...NAVIGATION } })
    expect(page).toMatchObject({ status: 401, text: expect.stringContaining('data-state="RINGING"') })
    const [guest] = house.shares.list(ALICE, id)[0]!.guests
    house.shares.allow(ALICE, guest!.id)
    expect(await bell(cookie)).toBe('IN')
    expect((await ask(`${pageOf()}x`, { headers: { cookie } })).status).toBe(200)
    house.shares.expel(ALICE, guest!.id)
    expect(await bell(cookie)).toBe('NOT_LET_IN')
    expect((await ask(`${pageOf()}x`, { headers: { cookie } })).status).toBe(401)
  })
})

describe('who is in', () => {
  test('and follows a link goes by the door, so that the workspace does not see its secret', async () => {
    const { secret } = await house.share()
    const cookie = await enter(secret)
    const go = (path: string, site: string) =>
      ask(pageOf() + path, { headers: { cookie, ...NAVIGATION, 'sec-fetch-site': site } })
    for (const site of ['none', 'cross-site', 'same-site'])
      expect(await go('', site)).toMatchObject({ status: 302, headers: { location: `/w/${id}/.berth/door` } })
    expect(canary.requests).toEqual([])
    const door = await go('.berth/door', 'none')
    expect(door).toMatchObject({ status: 200, text: expect.stringContaining('data-state="IN"') })
    expect(door.text).toContain(`data-next="/w/${id}/"`)
    // The page itself goes on, and so does who goes to a place inside.
    expect((await go('', 'same-origin')).status).toBe(200)
    expect((await go('?folder=/home/coder', 'none')).status).toBe(200)
    expect(canary.requests.map(({ url }) => url)).toEqual(['/', '/?folder=/home/coder'])
  })

  test('wakes the workspace where the share says so, and not by anything else', async () => {
    const asleep = edge.asleep(3)
    const [wakes, looks] = [
      await house.share({ wakes: true }, asleep),
      await house.share({ wakes: false }, asleep),
    ]
    const visit = async (secret: string, headers: Headers) =>
      ask(pageOf(asleep), { headers: { cookie: await enter(secret, asleep), ...headers } })
    const wish = (): string => edge.table.get(asleep)!.desiredState
    expect((await visit(looks.secret, NAVIGATION)).status).toBe(200)
    expect((await visit(wakes.secret, {})).status).toBe(503)
    expect(wish()).toBe('STANDBY')
    expect((await visit(wakes.secret, NAVIGATION)).status).toBe(200)
    expect(wish()).toBe('RUNNING')
  })

  test('E7: opens WebSockets from the workspace’s page alone', async () => {
    const { secret } = await house.share({ ports: [3000] })
    const cookie = await enter(secret)
    const origin = house.originOf()
    const socket = `${pageOf()}socket`
    for (const from of [
      'null',
      'https://evil.example',
      origin.replace('https', 'http'),
      `${origin}.evil.example`,
      origin.replace('127.0.0.1', 'desk.local'),
      house.originOf(id, 3000),
      edge.originOf(id),
    ])
      expect(await connect(socket, { cookie, origin: from }), from).toBe(403)
    expect(await connect(socket, { cookie })).toBe(403)
    expect(canary.bytes()).toBe('')
    expect(await connect(socket, { cookie, origin })).toBeInstanceOf(WebSocket)
  })
})

describe('L3: out at once', () => {
  const ENDS: [string, (shareId: string, guestId: string) => void][] = [
    ['who is thrown out', (_, guestId) => house.shares.expel(ALICE, guestId)],
    ['everybody when the share is stopped', (shareId) => house.shares.stop(ALICE, shareId)],
    [
      'everybody when its time has passed',
      () => {
        edge.pass(3_600_000)
        house.shares.sweep()
      },
    ],
    ['everybody when the workspace is deleted', () => edge.workspaces.remove(ALICE, id)],
    ['everybody when all is rotated', () => house.shares.endAll()],
  ]
  test.each(ENDS)('%s: WebSockets, event streams and answers in flight, and nothing new', async (_, end) => {
    // Another share keeps the listener open: what ends does so by itself.
    await house.share({ expires_in_seconds: null })
    const { share, secret } = await house.share()
    const cookie = await enter(secret)
    canary.answer = (__, response) => void response.writeHead(200).write('the beginning')
    const origin = house.originOf()
    const [url, headers] = [pageOf(), { cookie }]
    const guest = house.shares.list(ALICE, id).flatMap(({ guests }) => guests)[0]!
    const sockets = await Promise.all(
      Array.from(
        { length: 20 },
        async () => (await connect(`${url}socket`, { cookie, origin })) as WebSocket,
      ),
    )
    const streams = await Promise.all([
      openRequest(`${url}slow`, { headers }),
      openRequest(`${url}.berth/events`, { headers }),
    ])
    for (const stream of streams) stream.on('error', () => undefined).resume()
    expect(house.shares.list(ALICE, id).flatMap(({ guests }) => guests)[0]!.connections).toBe(22)
    const closed = Promise.all(
      [...sockets, ...streams].map((one) => new Promise((resolve) => one.on('close', resolve))),
    )
    const from = performance.now()
    end(share.id, guest.id)
    await closed
    expect(performance.now() - from).toBeLessThan(1_000)
    expect(house.shares.guestOf(cookie.split('=')[1]!, id, null)).toBeUndefined()
    await until('there is no listener, or it lets nobody in', async () => {
      const status = await connect(`${url}socket`, { cookie, origin }).catch(() => 401)
      return status === 401 && (await ask(url, { headers }).catch(() => ({ status: 401 }))).status === 401
    })
  })

  test('everybody when the one share there is is stopped, with all its listeners', async () => {
    const { share, secret } = await house.share({ ports: [3000] })
    const headers = { cookie: await enter(secret) }
    canary.answer = (_, response) => void response.writeHead(200).write('the beginning')
    const [origin, inside] = [house.originOf(), house.originOf(id, 3000)]
    const door = await ask(`${pageOf()}.berth/port?port=3000&next=/`, {
      headers: { ...headers, ...NAVIGATION },
    })
    const own = { cookie: cookieIn(await ask(door.headers.location!, { headers: NAVIGATION })) }
    const sockets = await Promise.all(
      Array.from({ length: 50 }, (_, n) =>
        n % 2 === 0
          ? connect(`${pageOf()}socket`, { ...headers, origin })
          : connect(`${inside}/hmr`, { ...own, origin: inside }),
      ),
    )
    const streams = await Promise.all([
      openRequest(`${pageOf()}slow`, { headers }),
      openRequest(`${pageOf()}.berth/events`, { headers }),
      openRequest(`${inside}/slow`, { headers: own }),
    ])
    for (const stream of streams) stream.on('error', () => undefined).resume()
    const closed = Promise.all(
      [...(sockets as WebSocket[]), ...streams].map(
        (one) => new Promise((resolve) => one.on('close', resolve)),
      ),
    )
    const from = performance.now()
    house.shares.stop(ALICE, share.id)
    await closed
    for (const one of [origin, inside])
      await until('nobody listens', () =>
        ask(`${one}/`).then(
          () => false,
          (error: unknown) => (error as NodeJS.ErrnoException).code === 'ECONNREFUSED',
        ),
      )
    expect(performance.now() - from).toBeLessThan(1_000)
  })
})

describe('L4: guests and owner', () => {
  test('know each other by nothing', async () => {
    const { secret } = await house.share({ ports: [3000] })
    const cookie = await enter(secret)
    // What names the owner on their own listener names nobody here.
    for (const headers of [edge.cookie(id), edge.bearer, edge.portCookie(id, 3000)])
      expect((await ask(pageOf(), { headers })).status).toBe(401)
    // What names a guest here names nobody there, by the name of theirs or by the owner's.
    const token = cookie.split('=')[1]!
    for (const own of [cookie, `${COOKIE}=${token}`, `${PORT_COOKIE}=${token}`])
      for (const host of [edge.hostOf(id), edge.portHostOf(id, 3000), edge.host]) {
        const path = host === edge.portHostOf(id, 3000) ? '/' : `/w/${id}/`
        expect((await send(edge.url + path, { host, headers: { cookie: own } })).status).toBe(401)
      }
    expect(canary.bytes()).toBe('')
  })

  test('have cookies of other names, and each origin of a host its own', () => {
    const cookies = [null, 3000, 4000].map((port) => guestCookie({ id, port }))
    expect(cookies).toEqual([
      { name: 'berth-guest', path: `/w/${id}/` },
      { name: `berth-guest-${id}-3000`, path: '/' },
      { name: `berth-guest-${id}-4000`, path: '/' },
    ])
    expect(guestCookie({ id: idOf(2), port: 3000 }).name).not.toBe(cookies[1]!.name)
    for (const { name } of cookies) expect([COOKIE, PORT_COOKIE]).not.toContain(name)
  })

  test('E4: a guest’s cookie is nothing to the API', async () => {
    const { secret } = await house.share()
    const token = (await enter(secret)).split('=')[1]!
    for (const { method, path } of edge.routes.filter(({ open }) => !open))
      for (const headers of [
        { cookie: `berth-guest=${token}` },
        { authorization: `Bearer ${token}` },
        { authorization: `Bearer ${secret}` },
      ]) {
        const answer = await send(`${edge.url}/api/v1${path.replace('{id}', id)}`, { method, headers })
        expect(answer.status, `${method} ${path}`).toBe(401)
      }
    // On the listener of a share there is no API at all.
    const there = await ask(`${house.originOf()}/api/v1/workspaces`, { headers: edge.bearer })
    expect(there.status).toBe(404)
  })
})

test('E8: a guest’s rights are the same for pages, their parts, events and WebSockets', async () => {
  const other = edge.running(2, canary.upstream)
  const [open, bellShare, short, stopped, theirs] = [
    await house.share(),
    await house.share({ mode: 'DOORBELL' }),
    await house.share({ expires_in_seconds: 60 }),
    await house.share(),
    await house.share({}, other),
  ]
  const credentials: [string, string, boolean][] = [
    ['nothing', '', false],
    ['a guest', await enter(open.secret), true],
    ['a guest who rings', await enter(bellShare.secret), false],
    ['a guest of a share that has expired', await enter(short.secret), false],
    ['a guest of a share that was stopped', await enter(stopped.secret), false],
    ['a guest of another workspace', await enter(theirs.secret, other), false],
    ['the owner', edge.cookie(id).cookie, false],
    ['a token cut short', (await enter(open.secret)).slice(0, -1), false],
  ]
  house.shares.stop(ALICE, stopped.share.id)
  edge.pass(60_000)
  const origin = house.originOf()
  const events = async (headers: Headers): Promise<number> => {
    const answer = await openRequest(`${pageOf()}.berth/events`, { headers })
    answer.destroy()
    return answer.statusCode ?? 0
  }
  const ways: [string, (headers: Headers) => Promise<number>][] = [
    ['a page', async (headers) => (await ask(pageOf(), { headers: { ...headers, ...NAVIGATION } })).status],
    ['a part', async (headers) => (await ask(`${pageOf()}x.js`, { headers })).status],
    ['a post', async (headers) => (await ask(`${pageOf()}x`, { headers, method: 'POST', body: 'x' })).status],
    ['events', events],
    [
      'a WebSocket',
      async (headers) => {
        const socket = await connect(`${pageOf()}s`, { ...headers, origin })
        return typeof socket === 'number' ? socket : 200
      },
    ],
  ]
  for (const state of ['RUNNING', 'STANDBY'] as const) {
    if (state === 'STANDBY') {
      edge.upstreams.delete(id)
      edge.table.writeObserved(id, { status: 'STANDBY' })
    }
    for (const [who, cookie, allowed] of credentials)
      for (const [way, by] of ways) {
        const asleep = state === 'STANDBY' && !['a page', 'events'].includes(way) ? 503 : 200
        expect(await by({ cookie }), `${who}, ${way}, ${state}`).toBe(allowed ? asleep : 401)
      }
  }
  // A page of another origin has none of that, also one of the same machine.
  const cookie = credentials[1]![1]
  for (const from of ['null', 'https://evil.example', origin.replace('https', 'http'), edge.originOf(id)])
    for (const method of ['POST', 'PUT', 'DELETE'])
      expect((await ask(`${pageOf()}x`, { method, headers: { cookie, origin: from } })).status, from).toBe(
        403,
      )
  expect((await ask(`${pageOf()}x`, { method: 'POST', headers: { cookie, origin } })).status).toBe(503)
  for (const [who, status] of [
    [cookie, 405],
    ['', 401],
  ] as const)
    expect((await ask(`${pageOf()}x`, { method: 'OPTIONS', headers: { cookie: who, origin } })).status).toBe(
      status,
    )
  for (const site of ['same-site', 'cross-site'])
    for (const by of [ways[1]![1], ways[2]![1], ways[3]![1]])
      expect(await by({ cookie, 'sec-fetch-site': site, 'sec-fetch-mode': 'cors' })).toBe(401)
})

describe('a port that is shared', () => {
  test('is entered from the editor, with a cookie of its own that opens nothing else', async () => {
    const { secret, share } = await house.share({ ports: [3000, 4000] })
    const cookie = await enter(secret)
    const inside = house.originOf(id, 3000)
    expect(new URL(inside).host).not.toBe(new URL(house.originOf()).host)
    // Without a cookie: to the editor and back, with a code.
    const first = await ask(`${inside}/a?b=c`, {
      headers: { cookie, ...NAVIGATION, 'sec-fetch-site': 'same-site' },
    })
    expect(first.status).toBe(302)
    expect(first.headers.location).toBe(`${pageOf()}.berth/port?port=3000&next=%2Fa%3Fb%3Dc`)
    const second = await ask(first.headers.location!, { headers: { cookie, ...NAVIGATION } })
    expect(second.headers.location).toMatch(new RegExp(`^${inside}/a\\?b=c&berth-code=[\\w-]{43}$`))
    const third = await ask(second.headers.location!, { headers: NAVIGATION })
    expect(third).toMatchObject({ status: 302, headers: { location: `${inside}/a?b=c` } })
    expect(third.headers['set-cookie']).toEqual([
      expect.stringMatching(
        new RegExp(
          `^berth-guest-${id}-3000=[\\w-]{43}; Path=/; Max-Age=3600; HttpOnly; Secure; SameSite=Lax$`,
        ),
      ),
    ])
    const own = cookieIn(third)
    const token = own.split('=')[1]!
    expect((await ask(`${inside}/a?b=c`, { headers: { cookie: `${cookie}; ${own}` } })).status).toBe(200)
    // Its own pages may post to it, and none of the editor's.
    for (const [from, status] of [
      [house.originOf(), 403],
      [house.originOf(id, 4000), 403],
      [inside, 200],
    ] as const)
      expect(
        (await ask(`${inside}/`, { method: 'POST', headers: { cookie: own, origin: from } })).status,
      ).toBe(status)
    expect(canary.requests[0]!.url).toBe('/proxy/3000/a?b=c')
    expect(canary.bytes()).not.toContain(token)
    // The code was good once, and the cookie is good here alone.
    expect(
      (await ask(second.headers.location!, { headers: NAVIGATION })).headers['set-cookie'],
    ).toBeUndefined()
    expect((await ask(pageOf(), { headers: { cookie: `berth-guest=${token}` } })).status).toBe(401)
    const other = house.originOf(id, 4000)
    expect((await ask(`${other}/`, { headers: { cookie: `berth-guest-${id}-4000=${token}` } })).status).toBe(
      401,
    )
    expect((await ask(`${inside}/`, { headers: { cookie } })).status).toBe(401)
    // L3: it ends when the port is shared no more, and the editor does not.
    const socket = (await connect(`${inside}/hmr`, { cookie: own, origin: inside })) as WebSocket
    const closed = once(socket, 'close')
    house.shares.change(ALICE, share.id, { ports: [4000] })
    await closed
    expect((await ask(pageOf(), { headers: { cookie } })).status).toBe(200)
  })

  test('L1: tells strangers neither of which workspace it is nor where the rest is, and guests what to do', async () => {
    const { secret } = await house.share({ ports: [3000] })
    const inside = house.originOf(id, 3000)
    const headers: Headers[] = [{}, { 'sec-fetch-site': 'none' }, { 'sec-fetch-site': 'cross-site' }]
    for (const site of headers)
      for (const path of ['/', '/a?berth-code=junk', '/a?b'])
        for (const method of ['GET', 'HEAD', 'POST']) {
          const answer = await ask(inside + path, { method, headers: { ...NAVIGATION, ...site } })
          if (path.includes('junk') && method === 'GET') {
            expect(answer.headers.location).toBe(`${inside}/a`)
            continue
          }
          expect(answer.status).toBe(401)
          if (method === 'GET') expect(answer.text).toContain('Open the link that you were given first.')
          const said = JSON.stringify([answer.headers, answer.text])
          for (const word of [id, new URL(house.originOf()).port, 'Notes']) expect(said).not.toContain(word)
        }
    // Who types the address that the editor gives comes in all the same.
    const cookie = await enter(secret)
    const door = await ask(`${pageOf()}proxy/3000/a?b=c`, { headers: { cookie, ...NAVIGATION } })
    expect(door.headers.location).toMatch(new RegExp(`^${inside}/a\\?b=c&berth-code=[\\w-]{43}$`))
    const entry = await ask(door.headers.location!, { headers: NAVIGATION })
    expect(entry).toMatchObject({ status: 302, headers: { location: `${inside}/a?b=c` } })
    expect((await ask(`${inside}/a?b=c`, { headers: { cookie: cookieIn(entry) } })).status).toBe(200)
  })

  test('L4: has cookies of its own, on a host that it shares, and is framed by its editor alone', async () => {
    const { secret } = await house.share({ ports: [3000] })
    const editor = await enter(secret)
    const inside = house.originOf(id, 3000)
    const door = await ask(`${pageOf()}.berth/port?port=3000&next=/`, {
      headers: { cookie: editor, ...NAVIGATION },
    })
    const own = cookieIn(await ask(door.headers.location!, { headers: NAVIGATION }))
    canary.answer = (_, response) => void response.setHeader('Set-Cookie', 'sid=1; Path=/').end()
    const { headers } = await ask(`${inside}/`, { headers: { cookie: own } })
    expect(headers['set-cookie']).toEqual([`${id}-3000-sid=1; Path=/`])
    expect(headers['content-security-policy']).toBe(`frame-ancestors 'self' ${house.originOf()}`)
    // A browser sends to each port of the host what any has set.
    const jar = `${own}; ${editor}; ${cookieIn({ headers })}; ${id}-4000-sid=2; ${idOf(2)}-3000-sid=3; router=4`
    await ask(`${inside}/`, { headers: { cookie: jar } })
    expect(canary.requests.at(-1)!.headers.cookie).toBe('sid=1')
    canary.requests.length = 0
    const framed = await ask(pageOf(), { headers: { cookie: jar } })
    expect(canary.requests.at(-1)!.headers.cookie).toBeUndefined()
    expect(framed.headers['content-security-policy']).toBe("frame-ancestors 'self'")
  })

  test('by another share is not one of a guest who may not', async () => {
    const [plain, ports] = [await house.share(), await house.share({ ports: [3000] })]
    const cookie = await enter(plain.secret)
    const answer = await ask(`${pageOf()}.berth/port?port=3000&next=/`, {
      headers: { cookie, ...NAVIGATION },
    })
    expect(answer).toMatchObject({
      status: 403,
      text: expect.stringContaining('Port 3000 is not shared with you'),
    })
    expect(answer.text).not.toContain('127.0.0.1:')
    const theirs = await enter(ports.secret)
    expect(
      (await ask(`${pageOf()}.berth/port?port=3000&next=/`, { headers: { cookie: theirs, ...NAVIGATION } }))
        .status,
    ).toBe(302)
  })

  test('has no door of its own', async () => {
    const { secret } = await house.share({ ports: [3000] })
    const inside = house.originOf(id, 3000)
    const answer = await ask(`${inside}/.berth/enter`, {
      method: 'POST',
      headers: { ...JSON_TYPE, origin: inside },
      body: JSON.stringify({ link: secret, name: 'Kim' }),
    })
    expect(answer.status).toBe(401)
    expect(house.shares.list(ALICE, id)[0]!.guests).toEqual([])
  })
})

describe('L5: the certificate', () => {
  test('of the authority is there for everybody, over TLS and in the clear', async () => {
    await house.share()
    const url = `${pageOf()}.berth/ca.crt`
    for (const one of [url, url.replace('https', 'http')]) {
      const answer = await ask(one)
      expect(answer).toMatchObject({
        status: 200,
        text: house.certificate,
        headers: {
          'content-type': 'application/x-x509-ca-cert',
          'content-disposition': 'attachment; filename="berth-ca.crt"',
        },
      })
    }
  })

  test('is explained in the clear, and nothing else is served so', async () => {
    const { secret } = await house.share({ ports: [3000] })
    const cookie = await enter(secret)
    const url = `${pageOf()}a?b="><script>`.replace('https', 'http')
    const page = await ask(url.replace('"><script>', '%22%3E%3Cscript%3E'), { headers: NAVIGATION })
    expect(page.status).toBe(200)
    expect(page.text).toContain(house.fingerprint)
    expect(page.text).toContain(`href="/w/${id}/.berth/ca.crt"`)
    expect(page.text).toContain(`href="${pageOf()}a?b=%22%3E%3Cscript%3E"`)
    expect(page.text).not.toContain('Notes')
    const inside = house.originOf(id, 3000)
    const port = await ask(`${inside.replace('https', 'http')}/x`, { headers: NAVIGATION })
    expect(port).toMatchObject({ status: 200, text: expect.stringContaining(`href="${inside}/x"`) })
    const clear = pageOf().replace('https', 'http')
    const tries: [string, Ask][] = [
      [clear, { headers: { cookie } }],
      [`${clear}.berth/doorbell`, { headers: { cookie } }],
      [`${clear}.berth/events`, { headers: { cookie } }],
      [
        `${clear}.berth/enter`,
        {
          method: 'POST',
          headers: { ...JSON_TYPE, origin: house.originOf() },
          body: JSON.stringify({ link: secret, name: 'x' }),
        },
      ],
    ]
    for (const [where, how] of tries) {
      const answer = await ask(where, how)
      expect(answer.status).toBe(403)
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
    expect(canary.bytes()).toBe('')
    expect(house.shares.list(ALICE, id)[0]!.guests).toHaveLength(1)
  })
})
