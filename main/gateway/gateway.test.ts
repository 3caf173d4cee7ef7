import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer, request as httpRequest, type IncomingMessage } from 'node:http'
import { Socket, type AddressInfo } from 'node:net'
import { createInterface } from 'node:readline'
import { PassThrough, Readable } from 'node:stream'
import { buffer, text } from 'node:stream/consumers'
import v8 from 'node:v8'
import { runInNewContext } from 'node:vm'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import WebSocket from 'ws'
import type { ErrorInfo } from '../core/api.ts'
import type { Upstream } from '../core/upstream.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { SECRET, startCanary, startRawCanary, type Canary } from '../testing/canary.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { connectTo, rawRequest, sendRaw, sendRawForHead } from '../testing/raw.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { connect, openStream, send, type Answer, type Ask } from '../testing/send.ts'
import { until } from '../testing/until.ts'
import type { Front, Visit } from './front.ts'
import { ACTIONS, type Action } from './gate.ts'
import { COOKIE, PORT_COOKIE } from './headers.ts'

let edge: Edge
let canary: Canary
/** A running workspace of Alice's; the canary is its code-server. */
let id: string
const UNKNOWN = idOf(99)

beforeEach(async () => {
  edge = await startEdge()
  canary = await startCanary()
  id = edge.running(1, canary.upstream)
})

/** On the workspace's own origin, with its cookie, as a browser's page asks. */
const visit = (path: string, ask: Ask = {}, of = id): Promise<Answer> =>
  send(`${edge.url}/w/${of}${path}`, {
    host: edge.hostOf(of),
    ...ask,
    headers: { ...edge.cookie(of), ...ask.headers },
  })
const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml;q=0.9',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}
const navigate = (path: string, of = id, headers: Record<string, string> = {}): Promise<Answer> =>
  visit(path, { headers: { ...NAVIGATION, ...headers } }, of)
/** A WebSocket as a page of the workspace opens one. */
const open = (of = id, options: { headers?: Record<string, string>; origin?: string | null } = {}) =>
  connect(`${edge.url}/w/${of}/socket`, {
    host: edge.hostOf(of),
    headers: options.headers ?? edge.cookie(of),
    ...(options.origin !== null && { origin: options.origin ?? edge.originOf(of) }),
  })
const row = (of = id): WorkspaceRow => edge.table.get(of)!

describe('a request to a running workspace', () => {
  test('reaches it without the prefix, and its answer comes back', async () => {
    canary.answer = (request, response) => {
      response.writeHead(418, { 'X-Theirs': 'yes' })
      request.pipe(response)
    }
    const answer = await visit('/a/b%20c?d=e&f', { method: 'PUT', body: 'what was sent' })
    expect(answer).toMatchObject({ status: 418, text: 'what was sent' })
    expect(answer.headers['x-theirs']).toBe('yes')
    expect(canary.requests[0]).toMatchObject({ method: 'PUT', url: '/a/b%20c?d=e&f' })
  })

  test.each(['socket', 'port'] as const)('goes by %s, and is forwarded as what it is', async (kind) => {
    const other = await startCanary(kind)
    edge.upstreams.set(id, other.upstream)
    await visit('/', { headers: { 'x-forwarded-host': 'evil.com', forwarded: 'host=evil.com' } })
    expect(other.requests[0]!.headers).toMatchObject({
      host: edge.hostOf(id),
      'x-forwarded-host': edge.hostOf(id),
      'x-forwarded-for': '127.0.0.1',
      'x-forwarded-proto': 'http',
      'x-forwarded-prefix': `/w/${id}`,
    })
    expect(other.bytes()).not.toContain('evil.com')
    expect(canary.requests).toEqual([])
  })

  test('to a published port is opened by the gateway’s secret, which nobody outside sees', async () => {
    const published = await startCanary('port')
    edge.upstreams.set(id, published.upstream)
    const answer = await visit('/', { headers: { cookie: `${edge.cookie(id).cookie}; mine=1` } })
    expect(published.requests[0]!.headers.cookie).toBe(`mine=1; ${SECRET}`)
    expect(JSON.stringify(answer)).not.toContain(SECRET)
  })

  test('is streamed down: what was written is read before the end is there', async () => {
    const rest = new PassThrough()
    canary.answer = (_, response) => {
      response.write('first')
      rest.pipe(response)
    }
    const stream = await openStream(`${edge.url}/w/${id}/`, { headers: edge.bearer })
    const [first] = (await once(stream, 'data')) as [Buffer]
    expect(first.toString()).toBe('first')
    rest.end('last')
    expect((await buffer(stream)).toString()).toBe('last')
  })

  test('has its head answered before there is any body', async () => {
    const rest = new PassThrough()
    canary.answer = (_, response) => {
      response.writeHead(200).flushHeaders()
      rest.pipe(response)
    }
    const stream = await openStream(`${edge.url}/w/${id}/`, { headers: edge.bearer })
    expect(stream.statusCode).toBe(200)
    rest.end('x')
    expect(await text(stream)).toBe('x')
  })

  test('is streamed up: what was sent is answered before the rest is sent', async () => {
    const body = new PassThrough()
    const answering = openStream(`${edge.url}/w/${id}/`, { method: 'POST', headers: edge.bearer, body })
    body.write('first')
    const stream = await answering
    const [first] = (await once(stream, 'data')) as [Buffer]
    expect(first.toString()).toBe('first')
    body.end('last')
    expect((await buffer(stream)).toString()).toBe('last')
  })

  test('may be large, in both directions', async () => {
    const sent = randomBytes(24 * 2 ** 20)
    const body = Readable.from([sent.subarray(0, 5_000_000), sent.subarray(5_000_000)])
    const answer = await visit('/', { method: 'POST', body })
    const hash = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')
    expect(answer.body.length).toBe(sent.length)
    expect(hash(answer.body)).toBe(hash(sent))
  }, 30_000)

  test('with a slow reader does not make the gateway hold what it does not read', async () => {
    let written = 0
    canary.answer = (_, response) => {
      const chunk = Buffer.alloc(64 * 1024)
      const more = (): void => {
        while (written < 64 * 2 ** 20 && !response.destroyed) {
          written += chunk.length
          if (!response.write(chunk)) return void response.once('drain', more)
        }
      }
      more()
    }
    const stream = await openStream(`${edge.url}/w/${id}/`, { headers: edge.bearer })
    await once(stream, 'readable')
    let before = -1
    await until('writing has come to rest', () => written === before || (before = written) < 0)
    expect(written).toBeLessThan(32 * 2 ** 20)
    stream.destroy()
    await until('upstream is let go', () => canary.sockets.size === 0)
  })

  test.each<[method: string, status: number]>([
    ['HEAD', 200],
    ['GET', 204],
    ['GET', 304],
    ['DELETE', 200],
  ])('%s answered with %i has the answer’s head and no more', async (method, status) => {
    canary.answer = (_, response) => response.writeHead(status, { 'X-Theirs': '1' }).end()
    const answer = await visit('/', { method })
    expect(answer).toMatchObject({ status, text: '' })
    expect(answer.headers['x-theirs']).toBe('1')
    expect(canary.requests[0]!.method).toBe(method)
  })

  test('P1: never shows upstream a credential, also with Expect: 100-continue', async () => {
    const credentials = `Authorization: Bearer ${TOKEN}\r\nCookie: mine=1; ${edge.cookie(id).cookie}; other=2`
    const request = (extra: string, body = ''): string =>
      `POST /w/${id}/ HTTP/1.1\r\nHost: ${edge.hostOf(id)}\r\n${credentials}\r\n${extra}Connection: close\r\n\r\n${body}`
    const plain = await sendRaw(edge.port, request('Content-Length: 4\r\n', 'body'))
    const expecting = await sendRaw(
      edge.port,
      request('Expect: 100-continue\r\nContent-Length: 4\r\n', 'body'),
    )
    expect(plain.status).toBe(200)
    expect(expecting.status, 'the interim answer').toBe(100)
    expect(canary.requests).toHaveLength(2)
    for (const secret of [TOKEN, COOKIE, 'Bearer', 'Expect'])
      expect(canary.bytes(), secret).not.toContain(secret)
    for (const request of canary.requests) expect(request.headers.cookie).toBe('mine=1; other=2')
  })

  test('P2: is rid of what is for one hop only', async () => {
    const sent = {
      'X-In': 'in',
      'Keep-Alive': 'timeout=9',
      'Proxy-Authorization': 'Basic eDp5',
      'Proxy-Authenticate': 'Basic',
      'Proxy-Connection': 'keep-alive',
      TE: 'trailers',
      Trailer: 'X-Late',
      Upgrade: 'h2c',
    }
    const fields = Object.entries(sent).map(([name, value]) => `${name}: ${value}`)
    const { status } = await sendRaw(
      edge.port,
      [
        `GET /w/${id}/ HTTP/1.1`,
        `Host: ${edge.hostOf(id)}`,
        `Cookie: ${edge.cookie(id).cookie}`,
        'Connection: close, X-In',
        ...fields,
        'X-Stays: stays',
        '',
        '',
      ].join('\r\n'),
    )
    expect(status).toBe(200)
    const [{ headers }] = canary.requests as [IncomingMessage]
    expect(headers).toMatchObject({ 'x-stays': 'stays', connection: 'close' })
    for (const name of Object.keys(sent)) {
      expect(headers).not.toHaveProperty(name.toLowerCase())
      expect(canary.bytes(), name).not.toMatch(new RegExp(`^${name}:`, 'im'))
    }
  })

  test('P4: cannot have cookies set beyond the workspace, nor ours', async () => {
    canary.answer = (_, response) => {
      response.setHeader('Set-Cookie', ['a=1; Domain=localhost; Path=/', `${COOKIE}=stolen`, 'b=2'])
      response.setHeader('Clear-Site-Data', '"*"')
      response.end()
    }
    const { headers } = await visit('/')
    expect(headers['set-cookie']).toEqual([`a=1; Path=/w/${id}/`, `b=2; Path=/w/${id}/`])
    expect(headers).not.toHaveProperty('clear-site-data')
  })

  test('P4: says thirty hostile things in its headers, and none of them reaches beyond the workspace', async () => {
    // prettier-ignore
    const cookies = [
      `${COOKIE}=x`, `${COOKIE}=x; Path=/w/${id}/`, ` ${COOKIE}=x`, `\t${COOKIE}=x`, `=${COOKIE}=x`, 'BERTH-WORKSPACE=x', 'berth-port=x', 'berth-guest=x', 'berth-',
      '__Host-berth-x=x; Secure; Path=/', '__Secure-berth-x=x; Secure', '__Http-berth-x=x', '__Host-Http-berth-x=x; Secure; Path=/',
      'a=1; Domain=localhost', 'b=1; Path=/', 'c=1; Path=/api/v1', `d=1; Path=/w/${UNKNOWN}/`, 'e=1; PATH=/; DOMAIN=127.0.0.1', 'f=1;Path =/;Domain\t=localhost', 'g=1; Path; Domain',
    ]
    // prettier-ignore
    const others: [string, string][] = [
      ['Clear-Site-Data', '"*"'], ['Service-Worker-Allowed', '/'], ['Alt-Svc', 'h2="evil.com:443"'], ['Connection', 'X-Listed, close'], ['X-Listed', '1'],
      ['Keep-Alive', 'timeout=999'], ['Proxy-Authenticate', 'Basic'], ['Proxy-Connection', 'keep-alive'], ['TE', 'trailers'], ['Upgrade', 'h2c'],
    ]
    const all = [...cookies.map((cookie) => ['Set-Cookie', cookie]), ...others]
    expect(all).toHaveLength(30)
    const head = all.map(([name, value]) => `${name}: ${value}\r\n`).join('')
    edge.upstreams.set(id, await startRawCanary(`HTTP/1.1 200 OK\r\n${head}Content-Length: 2\r\n\r\nhi`))
    const { status, headers, text } = await visit('/')
    expect([status, text]).toEqual([200, 'hi'])
    const set = headers['set-cookie'] ?? []
    expect(set.map((cookie) => cookie.split('=')[0])).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'g'])
    for (const cookie of set) expect(cookie).toMatch(new RegExp(`^\\w=1; Path=/w/${id}/$`))
    expect(headers['content-security-policy'], 'ours').toBe("frame-ancestors 'self'")
    delete headers['content-security-policy']
    expect(Object.keys(headers).sort()).toEqual(['connection', 'content-length', 'date', 'set-cookie'])
    expect(headers.connection, 'ours').not.toContain('X-Listed')
  })

  test('P12: is kept on the workspace by its redirects', async () => {
    canary.answer = (_, response) => response.writeHead(307, { Location: '../../../api/v1/session' }).end()
    expect((await visit('/a/b')).headers.location).toBe(`/w/${id}/api/v1/session`)
  })

  test('is activity from the answer’s beginning to its end when it succeeds, and never when it fails', async () => {
    edge.pass(60_000)
    const { lastAccessAt } = row()
    for (const status of [400, 404, 500]) {
      canary.answer = (_, response) => response.writeHead(status).end()
      await visit('/')
    }
    edge.upstreams.set(id, { socketPath: '/nowhere/s' })
    await visit('/')
    await navigate('/')
    edge.upstreams.set(id, canary.upstream)
    await visit('/.berth/start', { method: 'POST', headers: { origin: edge.originOf(id) } })
    const events = await openStream(`${edge.url}/w/${id}/.berth/events`, { headers: edge.bearer })
    events.destroy()
    expect(edge.begun, 'nothing of this is').toEqual([])
    expect(row().lastAccessAt).toBe(lastAccessAt)

    const rest = new PassThrough()
    canary.answer = (_, response) => {
      response.writeHead(200).flushHeaders()
      rest.pipe(response)
    }
    const stream = await openStream(`${edge.url}/w/${id}/`, { headers: edge.bearer })
    expect(edge.begun).toEqual([{ id, kind: 'request', ended: false }])
    rest.end()
    stream.resume()
    await until('it has ended', () => edge.begun[0]!.ended)
    expect(row().lastAccessAt).toBe(edge.now())
  })

  test('is activity for as long as its answer goes on, and no longer than its client stays', async () => {
    canary.answer = (_, response) => response.write('first')
    const stream = await openStream(`${edge.url}/w/${id}/`, { headers: edge.bearer })
    await once(stream, 'data')
    expect(edge.begun).toEqual([{ id, kind: 'request', ended: false }])
    stream.destroy()
    await until('it has ended', () => edge.begun[0]!.ended)
  })

  test('is answered also when its access cannot be written down', async () => {
    edge.pass(60_000)
    canary.answer = (_, response) => response.writeHead(200).end('here')
    const headers = edge.cookie(id)
    edge.db.pragma('query_only = ON') // as good as a full disk
    const answer = await send(`${edge.url}/w/${id}/`, { host: edge.hostOf(id), headers })
    expect(answer.text).toBe('here')
    expect(edge.log.errors.length).toBeGreaterThan(0)
  })

  test('is let go upstream when the client goes away', async () => {
    canary.answer = (_, response) => response.write('first')
    const stream = await openStream(`${edge.url}/w/${id}/`, { headers: edge.bearer })
    await once(stream, 'data')
    stream.destroy()
    await until('upstream is let go', () => canary.sockets.size === 0)
  })

  test('is cut off, and does not look complete, when upstream breaks off', async () => {
    canary.answer = (_, response) => {
      response.write('first', () => response.socket!.destroy())
    }
    const stream = await openStream(`${edge.url}/w/${id}/`, { headers: edge.bearer })
    await expect(buffer(stream)).rejects.toThrow(/aborted/)
  })
})

