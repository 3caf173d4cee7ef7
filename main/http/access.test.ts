import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import { problem } from '../core/api.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { COOKIE, PORT_COOKIE } from '../gateway/headers.ts'
import { rowsOfOthers } from '../security/oracle.ts'
import { createRandom } from '../testing/crash/random.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { rawRequest, sendRaw } from '../testing/raw.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { openStream, send, type Answer } from '../testing/send.ts'
import type { Route } from './router.ts'

let edge: Edge
beforeEach(async () => void (edge = await startEdge()))

type Headers = Record<string, string>
const JSON_TYPE = { 'content-type': 'application/json' }

/** The installation's token, also after it was replaced. */
const tokenNow = (): string => edge.newTokens.at(-1) ?? TOKEN
const bearer = (token: string): Headers => ({ authorization: `Bearer ${token}` })
const alice = (): Headers => bearer(tokenNow())

async function call(method: string, path: string, headers: Headers, body?: object): Promise<Answer> {
  return send(`${edge.url}/api/v1${path}`, {
    method,
    headers: { ...(body && JSON_TYPE), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  })
}
/** The status of an answer that may go on for ever. */
async function statusOf(method: string, path: string, headers: Headers, body?: object): Promise<number> {
  const stream = await openStream(`${edge.url}/api/v1${path}`, {
    method,
    headers: { ...(body && JSON_TYPE), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  })
  stream.destroy()
  return stream.statusCode ?? 0
}
const told = (answer: Answer) => problem.strict().parse(JSON.parse(answer.text))
const nameOf = ({ method, path }: Route): string => `${method} ${path}`
const addressOf = ({ path }: Route, id = idOf(1)): string => path.replace('{id}', id)

let names = 0
/** A request to a route that would succeed, if it were allowed. */
function bodyOf({ path, method }: Route): object | undefined {
  if (method === 'GET' || method === 'DELETE') return undefined
  switch (path) {
    case '/login':
      return { token: tokenNow() }
    case '/found:adopt':
      return { ids: [idOf(999)] }
    case '/accounts':
      return { name: `Dave ${++names}`, password: 'correct horse' }
    case '/accounts/{id}':
      return { name: `Erin ${++names}` }
    case '/settings':
      return { cpus: 3 }
    case '/workspaces':
      return { name: 'New' }
    case '/workspaces/{id}':
      return { desired_state: 'RUNNING' }
    case '/workspaces/{id}/shares':
      return { mode: 'LINK', expires_in_seconds: null }
    default:
      return {}
  }
}

/** Of Alice's: what the route has to do with; its id. */
async function ready({ path }: Route, n: number, change: Partial<WorkspaceRow> = {}): Promise<string> {
  if (path.startsWith('/accounts/'))
    return (await edge.accounts.create(ALICE, { name: `Carol ${n}`, password: 'correct horse' })).id
  if (path.startsWith('/trash/'))
    return edge.add(n, { status: 'DELETED', deletedAt: 1, homeStoreKey: 'users/a/workspaces/b/home' })
  if (path.startsWith('/found')) {
    edge.orphans.push({ id: idOf(n), imageRef: 'image:1', cpus: 1, memoryBytes: 2 ** 30, homePath: null })
    return idOf(n)
  }
  if (path.endsWith('/ports')) return edge.add(n, { status: 'RUNNING', ...change })
  if (path.endsWith(':restore'))
    return edge.asleep(n, { archiveKey: `${idOf(n)}/op/home.tar.zst`, ...change })
  const id = edge.asleep(n, change)
  if (!path.startsWith('/shares/') && !path.startsWith('/guests/')) return id
  const shared = await edge.shares.create(ALICE, id, {
    ...{ mode: 'DOORBELL', wakes: false, ports: [], expires_in_seconds: null },
  })
  if (path.startsWith('/shares/')) return shared.share.id
  edge.shares.enter(
    id,
    { link: new URL(shared.link).hash.slice(1), name: 'Guest' },
    `192.0.2.${n}`,
    undefined,
  )
  return edge.shares.list(ALICE, id)[0]!.guests[0]!.id
}
/** Of Alice's. */
async function guestToken(): Promise<string> {
  const id = edge.asleep(900)
  const { link } = await edge.shares.create(ALICE, id, {
    ...{ mode: 'LINK', wakes: true, ports: [], expires_in_seconds: null },
  })
  return edge.shares.enter(id, { link: new URL(link).hash.slice(1), name: 'Guest' }, '192.0.2.1', undefined)
    .token
}

/** Changes when anything was written, or asked of the reconciler. */
const world = (): string =>
  `${String(edge.db.prepare('SELECT total_changes()').pluck().get())} ${edge.enqueued.length} ${edge.orphans.length}`

type Credential = readonly [what: string, make: () => Headers | Promise<Headers>]

/** Nobody's. */
const GARBAGE: Credential[] = [
  ['nothing', () => ({})],
  ['a wrong token', () => bearer('wrong')],
  ['the token, cut short', () => bearer(TOKEN.slice(0, -1))],
  ['the token with more', () => bearer(`${TOKEN}x`)],
  ['the token twice', () => bearer(`${TOKEN} ${TOKEN}`)],
  ['the token without its scheme', () => ({ authorization: TOKEN })],
  ['another scheme', () => ({ authorization: `Basic ${Buffer.from(`x:${TOKEN}`).toString('base64')}` })],
  ['an empty token', () => ({ authorization: 'Bearer ' })],
  ['the token in a cookie', () => ({ cookie: `token=${TOKEN}; authorization=Bearer ${TOKEN}` })],
  [
    'an expired session',
    () => {
      const old = edge.sessionOf(ALICE.id, null)
      edge.pass(31 * 86_400_000)
      return bearer(old)
    },
  ],
  [
    'a session that nobody used',
    () => {
      const old = edge.sessionOf(ALICE.id, null)
      edge.pass(7 * 86_400_000)
      return bearer(old)
    },
  ],
  [
    'a session that was ended',
    () => {
      const token = edge.sessionOf(ALICE.id, null)
      edge.sessions.signOut(edge.sessions.bearer(token)!.sessionId)
      return bearer(token)
    },
  ],
  [
    'a token that was renewed a minute ago',
    () => {
      const token = edge.sessionOf(ALICE.id, null)
      edge.pass(60_000)
      edge.sessions.renew(token)
      edge.pass(60_000)
      return bearer(token)
    },
  ],
]

/** What opens pages, or will open something. */
const OF_PAGES: Credential[] = [
  ['the cookie of a workspace', () => edge.cookie(idOf(1))],
  ['the cookie of a port', () => edge.portCookie(idOf(1), 3000)],
  ['the cookie of a guest', async () => ({ cookie: `berth-guest=${await guestToken()}` })],
  ['the session of a workspace as a bearer token', () => bearer(edge.sessionOf(ALICE.id, idOf(1)))],
  ['the session of a port as a bearer token', () => bearer(edge.sessionOf(ALICE.id, idOf(1), 3000))],
  ['the token of a guest as a bearer token', async () => bearer(await guestToken())],
  ['a session of the API as a cookie', () => ({ cookie: `${COOKIE}=${edge.sessionOf(ALICE.id, null)}` })],
  ['the token as a cookie', () => ({ cookie: `${COOKIE}=${TOKEN}; ${PORT_COOKIE}=${TOKEN}` })],
  [
    'a code',
    () =>
      bearer(edge.sessions.issueCode({ userId: ALICE.id, parentId: null, workspaceId: null, port: null })),
  ],
]

const UNKNOWN = [
  ['GET', '/nothing'],
  ['GET', ''],
  ['GET', '/'],
  ['PUT', '/workspaces'],
  ['OPTIONS', '/workspaces'],
  ['HEAD', '/session'],
  ['GET', '/login'],
  ['PROPFIND', '/'],
  ['POST', `/workspaces/${idOf(1)}:nothing`],
  ['GET', `/workspaces/${idOf(2)}`],
  ['PATCH', `/accounts/${idOf(2)}x`],
] as const

/** Every route that there is and some that there are not answer the same 401, and nothing happens. */
async function expectRefused(make: Credential[1]): Promise<void> {
  edge.asleep(1)
  const headers = await make()
  const before = world()
  const answers: Answer[] = []
  for (const route of edge.routes.filter(({ open }) => !open))
    answers.push(await call(route.method, `${addressOf(route)}?token=${TOKEN}`, headers, bodyOf(route)))
  for (const [method, path] of UNKNOWN) answers.push(await call(method, path, headers))
  for (const { status, headers: sent } of answers) {
    expect(status).toBe(401)
    expect(sent['www-authenticate']).toBe('Bearer realm="berth"')
  }
  expect(new Set(answers.map(({ text }) => text).filter(Boolean)).size, 'nothing can be told apart').toBe(1)
  expect(world()).toBe(before)
}

describe('every route', () => {
  test('E3: needs a credential, but signing in', () => {
    expect(edge.routes.filter(({ open }) => open).map(nameOf)).toEqual(['POST /login'])
  })

  test.each(GARBAGE)('E3: answers 401 to %s, and unknown ones the same', (_, make) => expectRefused(make))

  test.each(OF_PAGES)('E4: answers 401 to %s, and unknown ones the same', (_, make) => expectRefused(make))

  test('E3: answers the token', async () => {
    for (const [n, route] of edge.routes.entries()) {
      const id = await ready(route, n)
      // There is no home to take in here: that there is none is an answer too.
      const expected = route.path === '/found:adopt' ? 404 : route.status
      const status = await statusOf(route.method, addressOf(route, id), alice(), bodyOf(route))
      expect(status, nameOf(route)).toBe(expected)
    }
  })
})

/** What each route answers: to who is not signed in, to another account about what is Alice's, and to Alice. */
// prettier-ignore
const TABLE: Record<string, readonly [stranger: number, bob: number, alice: number]> = {
  'GET /healthz':                      [401, 200, 200],
  'POST /login':                       [200, 200, 200],
  'POST /logout':                      [401, 204, 204],
  'GET /session':                      [401, 200, 200],
  'POST /session:renew':               [401, 200, 200],
  'GET /accounts':                     [401, 403, 200],
  'POST /accounts':                    [401, 403, 201],
  'PATCH /accounts/{id}':              [401, 403, 200],
  'DELETE /accounts/{id}':             [401, 403, 204],
  'POST /secrets:rotate':              [401, 403, 200],
  'GET /workspaces':                   [401, 200, 200],
  'POST /workspaces':                  [401, 201, 201],
  'GET /workspaces/{id}':              [401, 403, 200],
  'PATCH /workspaces/{id}':            [401, 403, 200],
  'DELETE /workspaces/{id}':           [401, 403, 204],
  'POST /workspaces/{id}:duplicate':   [401, 403, 201],
  'POST /workspaces/{id}:start':       [401, 403, 202],
  'POST /workspaces/{id}:stop':        [401, 403, 202],
  'POST /workspaces/{id}:archive':     [401, 403, 202],
  'POST /workspaces/{id}:restore':     [401, 403, 202],
  'POST /workspaces/{id}:retry':       [401, 403, 202],
  'POST /workspaces/{id}:open':        [401, 403, 200],
  'GET /workspaces/{id}/authorize':    [401, 403, 200],
  'GET /workspaces/{id}/ports':        [401, 403, 200],
  'GET /workspaces/{id}/archives':     [401, 403, 200],
  'GET /workspaces/{id}/history':      [401, 403, 200],
  'GET /workspaces/{id}/logs':         [401, 403, 200],
  'GET /workspaces/{id}/stats':        [401, 403, 200],
  'GET /workspaces/{id}/events':       [401, 403, 200],
  'GET /workspaces/{id}/shares':       [401, 403, 200],
  'POST /workspaces/{id}/shares':      [401, 403, 201],
  'PATCH /shares/{id}':                [401, 403, 200],
  'DELETE /shares/{id}':               [401, 403, 204],
  'POST /guests/{id}:allow':           [401, 403, 200],
  'DELETE /guests/{id}':               [401, 403, 204],
  'GET /trash':                        [401, 200, 200],
  'POST /trash/{id}:restore':          [401, 403, 202],
  'DELETE /trash/{id}':                [401, 403, 204],
  'GET /found':                        [401, 200, 200],
  'POST /found:adopt':                 [401, 404, 404],
  'DELETE /found/{id}':                [401, 404, 204],
  'GET /events':                       [401, 200, 200],
  'GET /system':                       [401, 200, 200],
  'GET /doctor':                       [401, 403, 200],
  'GET /settings':                     [401, 403, 200],
  'PATCH /settings':                   [401, 403, 200],
  'GET /openapi.json':                 [401, 200, 200],
}

describe('who may what', () => {
  const garbage = (what: string): Credential => GARBAGE.find(([name]) => name === what)!
  const CREDENTIALS: [what: string, column: 0 | 1 | 2, make: Credential[1]][] = [
    ['nobody', 0, () => ({})],
    ['garbage', 0, garbage('a wrong token')[1]],
    ['an expired session', 0, garbage('an expired session')[1]],
    ['the cookie of the workspace', 0, () => edge.cookie(idOf(1))],
    ['Bob', 1, () => edge.bobsBearer()],
    ['Alice by a session', 2, () => bearer(edge.sessionOf(ALICE.id, null))],
    ['Alice by the token', 2, alice],
  ]
  const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

  test('E8: is said of every route', () => {
    expect(Object.keys(TABLE).sort()).toEqual(edge.routes.map(nameOf).sort())
  })

  test.each(CREDENTIALS)('E8: %s, by every route', async (_, column, make) => {
    for (const [n, route] of edge.routes.entries()) {
      const id = await ready(route, n)
      const headers = await make()
      edge.shares.sweep() // time may have passed
      const before = world()
      const status = await statusOf(route.method, addressOf(route, id), headers, bodyOf(route))
      expect(status, nameOf(route)).toBe(TABLE[nameOf(route)]![column])
      if (status >= 400) expect(world(), nameOf(route)).toBe(before)
    }
  })

  test.each(CREDENTIALS)('E8: %s, by every other method', async (_, column, make) => {
    const paths = [...new Set(edge.routes.map(({ path }) => path))]
    for (const path of paths) {
      const headers = await make()
      const before = world()
      for (const method of METHODS.filter((method) => !(`${method} ${path}` in TABLE)))
        expect(await statusOf(method, path.replace('{id}', idOf(1)), headers), `${method} ${path}`).toBe(
          column === 0 ? 401 : 405,
        )
      expect(world()).toBe(before)
    }
  })

  test.each(['RUNNING', 'PENDING', 'ERROR'] as const)(
    'E8: is the same when the workspace is %s',
    async (status) => {
      const change = { status, desiredState: 'STANDBY' } as const
      const routes = edge.routes.filter(({ path }) => /^\/(workspaces|shares|guests)\//.test(path))
      for (const [n, route] of routes.entries()) {
        const id = await ready(route, n, change)
        const before = { bob: edge.bobsBearer(), world: world() }
        for (const [headers, expected] of [
          [{}, 401],
          [before.bob, 403],
        ] as const)
          // prettier-ignore
          expect(await statusOf(route.method, addressOf(route, id), headers, bodyOf(route)), nameOf(route)).toBe(
            expected,
          )
        expect(world()).toBe(before.world)
        const answered = await statusOf(route.method, addressOf(route, id), alice(), bodyOf(route))
        expect([401, 403], nameOf(route)).not.toContain(answered)
      }
    },
  )

  test('what is somebody else’s is forbidden, what is not there is not found, by every route', async () => {
    const bobs = edge.add(1, { ownerId: BOB.id })
    const deleted = edge.add(2, { status: 'DELETED', deletedAt: 1 })
    const before = world()
    for (const route of edge.routes.filter(({ path }) => path.includes('{id}'))) {
      const isWorkspace = /^\/(workspaces|trash|found)\//.test(route.path)
      for (const [id, status, code] of [
        [bobs, isWorkspace ? 403 : 404, isWorkspace ? 'FORBIDDEN' : 'NOT_FOUND'],
        [deleted, 404, 'NOT_FOUND'],
        [idOf(9), 404, 'NOT_FOUND'],
      ] as const) {
        const answer = await call(route.method, addressOf(route, id), alice(), bodyOf(route))
        expect(answer.status, nameOf(route)).toBe(status)
        expect(told(answer).code).toBe(code)
      }
    }
    expect(world()).toBe(before)
  })
})

describe('nothing is changed', () => {
  const NOT_JSON = [
    'text/plain',
    'application/x-www-form-urlencoded',
    'multipart/form-data; boundary=x',
    '',
    'application/jsonx',
    'text/json',
    'application/ld+json',
  ]
  /** Origins whose pages may change nothing. */
  const strangers = (): string[] => [
    ...[
      'null',
      '',
      'http://evil.com',
      `http://${edge.host}.evil.com`,
      `https://${edge.host}`,
      `${edge.url}/`,
    ],
    ...[
      'http://127.0.0.1',
      `http://localhost:${edge.port}`,
      edge.originOf(idOf(1)),
      edge.portOriginOf(idOf(1), 3000),
    ],
  ]

  test('E5: by GET, HEAD and OPTIONS on any path, with any query and body', async () => {
    const id = edge.asleep(1)
    const before = world()
    const paths = [...new Set(edge.routes.map((route) => addressOf(route, id)))]
    for (const path of paths)
      for (const method of ['GET', 'HEAD', 'OPTIONS'])
        for (const query of ['', '?desired_state=RUNNING&_method=POST'])
          for (const body of [undefined, '{"desired_state":"RUNNING","token":"' + TOKEN + '"}']) {
            const stream = await openStream(`${edge.url}/api/v1${path}${query}`, {
              method,
              headers: { ...edge.bearer, 'x-http-method-override': 'DELETE', ...(body && JSON_TYPE) },
              ...(body && { body }),
            })
            stream.destroy()
          }
    expect(world()).toBe(before)
  })

  test('E5: by a page of another site or another origin, even with the token', async () => {
    edge.asleep(1)
    const before = world()
    // Older browsers say where a page is from, and not how far that is.
    const changes = edge.routes.filter(({ method }) => method !== 'GET')
    const pages: [Headers, readonly Route[]][] = [
      ...['cross-site', 'same-site'].map((site): [Headers, readonly Route[]] => [
        { 'sec-fetch-site': site },
        edge.routes,
      ]),
      ...strangers().map((origin): [Headers, Route[]] => [{ origin }, changes]),
    ]
    for (const [page, routes] of pages)
      for (const route of routes) {
        const headers = { ...edge.bearer, ...page }
        const answer = await call(route.method, addressOf(route), headers, bodyOf(route))
        expect(answer.status, `${nameOf(route)} ${JSON.stringify(page)}`).toBe(403)
        expect(told(answer).code).toBe('FORBIDDEN')
      }
    const twice = ['POST /api/v1/workspaces HTTP/1.1', `Host: ${edge.host}`, `Authorization: Bearer ${TOKEN}`]
    const own = `Origin: ${edge.url}`
    const { status } = await sendRaw(edge.port, rawRequest(twice[0]!, [...twice.slice(1), own, own]))
    expect(status).toBe(403)
    expect(world()).toBe(before)
    // The dashboard is told from these, by either of its names.
    for (const name of ['127.0.0.1', 'localhost']) {
      const host = `${name}:${edge.port}`
      const answer = await send(`${edge.url}/api/v1/workspaces`, {
        method: 'POST',
        host,
        headers: { ...edge.bearer, ...JSON_TYPE, origin: `http://${host}` },
        body: '{"name":"New"}',
      })
      expect(answer.status, name).toBe(201)
    }
  })

  test('E5: by ten thousand requests with the token that read, come from elsewhere, or are no JSON', async () => {
    for (const [n, route] of edge.routes.entries()) await ready(route, n + 10)
    const id = edge.asleep(1)
    const all = (): string => createHash('sha256').update(rowsOfOthers(edge.db, null).join()).digest('hex')
    const before = { rows: all(), world: world() }
    const { pick, chance } = createRandom(5)
    const bodied = edge.routes.filter(({ body }) => body)
    const ids = [id, ...edge.table.living().map((row) => row.id), 'x']
    const bodies = [undefined, '{}', '{"desired_state":"RUNNING"}', `{"token":"${TOKEN}"}`, '{"name":"New"}']
    const page = (): Headers =>
      chance(0.5) ? { 'sec-fetch-site': pick(['cross-site', 'same-site']) } : { origin: pick(strangers()) }
    /** One of each kind, with everything else by chance. */
    function next(n: number): { method: string; route: Route; headers: Headers; body: string | undefined } {
      const route = pick(edge.routes)
      const body = bodyOf(route)
      const given = body ? JSON.stringify(body) : pick(bodies)
      if (n % 3 === 0) {
        const headers = {
          ...(chance(0.5) && { 'x-http-method-override': 'DELETE' }),
          ...(chance(0.3) && page()),
        }
        return {
          method: pick(['GET', 'HEAD', 'OPTIONS']),
          route,
          headers: { ...JSON_TYPE, ...headers },
          body: given,
        }
      }
      if (n % 3 === 1)
        return { method: route.method, route, headers: { ...JSON_TYPE, ...page() }, body: given }
      const other = pick(bodied)
      const text = JSON.stringify(bodyOf(other))
      const type = { 'content-type': pick(NOT_JSON) }
      return chance(0.7)
        ? { method: other.method, route: other, headers: type, body: text }
        : {
            method: other.method,
            route: other,
            headers: JSON_TYPE,
            body: pick([text.slice(1), `${text}x`, 'a=b', '\0']),
          }
    }
    const seen = new Map<number, number>()
    for (let from = 0; from < 10_000; from += 50)
      await Promise.all(
        Array.from({ length: 50 }, async (_, n) => {
          const { method, route, headers, body } = next(from + n)
          const query = pick(['', '?desired_state=RUNNING&_method=POST', `?token=${TOKEN}`])
          const stream = await openStream(`${edge.url}/api/v1${addressOf(route, pick(ids))}${query}`, {
            method,
            headers: { ...edge.bearer, ...headers },
            ...(body !== undefined && { body }),
          })
          stream.on('error', () => undefined).destroy()
          const status = stream.statusCode ?? 0
          seen.set(status, (seen.get(status) ?? 0) + 1)
        }),
      )
    for (const status of [200, 400, 403, 405, 415])
      expect(seen.get(status), String(status)).toBeGreaterThan(50)
    expect({ rows: all(), world: world() }).toEqual(before)
  }, 60_000)

  test('E5: by a body that is not declared as JSON, which is all that a foreign form can send', async () => {
    edge.asleep(1)
    const before = world()
    for (const route of edge.routes.filter(({ body }) => body))
      for (const type of NOT_JSON) {
        const headers = { ...edge.bearer, 'content-type': type }
        const answer = await call(route.method, addressOf(route), headers, bodyOf(route))
        expect(answer.status, `${route.path} ${type}`).toBe(415)
        expect(told(answer).code).toBe('UNSUPPORTED_MEDIA_TYPE')
      }
    expect(world()).toBe(before)
  })
})

test('E6: no origin is ever allowed to read, and OPTIONS needs the token like everything else', async () => {
  edge.asleep(1)
  // prettier-ignore
  const origins = [
    'null', 'http://evil.com', 'https://evil.com', edge.originOf(idOf(1)), edge.portOriginOf(idOf(1), 3000), edge.url, `http://localhost:${edge.port}`, 'http://127.0.0.1',
    `https://${edge.host}`, `http://${edge.host}.evil.com`, 'file://', 'app://berth', 'vscode-webview://x', 'http://[::1]', '*', '',
    'http://127.0.0.1:1', `http://x.localhost:${edge.port}`, 'moz-extension://x', 'chrome-extension://x', 'http://evil.com:80',
  ]
  for (const origin of origins)
    for (const path of new Set(edge.routes.map((route) => addressOf(route)))) {
      const preflight = await call('OPTIONS', path, {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      })
      expect(preflight.status, `${origin} ${path}`).toBe(401)
      const stream = await openStream(`${edge.url}/api/v1${path}`, { headers: { ...edge.bearer, origin } })
      stream.destroy()
      for (const answered of [preflight.headers, stream.headers])
        expect(Object.keys(answered).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
}, 30_000)
