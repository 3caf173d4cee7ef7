import { once } from 'node:events'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import WebSocket from 'ws'
import { SECRET, startCanary, startRawCanary, type Canary } from '../testing/canary.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { sendRaw } from '../testing/raw.ts'
import { BOB, idOf } from '../testing/rows.ts'
import { connect, openStream, send, type Answer, type Ask } from '../testing/send.ts'
import { until } from '../testing/until.ts'
import { COOKIE, PORT_COOKIE } from './headers.ts'

const PORT = 3000

let edge: Edge
let canary: Canary
/** A running workspace of Alice's; the canary is its code-server. */
let id: string

beforeEach(async () => {
  edge = await startEdge()
  canary = await startCanary()
  id = edge.running(1, canary.upstream)
})

const NAVIGATION = {
  accept: 'text/html,application/xhtml+xml;q=0.9',
  'sec-fetch-mode': 'navigate',
  'sec-fetch-dest': 'document',
}
/** On the origin of a server on a port, with its cookie, as its own page asks. */
const visit = (path: string, { headers, ...ask }: Ask = {}, of = id, port = PORT): Promise<Answer> =>
  send(edge.url + path, {
    host: edge.portHostOf(of, port),
    ...ask,
    headers: { ...edge.portCookie(of, port), ...headers },
  })
/** On the editor's origin, with its cookie. */
const inEditor = (path: string, { headers, ...ask }: Ask = {}, of = id): Promise<Answer> =>
  send(`${edge.url}/w/${of}${path}`, {
    host: edge.hostOf(of),
    ...ask,
    headers: { ...edge.cookie(of), ...headers },
  })

/** Goes to an address as a browser does, with the cookies that it is given on the way. Tells where it ends, and how it came there. */
async function browse(url: string, cookies = new Map<string, string>()): Promise<Answer & { way: string[] }> {
  const way: string[] = []
  for (let next = url; ;) {
    const { host, origin, pathname, search } = new URL(next)
    const cookie = cookies.get(origin)
    const headers = { ...NAVIGATION, ...(cookie !== undefined && { cookie }) }
    const answer = await send(edge.url + pathname + search, { host, headers })
    const [set] = answer.headers['set-cookie'] ?? []
    if (set) cookies.set(origin, set.split(';')[0]!)
    way.push(`${answer.status} ${next}`)
    if (answer.status !== 302 || way.length > 10) return { ...answer, way }
    next = new URL(answer.headers.location!, next).href
  }
}