describe('an upstream that misbehaves', () => {
  const HOSTILE = {
    'nothing at all': '',
    'no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n',
    'half a head': 'HTTP/1.1 200 OK\r\nContent-Ty',
    'a status of 0': 'HTTP/1.1 000 No\r\nContent-Length: 0\r\n\r\n',
    'a status of 99': 'HTTP/1.1 099 No\r\nContent-Length: 0\r\n\r\n',
    'a switch of protocols that nobody asked for':
      'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    'a header with a line break in it':
      'HTTP/1.1 200 OK\r\nX-A: a\rSet-Cookie: b\r\nContent-Length: 0\r\n\r\n',
    'two lengths': 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 5\r\n\r\n',
    'a head without end': `HTTP/1.1 200 OK\r\nX-A: ${'a'.repeat(100_000)}\r\n\r\n`,
  }

  test.each(Object.entries(HOSTILE))(
    'saying %s gets its client a 502, and Berth lives on',
    async (what, said) => {
      edge.upstreams.set(id, await startRawCanary(said))
      expect(await visit('/')).toMatchObject({ status: 502 })
      if (!what.startsWith('a status')) expect(edge.enqueued, 'it is looked after').toContain(id)
      edge.upstreams.set(id, canary.upstream)
      expect(await visit('/')).toMatchObject({ status: 200 })
    },
  )

  test.each(Object.entries(HOSTILE))(
    'saying %s to a WebSocket closes it, and Berth lives on',
    async (what, said) => {
      edge.upstreams.set(id, await startRawCanary(said))
      const { status } = await sendRaw(edge.port, rawUpgrade())
      expect(status).toBe(what.startsWith('a switch') ? 101 : 502)
      edge.upstreams.set(id, canary.upstream)
      expect(await visit('/')).toMatchObject({ status: 200 })
    },
  )

  test('that is not there is looked after, and a person sees a page that waits', async () => {
    edge.upstreams.set(id, { socketPath: '/nowhere/s' })
    const page = await navigate('/')
    expect(page).toMatchObject({
      status: 200,
      text: expect.stringContaining('data-shows="running"') as string,
    })
    const other = await visit('/')
    expect(JSON.parse(other.text)).toMatchObject({ code: 'UPSTREAM_FAILED', status: 502 })
    expect(edge.enqueued).toEqual([id, id])
    expect(await open()).toBe(502)
  })
})

describe('a WebSocket', () => {
  const echo = async (socket: WebSocket, message: string | Buffer): Promise<[Buffer, boolean]> => {
    socket.send(message)
    return (await once(socket, 'message')) as [Buffer, boolean]
  }
  async function opened(of = id): Promise<WebSocket> {
    const socket = await open(of)
    if (typeof socket === 'number') throw new Error(`refused with ${socket}`)
    onTestFinished(() => socket.terminate())
    return socket
  }

  test('goes both ways, text and binary, small and large, many at a time', async () => {
    const socket = await opened()
    expect((await echo(socket, 'hello'))[0].toString()).toBe('hello')
    const large = randomBytes(5 * 2 ** 20)
    const [back, isBinary] = await echo(socket, large)
    expect(isBinary).toBe(true)
    expect(back.equals(large)).toBe(true)
    const numbers: number[] = []
    socket.on('message', (data: Buffer) => numbers.push(Number(data.toString())))
    for (let n = 0; n < 500; n++) socket.send(String(n))
    await until('all came back', () => numbers.length === 500)
    expect(numbers).toEqual(Array.from({ length: 500 }, (_, n) => n))
  })

  test('reaches upstream without prefix or credentials', async () => {
    await opened()
    expect(canary.requests[0]).toMatchObject({ method: 'GET', url: '/socket' })
    for (const secret of [TOKEN, COOKIE]) expect(canary.bytes()).not.toContain(secret)
  })

  test('loses nothing of what is sent right behind its handshake', async () => {
    const raw = await connectTo(edge.port)
    onTestFinished(() => void raw.destroy())
    const frame = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]) // "hi", masked with zeros
    raw.write(`${rawUpgrade()}${frame.toString('latin1')}`, 'latin1')
    let said = ''
    raw.on('data', (chunk) => (said += chunk.toString('latin1')))
    await until('the echo', () => said.endsWith('\x81\x02hi'))
    expect(said).toMatch(/^HTTP\/1\.1 101 /)
  })

  test('is closed on one side when the other closes', async () => {
    const socket = await opened()
    canary.webSockets.clients.forEach((client) => client.close(4_001, 'bye'))
    const [code, reason] = (await once(socket, 'close')) as [number, Buffer]
    expect([code, reason.toString()]).toEqual([4_001, 'bye'])

    const other = await opened()
    other.terminate()
    await until('upstream is let go', () => canary.sockets.size === 0)
  })

  test('is activity from when it is open until it is closed, and its end counts as an access', async () => {
    const socket = await opened()
    expect(edge.begun).toEqual([{ id, kind: 'socket', ended: false }])
    edge.pass(60_000)
    socket.close()
    await until('it is counted', () => row().lastAccessAt === edge.now())
    expect(edge.begun).toEqual([{ id, kind: 'socket', ended: true }])
  })

  test('that upstream refuses or cannot be asked for is no activity', async () => {
    for (const upstream of [await startRawCanary('HTTP/1.1 403 No\r\n\r\n'), { socketPath: '/nowhere/s' }]) {
      edge.upstreams.set(id, upstream)
      expect(typeof (await open())).toBe('number')
    }
    expect(edge.begun).toEqual([])
  })

  test('that ends harms nothing when that cannot be written down', async () => {
    const socket = await opened()
    edge.pass(60_000)
    edge.db.pragma('query_only = ON')
    socket.close()
    await until('it is told', () => edge.log.errors.length > 0)
  })

  test('of a workspace that is stopped is closed, those of others are not', async () => {
    const other = edge.running(2, (await startCanary()).upstream)
    const [mine, theirs] = [await opened(), await opened(other)]
    edge.gateway.disconnect(id)
    await once(mine, 'close')
    expect((await echo(theirs, 'still here'))[0].toString()).toBe('still here')
    await until('upstream is let go', () => canary.sockets.size === 0)
  })

  test.each([200, 302, 401, 404, 500])(
    'that upstream answers with %i is refused with that',
    async (status) => {
      edge.upstreams.set(
        id,
        await startRawCanary(
          `HTTP/1.1 ${status} Whatever\r\nSet-Cookie: ${COOKIE}=x\r\nContent-Length: 2\r\n\r\nno`,
        ),
      )
      const answer = await sendRaw(edge.port, rawUpgrade())
      expect(answer).toMatchObject({ status, body: '' })
      expect(answer.header('set-cookie')).toBeUndefined()
    },
  )

  test('is the only thing that can be upgraded to', async () => {
    for (const [line, upgrade] of [
      [`GET /w/${id}/`, 'h2c'],
      [`GET /w/${id}/`, 'websocket, h2c'],
      [`POST /w/${id}/`, 'websocket'],
    ] as const) {
      const headers = [`Host: ${edge.host}`, `Authorization: Bearer ${TOKEN}`, `Upgrade: ${upgrade}`]
      const answer = await sendRaw(
        edge.port,
        [`${line} HTTP/1.1`, ...headers, 'Connection: Upgrade', '', ''].join('\r\n'),
      )
      expect(answer.status, `${line} ${upgrade}`).toBe(400)
    }
    expect(canary.bytes()).toBe('')
  })

  test.each([
    ['STANDBY', { status: 'STANDBY', desiredState: 'STANDBY' }],
    ['STARTING', { status: 'STANDBY', operation: 'STARTING' }],
    ['STOPPING', { status: 'RUNNING', operation: 'STOPPING', desiredState: 'STANDBY' }],
    ['ERROR', { status: 'ERROR' }],
  ] as const)('to one that is in %s is refused and wakes nobody', async (_, change) => {
    const other = edge.add(7, change, canary.upstream)
    expect(await open(other)).toBe(503)
    expect(row(other)).toMatchObject({ wish: 1 })
    expect(canary.bytes()).toBe('')
  })
})

