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
import { send } from '../testing/send.ts'
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

  test('code-server itself takes our word for the origin, and nobody elses', async () => {
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
    await until('the receiver listens', async () => (await plane.visit(id, '/proxy/9000/')).status === 200)
    const data = randomBytes(LARGE)
    const pieces = Array.from({ length: 64 }, (_, n) => data.subarray(n * 2 ** 20, (n + 1) * 2 ** 20))
    for (const body of [data, Readable.from(pieces)])
      expect((await plane.visit(id, '/proxy/9000/', { method: 'PUT', body })).text).toBe(sha256(data))
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