describe('a server on a port', () => {
  test('is reached at the root of its own origin, by code-server’s way to it', async () => {
    const answer = await visit('/src/main.tsx?t=1', { method: 'POST', body: 'sent' })
    expect(answer).toMatchObject({ status: 200, text: 'sent' })
    expect(canary.requests[0]).toMatchObject({ method: 'POST', url: `/proxy/${PORT}/src/main.tsx?t=1` })
    expect(canary.requests[0]!.headers).toMatchObject({
      host: edge.portHostOf(id, PORT),
      'x-forwarded-host': edge.portHostOf(id, PORT),
      'x-forwarded-proto': 'http',
    })
    expect(canary.requests[0]!.headers).not.toHaveProperty('x-forwarded-prefix')
  })

  test.each([
    '/@fs/home/coder/x.ts',
    '/@id/__x00__react',
    '/_next/static/%5Bid%5D.js',
    '//x',
    '/a;b/c',
    '/w/x/',
  ])('may have a path like %s', async (path) => {
    expect((await visit(path)).status).toBe(200)
    expect(canary.requests[0]!.url).toBe(`/proxy/${PORT}${path}`)
  })

  test('P1: sees nothing of ours, and all that is its own', async () => {
    const published = await startCanary('port')
    edge.upstreams.set(id, published.upstream)
    const { cookie } = edge.portCookie(id, PORT)
    const authorization = 'Bearer of-the-app'
    await visit('/', { headers: { cookie: `mine=1; ${cookie}; ${edge.cookie(id).cookie}`, authorization } })
    expect(published.requests[0]!.headers).toMatchObject({ cookie: `mine=1; ${SECRET}`, authorization })
    await send(`${edge.url}/`, { host: edge.portHostOf(id, PORT), headers: edge.bearer })
    expect(published.requests[1]!.headers).not.toHaveProperty('authorization')
    for (const secret of [TOKEN, COOKIE, PORT_COOKIE]) expect(published.bytes(), secret).not.toContain(secret)
  })

  test('keeps its cookies, and can set none of ours', async () => {
    canary.answer = (_, response) => {
      response.setHeader('Set-Cookie', ['a=1; Path=/x; Domain=localhost', `${PORT_COOKIE}=stolen; Path=/`])
      response.setHeader('Service-Worker-Allowed', '/')
      response.end()
    }
    const { headers } = await visit('/')
    expect(headers['set-cookie']).toEqual(['a=1; Path=/x'])
    expect(headers['service-worker-allowed']).toBe('/')
  })

  test('P12: leads to its own origin when it leads to where it is inside', async () => {
    for (const location of ['http://localhost:3000/login', `/proxy/${PORT}/login`]) {
      canary.answer = (_, response) => response.writeHead(302, { Location: location }).end()
      expect((await visit('/')).headers.location).toBe('/login')
    }
  })

  test('speaks by WebSocket with the pages of its own origin, and with nobody else’s', async () => {
    const url = `${edge.url}/hmr?token=x`
    const host = edge.portHostOf(id, PORT)
    const headers = edge.portCookie(id, PORT)
    const socket = await connect(url, { host, headers, origin: edge.portOriginOf(id, PORT) })
    if (typeof socket === 'number') throw new Error(`refused with ${socket}`)
    onTestFinished(() => socket.terminate())
    socket.send('update')
    expect(String((await once(socket, 'message'))[0])).toBe('update')
    expect(canary.requests[0]!.url).toBe(`/proxy/${PORT}/hmr?token=x`)

    const before = canary.bytes().length
    for (const origin of [
      edge.originOf(id),
      edge.portOriginOf(id, 3001),
      edge.url,
      'null',
      'http://evil.com',
    ])
      expect(await connect(url, { host, headers, origin }), origin).toBe(403)
    expect(await connect(url, { host, headers }), 'no origin').toBe(403)
    expect(canary.bytes().length).toBe(before)
  })

  test('answers a program with a token, also by WebSocket', async () => {
    const host = edge.portHostOf(id, PORT)
    expect((await send(`${edge.url}/x`, { host, headers: edge.bearer })).status).toBe(200)
    const socket = await connect(`${edge.url}/x`, { host, headers: edge.bearer })
    expect(socket).toBeInstanceOf(WebSocket)
    ;(socket as WebSocket).terminate()
  })

  test.each<[string, number, () => Record<string, string>]>([
    ['nothing', 401, () => ({})],
    ['the cookie of the editor', 401, () => edge.cookie(id)],
    ['the cookie of another port', 401, () => edge.portCookie(id, 3001)],
    ['the cookie of the port of another workspace', 401, () => edge.portCookie(idOf(2), PORT)],
    [
      'the value of the editor’s cookie',
      401,
      () => ({ cookie: `${PORT_COOKIE}=${edge.sessionOf(BOB.id, id)}` }),
    ],
    ['somebody else’s cookie', 403, () => edge.portCookie(id, PORT, BOB.id)],
    [
      'its cookie, used by another site',
      401,
      () => ({ ...edge.portCookie(id, PORT), 'sec-fetch-site': 'cross-site' }),
    ],
    [
      'its cookie, used by its editor',
      401,
      () => ({ ...edge.portCookie(id, PORT), 'sec-fetch-site': 'same-site' }),
    ],
  ])('is closed to %s', async (_, status, headers) => {
    const host = edge.portHostOf(id, PORT)
    expect((await send(`${edge.url}/`, { host, headers: headers() })).status).toBe(status)
    const events = await send(`${edge.url}/.berth/events`, { host, headers: headers() })
    expect(events.status).toBe(status)
    const socket = await connect(edge.url, { host, headers: headers(), origin: edge.portOriginOf(id, PORT) })
    expect(socket).toBe(status)
    expect(canary.bytes()).toBe('')
  })

  test('E4: has a cookie that opens neither its editor nor the API', async () => {
    const { cookie } = edge.portCookie(id, PORT)
    const value = cookie.split('=')[1]!
    for (const headers of [{ cookie }, { cookie: `${COOKIE}=${value}` }])
      expect((await send(`${edge.url}/w/${id}/`, { host: edge.hostOf(id), headers })).status).toBe(401)
    for (const headers of [{ cookie }, { authorization: `Bearer ${value}` }] as Record<string, string>[])
      expect((await send(`${edge.url}/api/v1/session`, { headers })).status).toBe(401)
  })

  test('is shown in a frame of the editor, and to a form of another site not at all', async () => {
    const framed = { ...NAVIGATION, 'sec-fetch-dest': 'iframe', 'sec-fetch-site': 'cross-site' }
    expect((await visit('/', { headers: framed })).status).toBe(200)
    const form = { ...NAVIGATION, 'sec-fetch-site': 'cross-site' }
    expect((await visit('/', { method: 'POST', headers: form })).status).toBe(401)
  })
})