/** A WebSocket handshake by hand, as a page of the workspace makes it. */
function rawUpgrade(headers: readonly string[] = [], { of = id, origin = true, cookie = true } = {}): string {
  return [
    `GET /w/${of}/socket HTTP/1.1`,
    `Host: ${edge.hostOf(of)}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==',
    ...(origin ? [`Origin: ${edge.originOf(of)}`] : []),
    ...(cookie ? [`Cookie: ${edge.cookie(of).cookie}`] : []),
    ...headers,
    '',
    '',
  ].join('\r\n')
}

describe('E7: the origin of a WebSocket', () => {
  test('that is exactly the workspace’s opens it', async () => {
    const socket = await open()
    expect(socket).toBeInstanceOf(WebSocket)
    ;(socket as WebSocket).terminate()
  })

  test('any other is refused, and upstream hears nothing of it', async () => {
    const own = edge.originOf(id)
    const other = edge.originOf(idOf(2))
    // prettier-ignore
    const origins = [
      'null', '', 'http://evil.com', `${own}.evil.com`, `http://evil.com/${own}`, `${own}/`, `${own}#`, `${own},${own}`, `${own}, ${own}`,
      own.toUpperCase(), own.replace('http:', 'https:'), own.replace(String(edge.port), String(edge.port + 1)), own.replace(/:\d+$/, ''),
      other, `http://127.0.0.1:${edge.port}`, `http://localhost:${edge.port}`, `http://x.${edge.hostOf(id)}`, `http://user@${edge.hostOf(id)}`,
      `http://${edge.hostOf(id)}.`, `http://${id}.localhost.:${edge.port}`, 'file://', 'vscode-webview://x', 'http://[::1]',
    ]
    for (const origin of origins) {
      const answer = await sendRaw(edge.port, rawUpgrade([`Origin: ${origin}`], { origin: false }))
      expect(answer.status, JSON.stringify(origin)).toBe(403)
    }
    expect(canary.bytes()).toBe('')
  })

  test('that comes twice is refused, also when one or both are right', async () => {
    for (const second of [edge.originOf(id), 'http://evil.com', 'null']) {
      const answer = await sendRaw(edge.port, rawUpgrade([`Origin: ${second}`]))
      expect(answer.status, second).toBe(403)
    }
    expect(canary.bytes()).toBe('')
  })

  test('may be missing for a program with a token, and for nobody with a cookie', async () => {
    const withCookie = await sendRaw(edge.port, rawUpgrade([], { origin: false }))
    expect(withCookie.status).toBe(403)
    const socket = await open(id, { headers: edge.bearer, origin: null })
    expect(socket).toBeInstanceOf(WebSocket)
    ;(socket as WebSocket).terminate()
  })

  test('of the dashboard opens nothing on the plain address, as no browser sends a token there', async () => {
    const plain = { headers: { ...edge.cookie(id) }, origin: edge.url }
    expect(await connect(`${edge.url}/w/${id}/socket`, plain)).toBe(401)
    expect(canary.bytes()).toBe('')
  })
})

describe('E8: who may enter', () => {
  const A = 1
  const workspaceToken = (of: string, userId = ALICE.id): string => edge.sessionOf(userId, of)
  const cookie = (value: string) => ({ cookie: `${COOKIE}=${value}` })
  const bearer = (value: string) => ({ authorization: `Bearer ${value}` })

  /** What each credential is worth at a workspace of Alice's: on its own origin, and on the plain one. */
  const CREDENTIALS: [name: string, own: number, plain: number, headers: () => Record<string, string>][] = [
    ['nothing', 401, 401, () => ({})],
    ['the token', 200, 200, () => bearer(TOKEN)],
    ['the token, cut short', 401, 401, () => bearer(TOKEN.slice(0, -1))],
    ['the token as another scheme', 401, 401, () => ({ authorization: `Basic ${TOKEN}` })],
    ['the token as the cookie', 401, 401, () => cookie(TOKEN)],
    ['a session of the owner', 200, 200, () => bearer(edge.sessionOf(ALICE.id, null))],
    ['a session of the owner as the cookie', 401, 401, () => cookie(edge.sessionOf(ALICE.id, null))],
    ['a session of somebody else', 403, 403, () => bearer(edge.sessionOf(BOB.id, null))],
    ['its cookie', 200, 401, () => cookie(workspaceToken(idOf(A)))],
    ['its cookie, cut short', 401, 401, () => cookie(workspaceToken(idOf(A)).slice(0, -1))],
    ['its cookie, which somebody else got', 403, 401, () => cookie(workspaceToken(idOf(A), BOB.id))],
    ['its cookie as a bearer token', 401, 401, () => bearer(workspaceToken(idOf(A)))],
    ['the cookie of another workspace', 401, 401, () => cookie(workspaceToken(idOf(2)))],
    [
      'its cookie, expired',
      401,
      401,
      () => {
        const old = workspaceToken(idOf(A))
        edge.pass(31 * 86_400_000)
        return cookie(old)
      },
    ],
    [
      'its cookie, used by another site',
      401,
      401,
      () => ({ ...cookie(workspaceToken(idOf(A))), 'sec-fetch-site': 'cross-site' }),
    ],
    [
      'its cookie, used by another workspace',
      401,
      401,
      () => ({ ...cookie(workspaceToken(idOf(A))), 'sec-fetch-site': 'same-site' }),
    ],
  ]

  test.each(CREDENTIALS)(
    '%s is worth %i on its own origin and %i on the plain one, by every way in',
    async (_, own, plain, credential) => {
      const ways = async (host: string, origin: string, expected: number): Promise<void> => {
        const headers = credential()
        const target = `${edge.url}/w/${id}`
        for (const method of ['GET', 'POST', 'HEAD', 'PROPFIND'])
          expect((await send(`${target}/x`, { host, method, headers })).status, method).toBe(expected)
        const preflight = await send(`${target}/x`, { host, method: 'OPTIONS', headers })
        expect(preflight.status, 'OPTIONS').toBe(expected === 200 ? 405 : expected)
        const events = await openStream(`${target}/.berth/events`, { host, headers })
        events.destroy()
        expect(events.statusCode, 'events').toBe(expected)
        const socket = await connect(`${target}/socket`, { host, headers, origin })
        if (typeof socket !== 'number') socket.terminate()
        expect(typeof socket === 'number' ? socket : 200, 'WebSocket').toBe(expected)
        if (expected !== 200) expect(canary.bytes()).toBe('')
      }
      await ways(edge.hostOf(id), edge.originOf(id), own)
      if (own === plain || own !== 200) await ways(edge.host, edge.url, plain)
    },
  )

  test('the cookie is worth nothing on the plain address', async () => {
    expect((await send(`${edge.url}/w/${id}/`, { headers: edge.cookie(id) })).status).toBe(401)
  })

  test('a cookie of the same name that somebody else has set keeps nobody out', async () => {
    const { cookie } = edge.cookie(id)
    for (const [cookies, status] of [
      [`${COOKIE}=junk; ${cookie}`, 200],
      [`${COOKIE}=; ${COOKIE}=junk; ${COOKIE}=${TOKEN}; ${COOKIE}=; ${cookie}`, 200],
      [Array.from({ length: 5 }, () => `${COOKIE}=junk`).join('; '), 401],
    ] as const)
      expect((await visit('/', { headers: { cookie: cookies } })).status, cookies).toBe(status)
    expect(canary.bytes()).not.toContain('junk')
    // It is the good one that is renewed.
    edge.pass(24 * 3_600_000 + 1)
    const answer = await visit('/', {
      headers: { ...NAVIGATION, cookie: `${COOKIE}=junk; ${cookie}` },
    })
    expect(answer).toMatchObject({ status: 302, headers: { 'set-cookie': [expect.any(String)] } })
  })

  test('a visit from another site is a visit, with the cookie', async () => {
    const answer = await navigate('/', id, { 'sec-fetch-site': 'cross-site' })
    expect(answer.status).toBe(200)
    expect(canary.requests).toHaveLength(1)
  })

  test('a workspace that does not exist, and one that was deleted, are not found', async () => {
    const deleted = edge.add(5, { status: 'DELETED', deletedAt: 1 })
    for (const of of [UNKNOWN, deleted]) {
      expect((await visit('/', { headers: edge.bearer }, of)).status).toBe(404)
      expect((await navigate('/', of, edge.bearer)).status).toBe(404)
      expect(await open(of, { headers: edge.bearer })).toBe(404)
    }
  })
})

test('E6: OPTIONS reaches no workspace without a credential, and no editor at all', async () => {
  const preflight = { origin: 'http://evil.com', 'access-control-request-method': 'POST' }
  const editor = { url: `${edge.url}/w/${id}/x`, host: edge.hostOf(id) }
  const port = { url: `${edge.url}/x`, host: edge.portHostOf(id, 3000) }
  const options = async ({ url, host }: typeof editor, headers = {}): Promise<number> =>
    (await send(url, { host, method: 'OPTIONS', headers: { ...preflight, ...headers } })).status
  for (const place of [editor, { ...editor, host: edge.host }, port])
    for (const headers of [
      {},
      { authorization: 'Bearer wrong' },
      { cookie: `${COOKIE}=x; ${PORT_COOKIE}=x` },
    ])
      expect(await options(place, headers), place.host).toBe(401)
  for (const headers of [edge.cookie(id), edge.bearer]) expect(await options(editor, headers)).toBe(405)
  expect(canary.bytes()).toBe('')
  // A server on a port may have a use for it.
  expect(await options(port, edge.portCookie(id, 3000))).toBe(200)
})

