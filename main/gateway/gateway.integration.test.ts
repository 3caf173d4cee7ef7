import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { beforeAll, describe, expect, test } from 'vitest'
import type WebSocket from 'ws'
import type { Workspace } from '../core/api.ts'
import { launch } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { connect, send, type Answer, type Ask } from '../testing/send.ts'
import { stays, until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench
const NAVIGATION = { accept: 'text/html,application/xhtml+xml', 'sec-fetch-mode': 'navigate' }
const EVIL = 'http://evil.example'
const LARGE = 64 * 2 ** 20

let plane: Plane
/** One for all: with a real code-server. */
let workspace: Workspace
let id: string
beforeAll(async () => {
  plane = await bench.plane()
  workspace = await plane.running()
  id = workspace.id
})

const portHostOf = (port: number): string => `${port}--${plane.hostOf(id)}`
/** Asks a server on a port, with the token. */
const onPort = (port: number, path: string, ask: Ask = {}): Promise<Answer> =>
  send(plane.url + path, {
    ...ask,
    host: portHostOf(port),
    headers: { authorization: `Bearer ${plane.token}`, ...ask.headers },
  })
/** The code with which a browser enters a server on a port. */
async function entryOf(port: number): Promise<{ code: string }> {
  const { url } = await plane.call<{ url: string }>('POST', `/workspaces/${id}:open`, { port })
  return { code: new URL(url).searchParams.get('berth-code')! }
}

const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')

/** Follows a sign-in address as a browser does and returns the cookie it gets. */
async function signedInCookie(): Promise<string> {
  const { url } = await plane.call<{ url: string }>('POST', `/workspaces/${id}:open`)
  const { host, pathname, search } = new URL(url)
  expect(host).toBe(plane.hostOf(id))
  const visit = await send(plane.url + pathname + search, { host, headers: NAVIGATION })
  expect(visit).toMatchObject({ status: 302, headers: { location: `/w/${id}/` } })
  return visit.headers['set-cookie']![0]!.split(';')[0]!
}

describe('to the editor', () => {
  test('with a bearer token', async () => {
    expect((await plane.visit(id, '/healthz')).text).toContain('lastHeartbeat')
    const editor = await plane.visit(id, '/?folder=/home/coder', { headers: { accept: 'text/html' } })
    expect(editor).toMatchObject({ status: 200, text: expect.stringContaining('vscode-workbench-web') })
  })

  test('as a browser on its own origin, with the cookie that a one-time address gives', async () => {
    const cookie = await signedInCookie()
    const host = plane.hostOf(id)
    const editor = await send(`${plane.url}/w/${id}/?folder=/home/coder`, {
      host,
      headers: { ...NAVIGATION, cookie },
    })
    expect(editor).toMatchObject({ status: 200, text: expect.stringContaining('vscode-workbench-web') })
    const elsewhere = await send(`${plane.url}/w/${id}/`, { headers: { cookie } })
    expect(elsewhere.status).toBe(401)
    expect((await send(`${plane.url}/api/v1/workspaces`, { headers: { cookie } })).status).toBe(401)
  })

  test('a redirect of its own stays below its prefix', async () => {
    const { status, headers } = await plane.visit(id, '/')
    expect([status, new URL(headers.location!, `${plane.url}/w/${id}/`).pathname]).toEqual([302, `/w/${id}/`])
  })
})

describe('a WebSocket', () => {
  test('opens for the origin it is asked of, and talks with code-server', async () => {
    const path = `/?reconnectionToken=${randomUUID()}&reconnection=false&skipWebSocketFrames=false`
    const socket = await opened(plane.connect(id, { path, origin: plane.url }))
    const answered = once(socket, 'message')
    socket.send(controlMessage({ type: 'auth', auth: '00000000000000000000' }))
    expect(String((await answered)[0])).toContain('"type":"sign"')
    socket.terminate()
  })

  test("opens on the workspace's own origin with its cookie", async () => {
    const host = plane.hostOf(id)
    const headers = { cookie: await signedInCookie(), authorization: '' }
    const socket = await opened(plane.connect(id, { host, headers, origin: `http://${host}` }))
    socket.terminate()
    expect(await plane.connect(id, { host, headers })).toBe(403)
    expect(await plane.connect(id, { host, headers, origin: plane.url })).toBe(403)
  })

  test.each([
    ['another origin', { origin: EVIL }],
    ['another origin that claims to be the host', { origin: EVIL, headers: forwarded('evil.example') }],
    ['no origin', { origin: 'null' }],
    ["another port's origin", { origin: 'http://127.0.0.1:1' }],
  ])('is refused to %s', async (_, options) => {
    expect(await plane.connect(id, options)).toBe(403)
  })

  test('P3: code-server itself takes our word for the origin, and nobody elses', async () => {
    // Were the client's X-Forwarded-Host passed on, code-server would refuse its right origin.
    const socket = await opened(plane.connect(id, { origin: plane.url, headers: forwarded('evil.example') }))
    socket.terminate()
  })

  test('is refused without a token', async () => {
    expect(await plane.connect(id, { origin: plane.url, headers: { authorization: '' } })).toBe(401)
  })
})

describe('much data', () => {
  test('comes down whole', async () => {
    const data = randomBytes(LARGE)
    await writeFile(join(workspace.home_path!, 'large.bin'), data)
    const answer = await plane.visit(id, '/vscode-remote-resource?path=/home/coder/large.bin')
    expect([answer.status, answer.body.length, sha256(answer.body)]).toEqual([200, LARGE, sha256(data)])
  })

  test('goes up whole, with and without a length said before', async () => {
    await launch(
      docker,
      id,
      `require('http').createServer(async (request, response) => {
         const hash = require('crypto').createHash('sha256')
         for await (const chunk of request) hash.update(chunk)
         response.end(hash.digest('hex'))
       }).listen(9000)`,
    )
    await until('the receiver listens', async () => (await onPort(9000, '/')).status === 200)
    const data = randomBytes(LARGE)
    const pieces = Array.from({ length: 64 }, (_, n) => data.subarray(n * 2 ** 20, (n + 1) * 2 ** 20))
    for (const body of [data, Readable.from(pieces)])
      expect((await onPort(9000, '/', { method: 'PUT', body })).text).toBe(sha256(data))
  })
})

describe('a server on a port', () => {
  const PORT = 9100
  const origin = (): string => `http://${portHostOf(PORT)}`

  // On loopback alone, as most of them listen; it tells what it sees, redirects, and echoes by WebSocket.
  beforeAll(async () => {
    await launch(
      docker,
      id,
      `const server = require('http').createServer((request, response) => {
         if (request.url === '/absolute') return response.writeHead(302, { Location: 'http://localhost:${PORT}/login?x' }).end()
         if (request.url === '/relative') return response.writeHead(302, { Location: '/login?x' }).end()
         response.setHeader('Set-Cookie', 'theirs=1; Path=/')
         response.end(JSON.stringify({ url: request.url, headers: request.headers }))
       })
       server.on('upgrade', (request, socket) => {
         const accept = require('crypto').createHash('sha1')
           .update(request.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11').digest('base64')
         socket.write('HTTP/1.1 101 Switching Protocols\\r\\nConnection: Upgrade\\r\\nUpgrade: websocket\\r\\nSec-WebSocket-Accept: ' + accept + '\\r\\n\\r\\n')
         socket.on('error', () => undefined)
         socket.once('data', (frame) => {
           const said = frame.subarray(6, 6 + (frame[1] & 127)).map((byte, i) => byte ^ frame[2 + (i % 4)])
           const text = request.url + ' ' + Buffer.from(said)
           socket.write(Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)]))
         })
       })
       server.listen(${PORT}, '127.0.0.1')`,
    )
    await until('it listens', async () => (await onPort(PORT, '/')).status === 200)
  })

  test('is at the root of its own origin, for a browser that was in the editor', async () => {
    const editor = await signedInCookie()
    const host = portHostOf(PORT)
    const sent = await send(`${plane.url}/a%20b/?x=%2F`, { host, headers: NAVIGATION })
    const { pathname, search } = new URL(sent.headers.location!)
    const led = await send(plane.url + pathname + search, {
      host: plane.hostOf(id),
      headers: { ...NAVIGATION, cookie: editor },
    })
    const entry = new URL(led.headers.location!)
    expect(entry.origin).toBe(origin())
    const entered = await send(plane.url + entry.pathname + entry.search, { host, headers: NAVIGATION })
    const cookie = entered.headers['set-cookie']![0]!.split(';')[0]!
    const { pathname: path, search: query, origin: where } = new URL(entered.headers.location!, origin())
    expect(where).toBe(origin())
    const there = await send(plane.url + path + query, {
      host,
      headers: { ...NAVIGATION, cookie: `${cookie}; mine=1` },
    })
    const seen = JSON.parse(there.text) as { url: string; headers: Record<string, string> }
    expect(seen.url).toBe('/a%20b/?x=%2F')
    expect(seen.headers).toMatchObject({ host, cookie: 'mine=1' })
    expect(there.headers['set-cookie']).toEqual(['theirs=1; Path=/'])
    expect((await send(`${plane.url}/`, { host, headers: { cookie: editor } })).status).toBe(401)
  })

  test.each(['/absolute', '/relative'])('P12: stays there when it redirects (%s)', async (path) => {
    expect((await onPort(PORT, path)).headers.location).toBe('/login?x')
  })

  test('speaks by WebSocket with its own pages', async () => {
    const { code } = await entryOf(PORT)
    const host = portHostOf(PORT)
    const entered = await send(`${plane.url}/?berth-code=${code}`, { host, headers: NAVIGATION })
    const headers = { cookie: entered.headers['set-cookie']![0]!.split(';')[0]! }
    const socket = await opened(connect(`${plane.url}/hmr?a`, { host, headers, origin: origin() }))
    const answered = once(socket, 'message')
    socket.send('hello')
    expect(String((await answered)[0])).toBe('/hmr?a hello')
    socket.terminate()
    for (const other of [`http://${plane.hostOf(id)}`, plane.url, EVIL])
      expect(await connect(`${plane.url}/hmr`, { host, headers, origin: other }), other).toBe(403)
  })

  test('on which nobody listens is told of in words', async () => {
    const page = await onPort(9101, '/', { headers: NAVIGATION })
    expect(page).toMatchObject({ status: 502, text: expect.stringContaining('port 9101') as string })
  })

  test('is where the editor says that it is', async () => {
    const { text } = await plane.visit(id, '/?folder=/home/coder', { headers: { accept: 'text/html' } })
    expect(text).toContain(`http://{{port}}--${id}.localhost:${new URL(plane.url).port}/`)
    expect((await plane.visit(id, `/proxy/${PORT}/`)).status).toBe(404)
    const headers = { cookie: await signedInCookie(), authorization: '' }
    const moved = await plane.visit(id, `/proxy/${PORT}/x?y`, {
      host: plane.hostOf(id),
      headers: { ...NAVIGATION, ...headers },
    })
    expect(moved).toMatchObject({ status: 302, headers: { location: `${origin()}/x?y` } })
  })

  test('P1: sees the headers of a published port’s secret as little as ours', async () => {
    const { headers } = JSON.parse((await onPort(PORT, '/')).text) as { headers: Record<string, string> }
    expect(JSON.stringify(headers)).not.toMatch(/berth-|code-server-session|Bearer/)
    expect(headers).not.toHaveProperty('authorization')
  })
})

describe('asleep', () => {
  let sockets: WebSocket[]
  let closed: Promise<unknown>
  beforeAll(async () => {
    sockets = await Promise.all([1, 2, 3].map(() => opened(plane.connect(id, { origin: plane.url }))))
    closed = Promise.all(sockets.map((socket) => once(socket, 'close')))
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
  })

  test('it has closed its WebSockets', async () => {
    await closed
  })

  test('it tells all but navigations to come back later, and sleeps on', async () => {
    const asks = [
      {},
      { headers: { accept: '*/*', 'sec-fetch-dest': 'empty' } },
      { headers: { accept: 'text/html', 'sec-fetch-dest': 'iframe' } },
      { method: 'POST', headers: { accept: 'text/html' } },
    ]
    for (const ask of asks) {
      const answer = await plane.visit(id, '/', ask)
      expect(answer).toMatchObject({ status: 503, headers: { 'retry-after': '2' } })
      expect(JSON.parse(answer.text)).toMatchObject({ code: 'NOT_RUNNING' })
    }
    expect(await plane.connect(id, { origin: plane.url })).toBe(503)
    const look = async (): Promise<unknown> => {
      const { desired_state, status, operation } = await plane.get(id)
      return [desired_state, status, operation]
    }
    expect(await look()).toEqual(['STANDBY', 'STANDBY', 'NONE'])
    await stays('asleep', 500, look)
  })

  test('a navigation wakes it: first a page to wait on, then the editor', async () => {
    const ask = { headers: { accept: NAVIGATION.accept } }
    const waiting = await plane.visit(id, '/?folder=/home/coder', ask)
    expect(waiting).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } })
    expect(waiting.text).toContain('Starting')
    expect(waiting.text).not.toContain('vscode')
    expect((await plane.get(id)).desired_state).toBe('RUNNING')

    await plane.untilIn(id, 'RUNNING')
    expect((await plane.visit(id, '/?folder=/home/coder', ask)).text).toContain('vscode-workbench-web')
    const socket = await opened(plane.connect(id, { origin: plane.url }))
    socket.terminate()
  })
})

const forwarded = (host: string): Record<string, string> => ({
  'x-forwarded-host': host,
  forwarded: `host=${host}`,
})

async function opened(attempt: Promise<WebSocket | number>): Promise<WebSocket> {
  const socket = await attempt
  if (typeof socket === 'number') throw new Error(`the WebSocket was refused with ${socket}`)
  return socket
}

/** A control message of VS Code's protocol: a header of type, id, acknowledgement and length, then JSON. */
function controlMessage(content: object): Buffer {
  const data = Buffer.from(JSON.stringify(content))
  const header = Buffer.alloc(13)
  header.writeUInt8(2, 0)
  header.writeUInt32BE(data.length, 9)
  return Buffer.concat([header, data])
}