describe('on the way to a port', () => {
  test('who is in the editor is let in by a code, once, and keeps the address', async () => {
    const cookies = new Map([[edge.originOf(id), edge.cookie(id).cookie]])
    const url = `${edge.portOriginOf(id, PORT)}/a%20b/?x=1&y=%2F&import`
    const { status, way } = await browse(url, cookies)
    expect(status).toBe(200)
    expect(way.map((step) => step.replace(/berth-code=[\w-]+/, 'berth-code=…'))).toEqual([
      `302 ${url}`,
      expect.stringContaining(`302 ${edge.originOf(id)}/w/${id}/.berth/port?port=${PORT}&next=`) as string,
      `302 ${url}&berth-code=…`,
      expect.stringContaining(`200 ${edge.portOriginOf(id, PORT)}/a%20b/?x=1`) as string,
    ])
    expect(canary.requests.map((request) => request.url)).toEqual([`/proxy/${PORT}/a%20b/?x=1&y=%2F&import`])
    expect((await browse(url, cookies)).way, 'the cookie is good from now on').toHaveLength(1)
    expect(canary.bytes()).not.toContain('berth-code')
  })

  test('the cookie also works in a frame of the editor, and nobody but the server’s origin gets it', async () => {
    const code = edge.sessions.issueCode({ userId: BOB.id, parentId: null, workspaceId: id, port: PORT })
    const answer = await send(`${edge.url}/?berth-code=${code}`, {
      host: edge.portHostOf(id, PORT),
      headers: NAVIGATION,
    })
    expect(answer.headers['set-cookie']![0]!.replace(/=[\w-]{43};/, '=…;')).toBe(
      `${PORT_COOKIE}=…; Path=/; Max-Age=${30 * 86_400}; HttpOnly; Secure; SameSite=None; Partitioned`,
    )
  })

  test('a code for one place is worth nothing at another', async () => {
    const code = (workspaceId: string, port: number | null): string =>
      edge.sessions.issueCode({ userId: BOB.id, parentId: null, workspaceId, port })
    for (const wrong of [code(id, 3001), code(id, null), code(idOf(2), PORT), 'x']) {
      const host = edge.portHostOf(id, PORT)
      const answer = await send(`${edge.url}/?berth-code=${wrong}`, { host, headers: NAVIGATION })
      expect(answer).toMatchObject({ status: 302, headers: { location: `${edge.portOriginOf(id, PORT)}/` } })
      expect(answer.headers['set-cookie']).toBeUndefined()
    }
  })

  test('who is not signed in is asked to, and comes back to the port', async () => {
    const { status, text } = await browse(`${edge.portOriginOf(id, PORT)}/x`)
    expect(status).toBe(401)
    const href = /url=([^"]+)"/.exec(text)![1]!.replaceAll('&amp;', '&')
    const { open, next } = Object.fromEntries(new URLSearchParams(new URL(href).hash.slice(1)))
    expect([open, next]).toEqual([id, `/.berth/port?port=${PORT}&next=%2Fx`])
    const answer = await send(`${edge.url}/api/v1/workspaces/${id}:open`, {
      method: 'POST',
      headers: { ...edge.bearer, 'content-type': 'application/json' },
      body: JSON.stringify({ path: next }),
    })
    const { url } = JSON.parse(answer.text) as { url: string }
    const back = await browse(url)
    expect(back.way.at(-1)).toBe(`200 ${edge.portOriginOf(id, PORT)}/x`)
  })

  test.each([
    ['//evil.com/x'],
    ['//evil.com\\@x'],
    ['/\\evil.com'],
    ['@evil.com'],
    ['.evil.com/'],
    [':80@evil.com/'],
    ['https://evil.com/'],
    ['evil.com'],
    [''],
  ])('“next” cannot lead to %j', async (next) => {
    const answer = await inEditor(`/.berth/port?${new URLSearchParams({ port: String(PORT), next })}`)
    if (answer.status === 404) return
    expect(answer.status).toBe(302)
    expect(new URL(answer.headers.location!).origin).toBe(edge.portOriginOf(id, PORT))
  })

  test('no path of a port leads to another host', async () => {
    const code = edge.sessions.issueCode({ userId: BOB.id, parentId: null, workspaceId: id, port: PORT })
    const host = edge.portHostOf(id, PORT)
    const answer = await send(`${edge.url}//evil.com/x?berth-code=${code}`, { host, headers: NAVIGATION })
    expect(answer.headers.location).toBe(`${edge.portOriginOf(id, PORT)}//evil.com/x`)
  })

  test.each(['0', '65536', '03000', '-1', '3000x', '', ' 3000', '3000.evil.com', '3000@x'])(
    '%j is no port',
    async (port) => {
      expect((await inEditor(`/.berth/port?${new URLSearchParams({ port, next: '/' })}`)).status).toBe(404)
    },
  )

  test('a page that is not the owner’s own gets no code', async () => {
    const path = `/.berth/port?port=${PORT}&next=/`
    const foreign = await inEditor(path, {
      headers: { 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'cors' },
    })
    expect(foreign.status).toBe(401)
    expect((await inEditor(path, { headers: edge.cookie(id, BOB.id) })).status).toBe(403)
    expect((await inEditor(path, { method: 'POST', headers: edge.bearer })).status).toBe(404)
    expect((await visit(path)).status, 'on a port’s own origin').toBe(404)
  })

  test('the session of a port ends with the one that it was entered from', async () => {
    const cookies = new Map([[edge.originOf(id), edge.cookie(id).cookie]])
    const url = `${edge.portOriginOf(id, PORT)}/`
    await browse(url, cookies)
    const principal = edge.sessions.visitor(cookies.get(edge.originOf(id))!.split('=')[1]!, id, null)
    edge.sessions.signOut(principal!.sessionId)
    expect((await browse(url, cookies)).status).toBe(401)
  })
})

describe('the editor’s own way to ports', () => {
  test.each([
    ['/proxy/3000/a?b', '/a?b'],
    ['/proxy/3000', '/'],
    ['/absproxy/3000/a?b', '/absproxy/3000/a?b'],
  ])('leads a visit of %s to the origin of the port', async (path, expected) => {
    for (const dest of ['document', 'iframe']) {
      const answer = await inEditor(path, { headers: { ...NAVIGATION, 'sec-fetch-dest': dest } })
      expect(answer).toMatchObject({
        status: 302,
        headers: { location: edge.portOriginOf(id, PORT) + expected },
      })
    }
    expect(canary.bytes()).toBe('')
  })

  // prettier-ignore
  test.each([
    '/proxy/3000/', '/absproxy/3000/', '/proxy/', '/proxy', '/PROXY/3000/', '/%70roxy/3000/', '//proxy/3000/', '/proxy/3000@evil.com/',
    '/proxy%2f3000/', '/Absproxy/3000/', '/proxy/test@evil.com/path', '/proxy/70000/',
  ])('has no %s for anything else', async (path) => {
    expect((await inEditor(path)).status).toBe(404)
    expect((await inEditor(path, { method: 'POST', body: 'x' })).status).toBe(404)
    const { host, headers } = { host: edge.hostOf(id), headers: edge.cookie(id) }
    const socket = await connect(`${edge.url}/w/${id}${path}`, { host, headers, origin: edge.originOf(id) })
    expect(socket).toBe(404)
    expect(canary.bytes()).toBe('')
  })
})

describe('a port of a workspace that is asleep', () => {
  const asleep = (): string => edge.asleep(2)

  test('wakes it when a person goes there, and shows how far it is, on the port’s own origin', async () => {
    const of = asleep()
    const page = await visit('/app', { headers: NAVIGATION }, of)
    expect(page).toMatchObject({
      status: 200,
      text: expect.stringContaining('data-base="/.berth/"') as string,
    })
    expect(edge.table.get(of)).toMatchObject({ desiredState: 'RUNNING', cause: 'VISIT' })
    expect(edge.enqueued).toEqual([of])
  })

  test('sleeps on for all else', async () => {
    const of = asleep()
    expect(await visit('/app', {}, of)).toMatchObject({ status: 503, headers: { 'retry-after': '2' } })
    const framed = { ...NAVIGATION, 'sec-fetch-dest': 'iframe' }
    expect((await visit('/app', { headers: framed }, of)).status).toBe(503)
    expect(edge.table.get(of)!.wish).toBe(1)
  })

  test('has its events and buttons there, which reach no server', async () => {
    const of = edge.add(3, { status: 'STANDBY', desiredState: 'STANDBY' }, canary.upstream)
    const host = edge.portHostOf(of, PORT)
    const stream = await openStream(`${edge.url}/.berth/events`, { host, headers: edge.portCookie(of, PORT) })
    expect(stream.headers['content-type']).toContain('text/event-stream')
    stream.destroy()
    const start = (origin: string): Promise<Answer> =>
      visit('/.berth/start', { method: 'POST', headers: { origin, 'sec-fetch-site': 'same-origin' } }, of)
    expect((await start(edge.originOf(of))).status).toBe(403)
    expect((await start(edge.portOriginOf(of, PORT))).status).toBe(202)
    expect(edge.table.get(of)!.desiredState).toBe('RUNNING')
    edge.table.writeObserved(of, { status: 'RUNNING' })
    for (const path of ['/.berth/', '/.berth/x', '/.berth/port'])
      expect((await visit(path, {}, of)).status, path).toBe(404)
    expect((await start(edge.portOriginOf(of, PORT))).status, 'code inside could ask as well').toBe(409)
    expect(canary.bytes()).toBe('')
  })

  test('on which nobody listens is told of in words, to a person', async () => {
    canary.answer = (_, response) => response.writeHead(500).end('connect ECONNREFUSED 0.0.0.0:3000')
    const page = await visit('/', { headers: NAVIGATION })
    expect(page).toMatchObject({ status: 502, text: expect.stringContaining('port 3000') as string })
    expect(page.text).not.toContain('refresh')
    expect((await visit('/')).text).toContain('ECONNREFUSED')
    canary.answer = (_, response) => response.writeHead(500, { 'Content-Type': 'text/html' }).end('their own')
    expect((await visit('/', { headers: NAVIGATION })).text).toBe('their own')
    expect(edge.begun).toEqual([])
  })

  test('is waited for while code-server does not answer', async () => {
    edge.upstreams.set(id, { socketPath: '/nowhere/s' })
    const page = await visit('/', { headers: NAVIGATION })
    expect(page.text).toContain('data-shows="running"')
    edge.upstreams.set(id, await startRawCanary('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'))
    expect((await visit('/', { headers: NAVIGATION })).text).toBe('hi')
  })
})

describe('the editor is told where ports are', () => {
  const settings = (uri: string): string => `<meta data-settings="{&quot;proxy&quot;:&quot;${uri}&quot;}">`

  test('in its document, as they are now, and nowhere else', async () => {
    const was = `http://{{port}}--${id}.localhost:1/`
    const now = `http://{{port}}--${id}.localhost:${edge.port}/`
    const foreign = `http://{{port}}--${idOf(2)}.localhost:1/`
    canary.answer = (request, response) => {
      const type = request.url === '/json' ? 'application/json' : 'text/html; charset=utf-8'
      response.writeHead(200, { 'Content-Type': type }).end(`ü ${settings(was)} ${foreign} ${was}`)
    }
    const document = await inEditor('/', { headers: { 'accept-encoding': 'gzip' } })
    expect(document.text).toBe(`ü ${settings(now)} ${foreign} ${now}`)
    expect(Number(document.headers['content-length'])).toBe(document.body.length)
    expect(canary.requests[0]!.headers['accept-encoding']).toBe('identity')
    expect((await inEditor('/?folder=/x')).text).toContain(now)
    for (const path of ['/json', '/other'])
      expect((await inEditor(path, { headers: { 'accept-encoding': 'gzip' } })).text).toContain(was)
    expect(canary.requests.at(-1)!.headers['accept-encoding']).toBe('gzip')
    expect((await visit('/')).text, 'of a server on a port').toContain(was)
    expect((await inEditor('/', { method: 'HEAD' })).status).toBe(200)
  })

  test('not in one that is packed, or too large, which come as they are', async () => {
    canary.answer = (_, response) =>
      response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Encoding': 'br' }).end('packed')
    expect((await inEditor('/')).text).toBe('packed')
    const large = Buffer.alloc(3 * 2 ** 20, 'x')
    canary.answer = (_, response) =>
      response.writeHead(200, { 'Content-Type': 'text/html', 'Content-Length': large.length }).end(large)
    expect((await inEditor('/')).body.equals(large)).toBe(true)
  })

  test('and is not held up by a document that breaks off, or never ends', async () => {
    canary.answer = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' })
      response.write('half', () => response.socket!.destroy())
    }
    await expect(inEditor('/')).rejects.toThrow(/hang up|aborted/)
    canary.answer = (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html' })
      const more = (): void => {
        if (!response.destroyed) response.write(Buffer.alloc(2 ** 18, 'x'), more)
      }
      more()
    }
    await expect(inEditor('/')).rejects.toThrow(/hang up|aborted/)
    await until('upstream is let go', () => canary.sockets.size === 0)
  })
})

test('P5: a port’s origin takes nothing that two readers could read differently', async () => {
  const head = `Host: ${edge.portHostOf(id, PORT)}\r\nAuthorization: Bearer ${TOKEN}\r\n`
  for (const target of [
    '/../x',
    '/%2e%2e/x',
    '/./x',
    '/a\\b',
    '/%5cx',
    '/%00',
    '/ü',
    'http://evil.com/x',
    '*',
    'x',
  ])
    expect([400, 404], target).toContain(
      (await sendRaw(edge.port, `GET ${target} HTTP/1.1\r\n${head}Connection: close\r\n\r\n`)).status,
    )
  expect(canary.bytes()).toBe('')
})