describe('E8: a request that changes something', () => {
  const CHANGES = ['POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND']
  const PLACES: [
    string,
    () => { url: string; host: string; origin: string; headers: Record<string, string> },
  ][] = [
    [
      'editor',
      () => ({
        url: `${edge.url}/w/${id}/x`,
        host: edge.hostOf(id),
        origin: edge.originOf(id),
        headers: edge.cookie(id),
      }),
    ],
    [
      'plain address',
      () => ({ url: `${edge.url}/w/${id}/x`, host: edge.host, origin: edge.url, headers: edge.bearer }),
    ],
    [
      'port',
      () => ({
        url: `${edge.url}/x`,
        host: edge.portHostOf(id, 3000),
        origin: edge.portOriginOf(id, 3000),
        headers: edge.portCookie(id, 3000),
      }),
    ],
    [
      'port, for a program',
      () => ({
        url: `${edge.url}/x`,
        host: edge.portHostOf(id, 3000),
        origin: edge.portOriginOf(id, 3000),
        headers: edge.bearer,
      }),
    ],
  ]

  test.each(PLACES)('of the %s comes from its own pages, or from no page', async (_, make) => {
    const { url, host, origin, headers } = make()
    const ask = (method: string, from?: string): Promise<Answer> =>
      send(url, { host, method, headers: { ...headers, ...(from !== undefined && { origin: from }) } })
    const strangers = [
      'null',
      '',
      'http://evil.com',
      `${origin}.evil.com`,
      `${origin}/`,
      origin.replace('http', 'https'),
      origin.toUpperCase(),
      ...[
        edge.url,
        edge.originOf(id),
        edge.originOf(idOf(2)),
        edge.portOriginOf(id, 3000),
        edge.portOriginOf(id, 3001),
      ].filter((one) => one !== origin),
    ]
    for (const method of CHANGES)
      for (const from of strangers) expect((await ask(method, from)).status, `${method} ${from}`).toBe(403)
    const twice = [
      `POST ${new URL(url).pathname} HTTP/1.1`,
      `Host: ${host}`,
      `Authorization: Bearer ${TOKEN}`,
    ]
    const both = rawRequest(twice[0]!, [...twice.slice(1), `Origin: ${origin}`, `Origin: ${origin}`])
    expect((await sendRaw(edge.port, both)).status).toBe(403)
    expect(canary.bytes()).toBe('')
    for (const method of CHANGES) {
      expect((await ask(method, origin)).status, method).toBe(200)
      expect((await ask(method)).status, method).toBe(200)
    }
    // To read, one may come from anywhere: whether a page may see it is for its browser to say.
    for (const method of ['GET', 'HEAD'])
      expect((await ask(method, 'http://evil.com')).status, method).toBe(200)
  })

  test('of a port comes from its own pages also when they hide where they are', async () => {
    const ask = (host: string, path: string, headers: Record<string, string>): Promise<Answer> =>
      send(edge.url + path, { host, method: 'POST', headers: { origin: 'null', ...headers } })
    const [host, cookie] = [edge.portHostOf(id, 3000), edge.portCookie(id, 3000)]
    for (const site of ['cross-site', 'same-site', 'none'])
      expect((await ask(host, '/x', { ...cookie, 'sec-fetch-site': site })).status, site).toBe(403)
    const own = { 'sec-fetch-site': 'same-origin' }
    expect((await ask(edge.hostOf(id), `/w/${id}/x`, { ...edge.cookie(id), ...own })).status).toBe(403)
    expect(canary.bytes()).toBe('')
    expect((await ask(host, '/x', { ...cookie, ...own })).status).toBe(200)
  })
})

describe('E9: without a session', () => {
  /** What can be told apart: all but the date, the nonce and the id that was asked for. */
  const essence = ({ status, headers, text }: Answer, of: string): unknown => {
    const nonce = /nonce="([^"]+)"/.exec(text)?.[1] ?? 'none'
    const plain = JSON.stringify({ status, headers: { ...headers, date: '' }, text })
    return plain.replaceAll(nonce, 'NONCE').replaceAll(of, 'ID')
  }

  test('running, sleeping, foreign and unknown workspaces cannot be told apart', async () => {
    const ids = [
      id,
      edge.asleep(2),
      edge.add(3, { status: 'ERROR' }),
      edge.add(4, { ownerId: BOB.id, status: 'RUNNING' }),
      edge.add(5, { status: 'DELETED' }),
      edge.add(6, { archiveKey: 'x' }),
      UNKNOWN,
    ]
    for (const credential of [{}, { authorization: 'Bearer wrong' }, { cookie: `${COOKIE}=wrong` }])
      for (const [way, ask] of Object.entries({
        navigation: (of: string) =>
          send(`${edge.url}/w/${of}/`, { host: edge.hostOf(of), headers: { ...NAVIGATION, ...credential } }),
        request: (of: string) =>
          send(`${edge.url}/w/${of}/x`, { host: edge.hostOf(of), headers: { ...credential } }),
        plain: (of: string) => send(`${edge.url}/w/${of}/x`, { headers: { ...credential } }),
        post: (of: string) =>
          send(`${edge.url}/w/${of}/x`, { method: 'POST', body: 'x', headers: { ...credential } }),
        events: (of: string) => send(`${edge.url}/w/${of}/.berth/events`, { headers: { ...credential } }),
        code: (of: string) =>
          send(`${edge.url}/w/${of}/?berth-code=wrong`, {
            host: edge.hostOf(of),
            headers: { ...credential },
          }),
      })) {
        const answers = await Promise.all(ids.map(async (of) => essence(await ask(of), of)))
        expect(new Set(answers).size, `${way} with ${JSON.stringify(credential)}`).toBe(1)
      }
    const sockets = await Promise.all(ids.map((of) => open(of, { headers: {} })))
    expect(new Set(sockets)).toEqual(new Set([401]))
    expect(canary.bytes()).toBe('')
  })

  test('nobody is woken', async () => {
    const sleeping = edge.asleep(2)
    const host = edge.hostOf(sleeping)
    for (const headers of [{}, edge.cookie(id), { authorization: 'Bearer wrong' }, edge.bobsBearer()])
      await send(`${edge.url}/w/${sleeping}/`, { host, headers: { ...NAVIGATION, ...headers } })
    const ways = [
      { path: `/w/${sleeping}/`, host },
      { path: '/', host: edge.portHostOf(sleeping, 3000) },
    ]
    const told = new Map<string, Set<unknown>>()
    for (let n = 0; n < 500; n++)
      for (const { path, host } of ways) {
        const unknown = idOf(5_000 + n)
        const headers = { ...(n % 2 === 0 && NAVIGATION), cookie: `${COOKIE}=${n}` }
        const ask = (of: string): Promise<Answer> =>
          send(edge.url + path.replace(sleeping, of), { host: host.replace(sleeping, of), headers })
        const seen = told.get(`${n % 2} ${host}`) ?? new Set()
        told.set(`${n % 2} ${host}`, seen)
        seen.add(essence(await ask(sleeping), sleeping)).add(essence(await ask(unknown), unknown))
      }
    for (const [way, answers] of told) expect(answers.size, way).toBe(1)
    expect(row(sleeping)).toMatchObject({ desiredState: 'STANDBY', wish: 1 })
    expect(edge.enqueued).toEqual([])
  }, 60_000)

  test('a sleeping workspace is refused as fast as one that does not exist', async () => {
    const ids = [edge.asleep(2), UNKNOWN]
    const times: [number[], number[]] = [[], []]
    for (let n = 0; n < 250; n++)
      for (const which of n % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
        const of = ids[which]!
        const headers = { ...NAVIGATION, cookie: `${COOKIE}=${n}` }
        const begun = performance.now()
        expect((await send(`${edge.url}/w/${of}/`, { host: edge.hostOf(of), headers })).status).toBe(401)
        if (n >= 50) times[which].push(performance.now() - begun) // warm
      }
    const [asleep, unknown] = times.map((all) => all.sort((a, b) => a - b)[all.length / 2]!) as [
      number,
      number,
    ]
    expect(Math.max(asleep, unknown) / Math.min(asleep, unknown)).toBeLessThan(2)
  }, 60_000)

  test('a person is led to sign in and back', async () => {
    const answer = await send(`${edge.url}/w/${id}/a?b=c`, { host: edge.hostOf(id), headers: NAVIGATION })
    expect(answer.status).toBe(401)
    const href = /url=([^"]+)"/.exec(answer.text)![1]!.replaceAll('&amp;', '&')
    expect(href.startsWith(`${edge.url}/#`)).toBe(true)
    expect(Object.fromEntries(new URLSearchParams(new URL(href).hash.slice(1)))).toEqual({
      open: id,
      next: '/a?b=c',
    })
  })
})

describe('a code', () => {
  const codeFor = (of: string | null, userId = ALICE.id, port: number | null = null): string =>
    edge.sessions.issueCode({ userId, parentId: null, workspaceId: of, port })
  const enter = (path: string, of = id, method = 'GET'): Promise<Answer> =>
    send(`${edge.url}/w/${of}${path}`, { host: edge.hostOf(of), method, headers: NAVIGATION })

  test('is exchanged for a cookie and leaves the address', async () => {
    const answer = await enter(`/a/b?x=1&berth-code=${codeFor(id)}&y=2`)
    expect(answer.status).toBe(302)
    expect(answer.headers).toMatchObject({
      location: `/w/${id}/a/b?x=1&y=2`,
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
    })
    const [set] = answer.headers['set-cookie']!
    const [pair, ...attributes] = set!.split('; ')
    expect(pair).toMatch(new RegExp(`^${COOKIE}=[\\w-]{43}$`))
    const [maxAge, ...rest] = attributes.sort().toSpliced(0, 2, attributes[1]!, attributes[0]!)
    expect(maxAge).toBe(`Max-Age=${30 * 86_400}`)
    expect(rest).toEqual(['HttpOnly', `Path=/w/${id}/`, 'SameSite=Lax'])
    const visited = await send(`${edge.url}/w/${id}/`, { host: edge.hostOf(id), headers: { cookie: pair! } })
    expect(visited.status).toBe(200)
    expect(canary.bytes()).not.toContain('berth-code')
  })

  test('is good once', async () => {
    const code = codeFor(id)
    expect((await enter(`/?berth-code=${code}`)).headers['set-cookie']).toBeDefined()
    const again = await enter(`/?berth-code=${code}`)
    expect(again).toMatchObject({ status: 302, headers: { location: `/w/${id}/` } })
    expect(again.headers['set-cookie']).toBeUndefined()
  })

  test.each<[string, () => string]>([
    ['another workspace', () => codeFor(idOf(2))],
    ['the API', () => codeFor(null)],
    ['nothing', () => 'x'],
    ['a minute that is over', () => [codeFor(id), edge.pass(60_000)][0] as string],
  ])('for %s opens nothing here', async (_, make) => {
    const answer = await enter(`/?berth-code=${make()}`)
    expect(answer.status).toBe(302)
    expect(answer.headers['set-cookie']).toBeUndefined()
    expect(answer.headers.location).not.toContain('berth-code')
  })

  test('that was shown to another workspace is still good for its own', async () => {
    const code = codeFor(id)
    const other = edge.asleep(2)
    await enter(`/?berth-code=${code}`, other)
    expect((await enter(`/?berth-code=${code}`)).headers['set-cookie']).toBeDefined()
  })

  test('is exchanged on the workspace’s own origin alone, and only by a visit', async () => {
    const code = codeFor(id)
    const plain = await send(`${edge.url}/w/${id}/?berth-code=${code}`, { headers: { accept: 'text/html' } })
    expect(plain.headers['set-cookie']).toBeUndefined()
    expect((await enter(`/?berth-code=${code}`, id, 'POST')).headers['set-cookie']).toBeUndefined()
    expect((await enter(`/?berth-code=${code}`)).headers['set-cookie']).toBeDefined()
  })
})

describe('a visitor', () => {
  /** As the front says, but for what is given; the rest of Berth is as it is. */
  async function visitedAs(change: Partial<Visit>, of: string, path = '/', ask: Ask = {}): Promise<Answer> {
    const front: Front = {
      ...edge.front,
      admit: (request, target) => ({ ...edge.front.admit(request, target), ...change }),
    }
    const server = createServer((request, response) =>
      edge.gateway.handle(front, request, response, {
        kind: 'workspace',
        id: of,
        port: null,
        own: true,
        path: request.url!,
        search: '',
      }),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => void server.close())
    const { port } = server.address() as AddressInfo
    return send(`http://127.0.0.1:${port}${path}`, { ...ask, headers: { ...edge.bearer, ...ask.headers } })
  }
  const guest = { visitor: 'guest:1', isOwner: false }
  const sleeper = { ...guest, mayWake: false }

  test('who may not wake it sees that it sleeps, and does not wake it', async () => {
    const asleep = edge.asleep(3)
    const page = await visitedAs(sleeper, asleep, '/', { headers: NAVIGATION })
    expect(page.text).toContain('data-shows="asleep" data-may=""')
    expect(page.text).toContain('It is asleep.')
    expect(row(asleep).wish).toBe(1)
    const leaving = edge.add(4, { ...RUNNING, ...down, cause: 'IDLE' })
    const going = await visitedAs(sleeper, leaving, '/', { headers: NAVIGATION })
    expect(going.text).toContain('data-shows="stopping"')
    for (const action of ACTIONS)
      for (const of of [asleep, leaving])
        expect((await visitedAs(sleeper, of, `/.berth/${action}`, { method: 'POST' })).status, action).toBe(
          409,
        )
    expect(edge.enqueued).toEqual([])
  })

  test('who may wake it does, and has no other button', async () => {
    const of = edge.asleep(3)
    const page = await visitedAs({ ...guest, mayWake: true }, of, '/', { headers: NAVIGATION })
    expect(page.text).toContain('data-shows="rising" data-may="wake"')
    expect(row(of)).toMatchObject({ desiredState: 'RUNNING', cause: 'VISIT' })
    const starts = { ...STANDBY, operation: 'STARTING', desiredState: 'RUNNING' } as const
    for (const change of [starts, failed(3), { desiredState: 'PENDING', archiveKey: 'a' } as const]) {
      const other = edge.add(10 + edge.enqueued.length + edge.table.living().length, change)
      for (const action of ACTIONS)
        expect(
          (await visitedAs({ ...guest, mayWake: true }, other, `/.berth/${action}`, { method: 'POST' }))
            .status,
        ).toBe(409)
      expect(row(other).wish).toBe(1)
    }
    const again = edge.asleep(4)
    const started = await visitedAs({ ...guest, mayWake: true }, again, '/.berth/start', { method: 'POST' })
    expect([started.status, row(again).desiredState]).toEqual([202, 'RUNNING'])
  })

  test('who is not its owner is told neither why it failed nor where all workspaces are', async () => {
    for (const attempt of [1, 3]) {
      const of = edge.add(3 + attempt, failed(attempt))
      const { text } = await visitedAs(sleeper, of, '/', { headers: NAVIGATION })
      expect(text).not.toMatch(/No space|Free some|first\n|could not be started:|127\.0\.0\.1/)
      expect(text).not.toContain('2026-01-02')
      if (attempt === 3) expect(text).toContain('Its owner can see why.')
      expect((await navigate('/', of)).text).toContain('No space')
    }
  })

  test('is told to have come and to have gone, and counts with what is open', async () => {
    const visitor = (): string | undefined => edge.visitors.at(-1)?.visitor
    expect(edge.gateway.connections('session:token')).toBe(0)
    const sockets = await Promise.all([1, 2].map(() => open(id, { headers: edge.bearer })))
    const stream = await openStream(`${edge.url}/w/${id}/.berth/events`, { headers: edge.bearer })
    expect(visitor()).toBe('session:token')
    expect(edge.visitors).toHaveLength(1)
    expect(edge.gateway.connections('session:token')).toBe(3)
    for (const socket of sockets) (socket as WebSocket).terminate()
    stream.destroy()
    await until('they are closed', () => edge.gateway.connections('session:token') === 0)
    expect(edge.visitors).toEqual(
      Array.from({ length: 2 }, () => ({ workspaceId: id, visitor: 'session:token' })),
    )
  })

  test('L3: who has to go is out at once, by every way in, and nobody else', async () => {
    const rest = new PassThrough()
    canary.answer = (_, response) => {
      response.write('first')
      rest.pipe(response)
    }
    const headers = edge.cookie(id)
    const { sessionId } = edge.sessions.visitor(headers.cookie.split('=')[1]!, id, null)!
    const host = edge.hostOf(id)
    const other = (await open(id, { headers: edge.bearer })) as WebSocket
    const sockets = (await Promise.all(
      Array.from({ length: 50 }, () => open(id, { headers })),
    )) as WebSocket[]
    const streams = [
      await openStream(`${edge.url}/w/${id}/x`, { host, headers }),
      await openStream(`${edge.url}/w/${id}/.berth/events`, { host, headers }),
    ]
    const ended = Promise.all([
      ...sockets.map((socket) => once(socket, 'close')),
      ...streams.map((stream) => buffer(stream).catch(() => 'cut off')),
    ])
    const begun = performance.now()
    edge.sessions.signOut(sessionId)
    await ended
    expect(performance.now() - begun).toBeLessThan(1_000)
    expect(edge.gateway.connections(`session:${sessionId}`)).toBe(0)
    expect(await open(id, { headers })).toBe(401)
    expect(other.readyState).toBe(WebSocket.OPEN)
    other.terminate()
  })

  test('gets another cookie once a day, when they go somewhere, and stays where they are', async () => {
    const headers = edge.cookie(id)
    expect((await navigate('/a?b', id, headers)).status).toBe(200)
    edge.pass(86_400_000)
    expect((await visit('/a', { headers })).status, 'not a page for its parts').toBe(200)
    const answer = await navigate('/a?b', id, headers)
    expect(answer).toMatchObject({ status: 302, headers: { location: `/w/${id}/a?b` } })
    const [pair] = answer.headers['set-cookie']![0]!.split(';')
    expect(pair).not.toBe(headers.cookie)
    expect((await navigate('/a?b', id, { cookie: pair! })).status).toBe(200)
    expect((await navigate('/a?b', id, headers)).status, 'for requests under way').toBe(200)
    edge.pass(61_000)
    expect((await visit('/a', { headers })).status).toBe(401)
  })
})

describe('a browser', () => {
  test('that comes by the plain address is sent to the workspace’s own origin', async () => {
    const answer = await send(`${edge.url}/w/${id}/a?b`, { headers: NAVIGATION })
    expect(answer).toMatchObject({ status: 302, headers: { location: `${edge.originOf(id)}/w/${id}/a?b` } })
    expect(canary.bytes()).toBe('')
  })

  test('at the root of a workspace’s origin, or without its last slash, is sent to its place', async () => {
    const host = edge.hostOf(id)
    const headers = edge.cookie(id)
    for (const path of ['/', `/w/${id}`]) {
      const answer = await send(edge.url + path + '?folder=/x', { host, headers })
      expect(answer).toMatchObject({ status: 302, headers: { location: `/w/${id}/?folder=/x` } })
    }
  })
})

/** How the table of states reads: what a navigation of the owner sees, whether it wakes, and what anything else gets. */
interface Cell {
  change: Partial<WorkspaceRow>
  /** What the page shows; the status where there is none. */
  page: string | 404
  wakes?: true
  other: 'proxied' | 404 | 503
}
const failed = (attempt: number): Partial<WorkspaceRow> => ({
  status: 'ERROR',
  errorCount: attempt,
  errorWish: 1,
  errorInfo: {
    code: 'DISK_FULL',
    message: 'No space <left>',
    hint: 'Free some & retry.',
    operation: 'STARTING',
    attempt,
    at: '2026-01-02T03:04:05.000Z',
    log_tail: 'first\n</pre><script>alert(1)</script>',
  } satisfies ErrorInfo,
})
const RUNNING = { status: 'RUNNING', desiredState: 'RUNNING' } as const
const STANDBY = { status: 'STANDBY', desiredState: 'STANDBY' } as const
const down = { desiredState: 'STANDBY', operation: 'STOPPING' } as const
const away = { status: 'STANDBY', desiredState: 'PENDING' } as const
// prettier-ignore
const TABLE: Record<string, Cell> = {
  'RUNNING': { change: RUNNING, page: 'proxied', other: 'proxied' },
  'RUNNING, to be stopped by a person': { change: { ...RUNNING, desiredState: 'STANDBY', cause: 'PERSON' }, page: 'proxied', other: 'proxied' },
  'RUNNING, to be stopped by its TTL': { change: { ...RUNNING, desiredState: 'STANDBY', cause: 'IDLE' }, page: 'proxied', wakes: true, other: 'proxied' },
  'RUNNING, not to be reached': { change: { ...RUNNING, memo: 'unreachable' }, page: 'running', other: 503 },
  'STANDBY': { change: STANDBY, page: 'rising', wakes: true, other: 503 },
  'STANDBY by a person': { change: { ...STANDBY, cause: 'PERSON' }, page: 'rising', wakes: true, other: 503 },
  'STANDBY, to be archived by a person': { change: { ...away, cause: 'PERSON' }, page: 'archiving', other: 503 },
  'STANDBY, to be archived by its TTL': { change: { ...away, cause: 'ARCHIVE_TTL' }, page: 'rising', wakes: true, other: 503 },
  'STANDBY, to be started': { change: { ...STANDBY, desiredState: 'RUNNING' }, page: 'rising', other: 503 },
  'PROVISIONING': { change: { operation: 'PROVISIONING' }, page: 'rising', other: 503 },
  'RESTORING': { change: { operation: 'RESTORING', archiveKey: 'a' }, page: 'rising', other: 503 },
  'STARTING': { change: { ...STANDBY, operation: 'STARTING', desiredState: 'RUNNING' }, page: 'rising', other: 503 },
  'STARTING after a failure': { change: { ...failed(1), operation: 'STARTING' }, page: 'rising', other: 503 },
  'STOPPING for a person': { change: { ...RUNNING, ...down, cause: 'PERSON' }, page: 'stopping', other: 503 },
  'STOPPING for its TTL': { change: { ...RUNNING, ...down, cause: 'IDLE' }, page: 'rising', wakes: true, other: 503 },
  'STOPPING, to be started again': { change: { ...RUNNING, operation: 'STOPPING' }, page: 'rising', other: 503 },
  'ARCHIVING for a person': { change: { ...away, operation: 'ARCHIVING', cause: 'PERSON' }, page: 'archiving', other: 503 },
  'ARCHIVING for its TTL': { change: { ...away, operation: 'ARCHIVING', cause: 'ARCHIVE_TTL' }, page: 'rising', wakes: true, other: 503 },
  'ARCHIVED': { change: { desiredState: 'PENDING', archiveKey: 'a' }, page: 'archived', other: 503 },
  'ARCHIVED by its TTL': { change: { desiredState: 'PENDING', archiveKey: 'a', cause: 'ARCHIVE_TTL' }, page: 'archived', other: 503 },
  'ARCHIVED, to be restored': { change: { desiredState: 'RUNNING', archiveKey: 'a' }, page: 'rising', other: 503 },
  'PENDING': { change: { desiredState: 'PENDING' }, page: 'homeless', other: 503 },
  'PENDING, just created': { change: {}, page: 'rising', other: 503 },
  'ERROR, to be tried again': { change: failed(2), page: 'retrying', other: 503 },
  'ERROR, waiting for a person': { change: failed(3), page: 'error 2026-01-02T03:04:05.000Z', other: 503 },
  'ERROR of a stop by its TTL': { change: { ...failed(3), desiredState: 'STANDBY', cause: 'IDLE' }, page: 'error 2026-01-02T03:04:05.000Z', other: 503 },
  'being deleted': { change: { ...RUNNING, deletedAt: 5 }, page: 404, other: 404 },
  'deleted': { change: { status: 'DELETED', deletedAt: 5 }, page: 404, other: 404 },
}

describe.each(Object.entries(TABLE))('a workspace that is %s', (_, { change, page, wakes, other }) => {
  let of: string
  beforeEach(() => {
    const unreachable = change.memo === 'unreachable' || change.deletedAt !== undefined
    of = edge.add(3, change, unreachable ? undefined : canary.upstream)
  })
  const OWNERS: [string, () => Record<string, string>][] = [
    ['the owner with the cookie', () => edge.cookie(of)],
    ['the owner with a bearer token', () => edge.bearer],
  ]
  const OTHERS: [string, number, () => Record<string, string>][] = [
    ['somebody else', 403, () => edge.cookie(of, BOB.id)],
    ['somebody else with a bearer token', 403, () => edge.bobsBearer()],
    ['nobody', 401, () => ({})],
  ]
  const ask = (headers: Record<string, string>, path = '/x'): Promise<Answer> =>
    send(`${edge.url}/w/${of}${path}`, { host: edge.hostOf(of), headers })
  const untouched = (): void => {
    expect(row(of)).toMatchObject({ wish: 1, ...change })
    expect(edge.enqueued).toEqual([])
  }

  test.each(OWNERS)(
    `shows %s who comes to it: ${page}${wakes ? ', and is woken' : ''}`,
    async (_, credential) => {
      const answer = await ask({ ...NAVIGATION, ...credential() }, '/a?b=c')
      if (page === 'proxied') expect(canary.requests.map(({ url }) => url)).toEqual(['/a?b=c'])
      else {
        expect(answer.status).toBe(typeof page === 'number' ? page : 200)
        expect(/data-shows="([^"]*)"/.exec(answer.text)?.[1] ?? 404).toBe(page)
        expect(canary.bytes()).toBe('')
      }
      if (!wakes) return untouched()
      expect(row(of)).toMatchObject({ wish: 2, desiredState: 'RUNNING', cause: 'VISIT' })
      expect(edge.enqueued).toEqual([of])
    },
  )

  test.each(OWNERS)(
    `gives a request or a WebSocket of %s: ${other}, and is not woken`,
    async (_, credential) => {
      const answer = await ask(credential())
      const socket = await open(of, { headers: credential() })
      if (other === 'proxied') {
        expect(canary.requests.map(({ url }) => url)).toEqual(['/x', '/socket'])
        ;(socket as WebSocket).terminate()
      } else {
        expect(answer).toMatchObject({ status: other })
        expect(answer.headers['retry-after']).toBe(other === 503 ? '2' : undefined)
        expect(JSON.parse(answer.text)).toMatchObject({ code: other === 503 ? 'NOT_RUNNING' : 'NOT_FOUND' })
        expect(socket).toBe(other)
        expect(canary.bytes()).toBe('')
      }
      untouched()
    },
  )

  test.each(OTHERS)('E9: keeps %s out by every way (%i), and is not woken', async (_, status, credential) => {
    // Whoever has a session may know that what was deleted is gone.
    const expected = status === 403 && change.status === 'DELETED' ? 404 : status
    const page = await ask({ ...NAVIGATION, ...credential() })
    expect(page).toMatchObject({ status: expected, headers: { 'content-type': 'text/html; charset=utf-8' } })
    expect(page.text).not.toContain('data-shows')
    expect((await ask(credential())).status).toBe(expected)
    expect(await open(of, { headers: credential() })).toBe(expected)
    for (const action of ACTIONS)
      expect((await post(action, { of, headers: credential() })).status).toBe(expected)
    expect(canary.bytes()).toBe('')
    untouched()
  })
})

describe('E9: a page of another site that leads to a sleeping workspace', () => {
  const FOREIGN = { ...NAVIGATION, 'sec-fetch-site': 'cross-site' }
  const asleep = (): string => edge.asleep(3)

  test('wakes it not by itself: the person is asked', async () => {
    const of = asleep()
    const answer = await navigate('/x', of, FOREIGN)
    expect(answer.status).toBe(200)
    expect(answer.text).toContain('data-shows="asleep"')
    expect(row(of)).toMatchObject({ wish: 1 })
    expect(edge.enqueued).toEqual([])
  })

  test('wakes it by a link that the person has followed', async () => {
    const of = asleep()
    await navigate('/x', of, { ...FOREIGN, 'sec-fetch-user': '?1' })
    expect(row(of)).toMatchObject({ wish: 2, desiredState: 'RUNNING' })
  })

  test('wakes it with a code, as the dashboard does', async () => {
    const of = asleep()
    const code = edge.sessions.issueCode({ userId: ALICE.id, parentId: null, workspaceId: of, port: null })
    const address = `${edge.url}/w/${of}/?berth-code=${code}`
    const wrong = await send(`${address}x`, { host: edge.hostOf(of), headers: FOREIGN })
    expect(wrong.status).toBe(302)
    expect(row(of)).toMatchObject({ wish: 1 })
    expect((await send(address, { host: edge.hostOf(of), headers: FOREIGN })).status).toBe(302)
    expect(row(of)).toMatchObject({ wish: 2, desiredState: 'RUNNING' })
  })
})

/** An action as the page of the workspace asks for it. */
const post = (action: Action, { of = id, ...ask }: Ask & { of?: string } = {}): Promise<Answer> =>
  send(`${edge.url}/w/${of}/.berth/${action}`, {
    host: edge.hostOf(of),
    method: 'POST',
    ...ask,
    headers: {
      origin: edge.originOf(of),
      'sec-fetch-site': 'same-origin',
      ...(ask.headers ?? edge.cookie(of)),
    },
  })

describe('an action of the waiting page', () => {
  const rising = { ...STANDBY, operation: 'STARTING', desiredState: 'RUNNING' } as const
  const restoring = { operation: 'RESTORING', archiveKey: 'a', desiredState: 'RUNNING' } as const
  const person = (desiredState: string) => ({ desiredState, cause: 'PERSON', wish: 2 })

  test.each<[Action, string, Partial<WorkspaceRow>, object]>([
    ['start', 'asleep', STANDBY, person('RUNNING')],
    ['start', 'being put to sleep', { ...RUNNING, ...down, cause: 'PERSON' }, person('RUNNING')],
    ['start', 'being archived', { ...away, operation: 'ARCHIVING', cause: 'PERSON' }, person('RUNNING')],
    ['start', 'without a home', { desiredState: 'PENDING' }, person('RUNNING')],
    ['start', 'cancelling its start', { ...rising, desiredState: 'STANDBY' }, person('RUNNING')],
    ['cancel', 'starting', rising, person('STANDBY')],
    ['cancel', 'about to start', { ...STANDBY, desiredState: 'RUNNING' }, person('STANDBY')],
    ['cancel', 'being restored', restoring, person('PENDING')],
    ['retry', 'failed', failed(3), person('RUNNING')],
    ['retry', 'failed on its way down', { ...failed(3), desiredState: 'PENDING' }, person('RUNNING')],
    ['restore', 'archived', { desiredState: 'PENDING', archiveKey: 'a' }, person('RUNNING')],
  ])('%s: one that is %s', async (action, _, change, expected) => {
    const of = edge.add(3, change)
    expect(await post(action, { of })).toMatchObject({ status: 202, text: '' })
    expect(row(of)).toMatchObject(expected)
    expect(edge.enqueued).toEqual([of])
    expect((await post(action, { of: edge.add(4, change), headers: edge.bearer })).status).toBe(202)
  })

  test.each<[string, Partial<WorkspaceRow>, Upstream | 'canary' | undefined, Action[]]>([
    ['runs: code inside it could ask', RUNNING, 'canary', [...ACTIONS]],
    [
      'runs and is about to be stopped',
      { ...RUNNING, desiredState: 'STANDBY', cause: 'IDLE' },
      'canary',
      [...ACTIONS],
    ],
    ['is archived', { desiredState: 'PENDING', archiveKey: 'a' }, undefined, ['start', 'cancel', 'retry']],
    ['is asleep', STANDBY, undefined, ['cancel', 'retry', 'restore']],
    ['has failed', failed(3), undefined, ['start', 'cancel', 'restore']],
    ['is starting', rising, undefined, ['retry', 'restore']],
  ])('is refused where it has no place: one that %s', async (_, change, upstream, refused) => {
    const of = edge.add(3, change, upstream === 'canary' ? canary.upstream : upstream)
    for (const action of refused) {
      const answer = await post(action, { of })
      expect(answer.status, action).toBe(409)
      expect(JSON.parse(answer.text), action).toMatchObject({ detail: expect.stringContaining('now') })
    }
    expect(row(of)).toMatchObject({ wish: 1, ...change })
    expect(edge.enqueued).toEqual([])
    expect(canary.bytes(), 'upstream hears nothing of it').toBe('')
  })

  test('is taken from the workspace’s own page alone', async () => {
    const of = edge.asleep(3)
    const origin = edge.originOf(of)
    for (const headers of [
      { origin: '' },
      { origin: 'null' },
      { origin: 'http://evil.com' },
      { origin: edge.url },
      { origin: edge.originOf(id) },
      { origin: `${origin}/` },
      { origin, 'sec-fetch-site': 'none' },
      { origin, 'sec-fetch-site': 'same-site' },
      { origin, 'sec-fetch-site': 'cross-site' },
    ]) {
      const { status } = await post('start', { of, headers: { ...edge.cookie(of), ...headers } })
      expect([401, 403], JSON.stringify(headers)).toContain(status)
    }
    const bare = await send(`${edge.url}/w/${of}/.berth/start`, {
      method: 'POST',
      host: edge.hostOf(of),
      headers: edge.cookie(of),
    })
    expect(bare.status, 'without an origin').toBe(403)
    for (const method of ['GET', 'HEAD', 'PUT'])
      expect((await post('start', { of, method })).status, method).toBe(404)
    expect(row(of).wish).toBe(1)
    expect(edge.enqueued).toEqual([])
  })

  test('is taken from a program with a token, also on the plain address', async () => {
    const of = edge.asleep(3)
    const answer = await send(`${edge.url}/w/${of}/.berth/start`, { method: 'POST', headers: edge.bearer })
    expect(answer.status).toBe(202)
    expect(row(of).desiredState).toBe('RUNNING')
  })
})

describe('the page of a workspace that does not run', () => {
  test('tells an error, what to do, and the end of the log, as the plain text it is', async () => {
    const { text } = await navigate('/', edge.add(3, failed(3)))
    expect(text).toContain('Notes: it could not be started')
    expect(text).toContain('No space &lt;left&gt;\nFree some &amp; retry.')
    expect(text).toContain('first\n&lt;/pre&gt;&lt;script&gt;alert(1)&lt;/script&gt;</pre>')
    expect(text.match(/<script/g)).toHaveLength(1)
    expect(text).toMatch(/id="why" role="alert">/)
  })

  test.each<[string, Partial<WorkspaceRow>, hidden: string[]]>([
    ['new', {}, ['VERIFYING', 'UNPACKING']],
    ['asleep', { ...STANDBY, homeStoreKey: 'h' }, ['PREPARING_HOME', 'VERIFYING', 'UNPACKING']],
    ['archived', { desiredState: 'PENDING', archiveKey: 'a', homeStoreKey: 'h' }, ['PREPARING_HOME']],
  ])('lists the steps that lie ahead of one that is %s', async (_, change, hidden) => {
    const { text } = await navigate('/', edge.add(3, change))
    const found = [...text.matchAll(/data-step="(\w+)" hidden/g)].map(([, step]) => step)
    expect(found).toEqual(hidden)
    expect(text.match(/<li data-step/g)).toHaveLength(7)
  })

  test('is woken by a person’s navigation, and by nothing that a page or a program does', async () => {
    const of = edge.asleep(2)
    for (const headers of [
      { 'sec-fetch-dest': 'iframe' },
      { 'sec-fetch-dest': 'empty', 'sec-fetch-mode': 'cors' },
      { 'sec-fetch-dest': 'script', 'sec-fetch-mode': 'no-cors' },
      { accept: '*/*' },
    ])
      expect((await navigate('/', of, headers)).status, JSON.stringify(headers)).toBe(503)
    for (const method of ['POST', 'HEAD', 'PUT'])
      expect((await visit('/', { method, headers: NAVIGATION }, of)).status, method).toBe(503)
    expect(row(of).wish).toBe(1)
    await navigate('/', of)
    expect(row(of)).toMatchObject({ desiredState: 'RUNNING', wish: 2 })
    expect(edge.enqueued).toEqual([of])
  })

  test('P10: is started once by twenty tabs at once, and by more that come meanwhile', async () => {
    const of = edge.asleep(2)
    const tabs = async (): Promise<void> => {
      const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => navigate(`/${n}`, of)))
      expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    }
    await tabs()
    expect(row(of)).toMatchObject({ desiredState: 'RUNNING', wish: 2 })
    for (const change of [{ operation: 'STARTING' }, { operation: 'NONE', status: 'RUNNING' }] as const) {
      edge.table.writeObserved(of, change)
      await tabs()
    }
    expect(row(of).wish).toBe(2)
    expect(edge.enqueued).toEqual([of])
  })

  test('P11: has pages that run nothing but their own script, whatever they are called', async () => {
    const evil = '<img src=x onerror=alert(1)>"\'</title><script>alert(2)</script>'
    const of = edge.asleep(2, { name: evil })
    const { text, headers } = await navigate('/', of)
    expect(text).not.toContain('<img')
    expect(text.match(/<script/g)).toHaveLength(1)
    const nonce = /script nonce="([^"]+)"/.exec(text)![1]!
    expect(headers['content-security-policy']).toContain("default-src 'none'")
    expect(headers['content-security-policy']).toContain(`script-src 'nonce-${nonce}'`)
    expect(headers['content-security-policy']).not.toContain('unsafe')
    expect((await navigate('/', of)).text).not.toContain(nonce)
  })

  test('P11: tells its page of itself alone, at once, as a stream', async () => {
    const of = edge.asleep(2)
    const headers = edge.cookie(of)
    const begun = performance.now()
    const stream = await openStream(`${edge.url}/w/${of}/.berth/events`, { host: edge.hostOf(of), headers })
    onTestFinished(() => void stream.destroy())
    const seen: string[] = []
    const lines = createInterface(stream).on('line', (line) => seen.push(line))
    stream.on('error', () => undefined)
    while (!seen.some((line) => line.startsWith('event: '))) await once(lines, 'line')
    expect(performance.now() - begun).toBeLessThan(500)
    await until('the present', () => seen.some((line) => line.startsWith('event: engine')))
    edge.bus.publish({ kind: 'workspace', id })
    edge.bus.publish({ kind: 'workspace', id: of })
    await until('the change', () => seen.filter((line) => line === 'event: state_changed').length === 2)
    expect(seen.join('\n')).not.toContain(id)
  })
})

describe('P5: a request that two readers could read differently', () => {
  const head = (): string => `Host: ${edge.host}\r\nAuthorization: Bearer ${TOKEN}\r\n`
  const inner = 'GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n'
  const post = (fields: string, body: string): string =>
    `POST /w/${id}/ HTTP/1.1\r\n${head()}${fields}\r\n${body}`
  const crowd = (count: number): string => 'a:\r\n'.repeat(count)
  const CASES: [string, () => string][] = [
    ['both lengths', () => post('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`)],
    [
      'both lengths, the other way round',
      () => post('Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', `0\r\n\r\n${inner}`),
    ],
    ['two different lengths', () => post('Content-Length: 0\r\nContent-Length: 5\r\n', inner)],
    ['two lengths in one', () => post('Content-Length: 0, 5\r\n', inner)],
    ['a length with a sign', () => post('Content-Length: +4\r\n', `body${inner}`)],
    ['a length in hexadecimal', () => post('Content-Length: 0x4\r\n', `body${inner}`)],
    ['a negative length', () => post('Content-Length: -1\r\n', inner)],
    ['an unknown encoding', () => post('Transfer-Encoding: xchunked\r\n', `0\r\n\r\n${inner}`)],
    ['chunked that is not last', () => post('Transfer-Encoding: chunked, identity\r\n', `0\r\n\r\n${inner}`)],
    [
      'chunked twice',
      () => post('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', `0\r\n\r\n${inner}`),
    ],
    ['a blank before the colon', () => post('Transfer-Encoding : chunked\r\n', `0\r\n\r\n${inner}`)],
    ['a tab before the colon', () => post('Content-Length\t: 0\r\n', inner)],
    ['a folded header', () => post('X: a\r\n Transfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`)],
    ['a line feed alone', () => post('X: a\nTransfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`)],
    ['a carriage return alone', () => post('X: a\rTransfer-Encoding: chunked\r\n', `0\r\n\r\n${inner}`)],
    ['a NUL in a header', () => post('X: a\0b\r\n', inner)],
    ['a header without a name', () => post(': x\r\n', inner)],
    ['a header without a colon', () => post('X\r\n', inner)],
    ['a chunk size that is none', () => post('Transfer-Encoding: chunked\r\n', `zz\r\n${inner}`)],
    ['a chunk size with a sign', () => post('Transfer-Encoding: chunked\r\n', `-1\r\n${inner}`)],
    [
      'a chunk longer than it says',
      () => post('Transfer-Encoding: chunked\r\n', `1\r\nabc\r\n0\r\n\r\n${inner}`),
    ],
    ['no version', () => `GET /w/${id}/\r\n${head()}\r\n${inner}`],
    ['an unknown version', () => `GET /w/${id}/ HTTP/9.9\r\n${head()}\r\n${inner}`],
    ['two hosts', () => `GET /w/${id}/ HTTP/1.1\r\n${head()}Host: x\r\n\r\n`],
    ['no host', () => `GET /w/${id}/ HTTP/1.1\r\nAuthorization: Bearer ${TOKEN}\r\n\r\n`],
    ['a whole address', () => `GET http://${edge.host}/w/${id}/ HTTP/1.1\r\n${head()}\r\n`],
    ...(
      [
        // prettier-ignore
        ['a length of nothing', 'Content-Length:\r\n'],
        ['a length with a blank in it', 'Content-Length: 1 1\r\n'],
        ['a length with a comma', 'Content-Length: 1,\r\n'],
        ['a length with a point', 'Content-Length: 1.0\r\n'],
        ['a length in other digits', 'Content-Length: ١\r\n'],
        ['a length too large for any number', `Content-Length: ${'9'.repeat(30)}\r\n`],
        ['an exponent for a length', 'Content-Length: 1e1\r\n'],
        ['two lengths, one empty', 'Content-Length: 0\r\nContent-Length:\r\n'],
        ['two lengths that are the same', 'Content-Length: 4\r\nContent-Length: 4\r\n'],
        ['three lengths', 'Content-Length: 4\r\nContent-Length: 4\r\nContent-Length: 5\r\n'],
        ['a folded length', 'Content-Length:\r\n 4\r\n'],
        ['a vertical tab before a length', 'Content-Length: \x0b4\r\n'],
        ['a form feed before chunked', 'Transfer-Encoding: \x0cchunked\r\n'],
        ['a vertical tab after chunked', 'Transfer-Encoding: chunked\x0b\r\n'],
        ['chunked in quotes', 'Transfer-Encoding: "chunked"\r\n'],
        ['chunked with a parameter', 'Transfer-Encoding: chunked;q=1\r\n'],
        ['chunked and identity', 'Transfer-Encoding: chunked, gzip\r\n'],
        ['identity alone', 'Transfer-Encoding: identity\r\n'],
        ['gzip alone', 'Transfer-Encoding: gzip\r\n'],
        ['half of chunked', 'Transfer-Encoding: chunke\r\n'],
        ['an encoding of nothing, and a length', 'Transfer-Encoding:\r\nContent-Length: 4\r\n'],
        ['a comma for an encoding, and a length', 'Transfer-Encoding: ,\r\nContent-Length: 4\r\n'],
        [
          'an underscore for a length',
          'Content_Length: 4\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n',
        ],
        ['a NUL in the name', 'Content\0-Length: 4\r\n'],
        ['a parenthesis in a name', 'X(: a\r\n'],
        ['an at sign in a name', 'X@: a\r\n'],
        ['a byte above ASCII in a name', 'X\xff: a\r\n'],
        ['a slash in a name', 'X/Y: a\r\n'],
        ['a name in quotes', '"X": a\r\n'],
        ['a blank in a name', 'X Y: a\r\n'],
        ['a DEL in a value', 'X: a\x7f\0\r\n'],
        ['a carriage return at the end of a value', 'X: a\r\r\n'],
        ['a line that begins with a blank', ' X: a\r\n'],
      ] as [string, string][]
    ).map(([name, fields]): [string, () => string] => [name, () => post(fields, `0\r\n\r\n${inner}`)]),
    ...(
      [
        ['with a sign', '+4'],
        ['with a blank', '4 '],
        ['in hexadecimal with a prefix', '0x4'],
        ['with a semicolon and a line feed', '4;a\nb'],
        ['too large', 'f'.repeat(17)],
        ['of nothing', ''],
        ['with a NUL', '4\0'],
        ['with an underscore', '1_0'],
        ['with a carriage return', '4\r'],
      ] as [string, string][]
    ).map(([name, size]): [string, () => string] => [
      `a chunk size ${name}`,
      () => post('Transfer-Encoding: chunked\r\n', `${size}\r\nbody\r\n0\r\n\r\n${inner}`),
    ]),
    [
      'a chunk that ends with a line feed alone',
      () => post('Transfer-Encoding: chunked\r\n', `4\nbody\n0\n\n${inner}`),
    ],
    ['a method in lower case', () => `get /w/${id}/ HTTP/1.1\r\n${head()}\r\n${inner}`],
    ['a method that is none', () => `GET\0 /w/${id}/ HTTP/1.1\r\n${head()}\r\n${inner}`],
    ['a tab in the first line', () => `GET\t/w/${id}/ HTTP/1.1\r\n${head()}\r\n${inner}`],
    ['a version in lower case', () => `GET /w/${id}/ http/1.1\r\n${head()}\r\n${inner}`],
    ['a version of one digit', () => `GET /w/${id}/ HTTP/1\r\n${head()}\r\n${inner}`],
    ['the preface of HTTP/2', () => 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['a head of more than 16 KiB', () => post(`X: ${'x'.repeat(20_000)}\r\n`, inner)],
    // Node reads on past so many, and keeps none of the rest.
    ...[600, 2_000].flatMap((count): [string, () => string][] => [
      [
        `${count} headers, then a length`,
        () => post(crowd(count) + `Content-Length: ${inner.length}\r\n`, inner),
      ],
      [
        `${count} headers, then a host`,
        () => `GET /w/${id}/ HTTP/1.1\r\n${head()}${crowd(count)}Host: x\r\n\r\n`,
      ],
      [
        `${count} headers, then an origin, for a WebSocket`,
        () =>
          rawUpgrade(
            [
              `Authorization: Bearer ${TOKEN}`,
              ...crowd(count).trim().split('\r\n'),
              'Origin: http://evil.com',
            ],
            { origin: false },
          ),
      ],
    ]),
  ]

  test.each(CASES)(
    'because of %s is refused, its connection closed, and upstream never sees a second one',
    async (_, make) => {
      // Resolves once the connection is closed.
      const { status, body, header } = await sendRaw(edge.port, make())
      expect(header('connection')).toBe('close')
      expect(status).toBeGreaterThanOrEqual(400)
      expect(status).toBeLessThan(500)
      expect(body, 'nothing else is answered').not.toContain('HTTP/1.1')
      expect(canary.bytes()).not.toContain('smuggled')
      expect((await visit('/')).status).toBe(200)
    },
  )

  test('comes in more shapes than sixty', () => expect(CASES.length).toBeGreaterThan(60))

  test('has no byte in its query that makes Berth fall over', async () => {
    for (let byte = 0; byte < 256; byte++) {
      const line = `GET /w/${id}/?a=${String.fromCharCode(byte)}b HTTP/1.1`
      const { status } = await sendRawForHead(edge.port, `${line}\r\n${head()}\r\n`)
      expect([200, 400, 404], `byte ${byte}: ${status}`).toContain(status)
    }
    expect((await visit('/')).status).toBe(200)
  })
})

// An exception that nobody catches fails the whole run.
describe('P6: a client that resets its connection', () => {
  const ROUNDS = 1_000
  const AT_ONCE = 250
  const upgraded = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'
  /** Resets that many connections, each after what is done on it. */
  async function rounds(use: (socket: Socket, n: number) => Promise<unknown>): Promise<void> {
    for (let from = 0; from < ROUNDS; from += AT_ONCE)
      await Promise.all(
        Array.from({ length: AT_ONCE }, async (_, n) => {
          const socket = await connectTo(edge.port)
          socket.on('error', () => undefined)
          await use(socket, from + n)
          socket.resetAndDestroy()
        }),
      )
  }
  /** At every stage: before, during and after what upstream says. */
  async function turns(n: number): Promise<void> {
    for (let turn = 0; turn < n % 10; turn++) await new Promise((resolve) => setImmediate(resolve))
  }

  test.each<[string, () => Promise<unknown>]>([
    [
      'while its upgrade is pending',
      async () => edge.upstreams.set(id, await startRawCanary('', () => undefined)),
    ],
    ['while messages go both ways', () => Promise.resolve()],
    [
      'while upstream refuses',
      async () => edge.upstreams.set(id, await startRawCanary('HTTP/1.1 502 Bad\r\n\r\n')),
    ],
    [
      'while upstream answers with something else',
      async () =>
        edge.upstreams.set(
          id,
          await startRawCanary('HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc', () => undefined),
        ),
    ],
    [
      'while upstream resets its own',
      async () => {
        const reset = (socket: Socket): void => void socket.resetAndDestroy()
        edge.upstreams.set(id, await startRawCanary(upgraded, reset, 'port'))
      },
    ],
  ])(
    '%s takes nobody with it',
    async (_, prepare) => {
      await prepare()
      const upgrade = rawUpgrade()
      await rounds(async (socket, n) => {
        socket.write(upgrade)
        await turns(n)
        if (n % 2 === 0) socket.write(Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x68, 0x69]))
      })
      await until('upstream is let go', () => canary.sockets.size === 0)
      edge.upstreams.set(id, canary.upstream)
      expect((await visit('/')).status).toBe(200)
      const socket = await open()
      expect(socket).toBeInstanceOf(WebSocket)
      ;(socket as WebSocket).terminate()
    },
    60_000,
  )

  test('in the middle of a request or an answer takes nobody with it', async () => {
    canary.answer = (request, response) => {
      response.write('x')
      request.resume()
    }
    await rounds(async (socket, n) => {
      socket.write(
        `POST /w/${id}/ HTTP/1.1\r\nHost: ${edge.host}\r\nAuthorization: Bearer ${TOKEN}\r\nContent-Length: 100\r\n\r\nabc`,
      )
      if (n % 2 === 0) await once(socket, 'data')
    })
    await until('upstream is let go', () => canary.sockets.size === 0)
    expect(edge.log.errors).toEqual([])
  }, 60_000)

  test('during the wake of a workspace takes nobody with it, and the wake goes on', async () => {
    const of = edge.asleep(2)
    const { cookie } = edge.cookie(of)
    const head = `HTTP/1.1\r\nHost: ${edge.hostOf(of)}\r\nCookie: ${cookie}\r\n`
    const asks = [
      `GET /w/${of}/ ${head}Accept: text/html\r\n\r\n`,
      `GET /w/${of}/.berth/events ${head}\r\n`,
      `POST /w/${of}/x ${head}Content-Length: 100\r\n\r\nabc`,
      rawUpgrade([], { of }),
    ]
    const states = [{ operation: 'STARTING' }, { operation: 'NONE', status: 'RUNNING' }] as const
    await rounds(async (socket, n) => {
      if (n % AT_ONCE === 0 && n > 0) edge.table.writeObserved(of, states[(n / AT_ONCE) % 2]!)
      if (n === ROUNDS / 2) edge.upstreams.set(of, canary.upstream)
      socket.write(asks[n % asks.length]!)
      await turns(n)
      if (n % 3 === 0 && n % asks.length < 2) await once(socket, 'data')
    })
    await until('all are let go', () => {
      const { sessionId } = edge.sessions.visitor(cookie.split('=')[1]!, of, null)!
      return edge.gateway.connections(`session:${sessionId}`) === 0 && canary.sockets.size === 0
    })
    expect(row(of)).toMatchObject({ desiredState: 'RUNNING', wish: 2 })
    expect(edge.log.errors).toEqual([])
    expect((await visit('/', {}, of)).status).toBe(200)
  }, 60_000)
})

test('an answer that cannot be sent any more is nobody’s failure', async () => {
  const stalled = httpRequest({
    port: edge.port,
    host: '127.0.0.1',
    path: `/w/${id}/`,
    headers: { ...edge.bearer, host: edge.host },
  })
  stalled.on('error', () => undefined)
  let upstream: IncomingMessage | undefined
  canary.answer = (request, response) => {
    upstream = request
    request.on('close', () => response.end('too late'))
  }
  stalled.end()
  await until('it is asked', () => upstream !== undefined)
  stalled.destroy()
  await until('upstream is let go', () => canary.sockets.size === 0)
  expect(edge.enqueued, 'it was not upstream that failed').toEqual([])
  expect(edge.log.errors).toEqual([])
})

test('E10: no path reaches a workspace that it is not authorised for', async () => {
  // Both are Alice's: the cookie of the one must not open the other, whatever the path.
  const other = await startCanary()
  const otherId = edge.running(2, other.upstream)
  // prettier-ignore
  const tricks = [
    '..', '.', '%2e%2e', '%2E.', '.%2e', '..;', ';', '%3b', '..%00', '%00', '..%5c', '\\', '..\\', '%5C', '%2f', '..%2f', '%2e%2e%2f', '..%252f', '%252e%252e', '%c0%ae%c0%ae',
    '%20', '%09', '%0d%0a', '%7f', '%', '%zz', '%23', '#', '%3f', '?', '@', '*', '//', '/./', '/../', 'W', '%77', 'w',
  ]
  const shapes = [
    (t: string) => `/w/${id}/${t}/${otherId}/`,
    (t: string) => `/w/${id}/${t}/w/${otherId}/`,
    (t: string) => `/w/${id}${t}${otherId}/`,
    (t: string) => `/w/${t}/${otherId}/`,
    (t: string) => `/w${t}${otherId}/`,
    (t: string) => `/${t}/w/${otherId}/`,
    (t: string) => `${t}/w/${otherId}/`,
    (t: string) => `http://${edge.hostOf(otherId)}/w/${id}/${t}/`,
  ]
  const targets = tricks.flatMap((trick) => shapes.map((shape) => shape(trick)))
  expect(targets.length).toBeGreaterThan(200)
  const { cookie } = edge.cookie(id)
  for (const target of targets)
    for (const host of [edge.hostOf(id), edge.hostOf(otherId), edge.portHostOf(otherId, 3000)]) {
      const request = `GET ${target} HTTP/1.1\r\nHost: ${host}\r\nCookie: ${cookie}\r\nConnection: close\r\n\r\n`
      const { status } = await sendRaw(edge.port, request)
      expect([200, 302, 400, 401, 404], `${host} ${target}`).toContain(status)
    }
  expect(other.bytes()).toBe('')
  for (const { url } of canary.requests) expect(url).not.toMatch(/^\/?w\/?$/)
}, 60_000)

test('E11: what comes in never says where to connect to', async () => {
  const targets: unknown[] = []
  const connects = vi.spyOn(Socket.prototype, 'connect')
  onTestFinished(() => connects.mockRestore())
  const published = await startCanary('port')
  edge.upstreams.set(idOf(2), published.upstream)
  edge.add(2, RUNNING)
  const evil = [
    'evil.com:80',
    '127.0.0.1:1',
    '169.254.169.254',
    '[::1]:1',
    '/var/run/docker.sock',
    '10.0.0.1',
  ]
  for (const of of [id, idOf(2)])
    for (const where of evil) {
      const claims = [
        `X-Forwarded-Host: ${where}`,
        `Forwarded: host=${where}`,
        `X-Original-URL: http://${where}/`,
        `X-Rewrite-URL: /${where}`,
        `Via: 1.1 ${where}`,
        `Proxy-Connection: ${where}`,
        `Origin: ${edge.originOf(of)}`,
        `Destination: http://${where}/`,
      ]
      for (const [host, path] of [
        [edge.hostOf(of), `/w/${of}/http://${where}/`],
        [edge.hostOf(of), `/w/${of}//${where}/?url=http://${where}/`],
        [edge.hostOf(of), `/w/${of}/proxy/1@${where}/`],
        [edge.portHostOf(of, 3000), `/@${where}/`],
        [edge.portHostOf(of, 3000), `//${where}/`],
        [edge.hostOf(of), `http://${where}/w/${of}/`],
      ])
        for (const more of [
          [],
          [
            'Connection: Upgrade',
            'Upgrade: websocket',
            'Sec-WebSocket-Version: 13',
            'Sec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==',
          ],
        ])
          await sendRawForHead(
            edge.port,
            [
              `GET ${path} HTTP/1.1`,
              `Host: ${host}`,
              `Authorization: Bearer ${TOKEN}`,
              ...claims,
              ...more,
              '',
              '',
            ].join('\r\n'),
          )
    }
  for (const [options] of connects.mock.calls as unknown as [unknown][]) {
    const { port, path } = ([options].flat()[0] ?? {}) as { port?: unknown; path?: unknown }
    if (port !== edge.port) targets.push(path ?? port)
  }
  const known = [canary.upstream, published.upstream].map((one) =>
    'socketPath' in one ? one.socketPath : one.port,
  )
  expect(targets.length).toBeGreaterThan(50)
  expect(new Set(targets)).toEqual(new Set(known))
})

test('P7: five thousand WebSockets that come and go leave nothing behind', async () => {
  const descriptors = (): number => (process.platform === 'linux' ? readdirSync('/proc/self/fd').length : 0)
  v8.setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const memory = (): number => {
    collect()
    return process.memoryUsage.rss()
  }
  const headers = edge.bearer
  const round = async (): Promise<void> => {
    const sockets = await Promise.all(Array.from({ length: 100 }, () => open(id, { headers })))
    expect(edge.gateway.connections('session:token')).toBe(100)
    for (const [n, socket] of (sockets as WebSocket[]).entries())
      if (n % 2 === 0) socket.terminate()
      else socket.close()
    await until('all are closed', () => edge.gateway.connections('session:token') === 0)
    await until('upstream is let go', () => canary.sockets.size === 0)
    canary.requests.length = 0 // the test's own memory
  }
  const before = descriptors()
  for (let n = 0; n < 5; n++) await round() // what is made once is made
  const warm = memory()
  for (let n = 0; n < 50; n++) await round()
  expect(edge.begun).toHaveLength(5_500)
  expect(edge.begun.every(({ ended }) => ended)).toBe(true)
  await until('their descriptors are closed', () => descriptors() <= before + 2, { last: descriptors })
  expect(memory() - warm).toBeLessThan(50 * 2 ** 20)
}, 60_000)
