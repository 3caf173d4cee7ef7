import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { beforeEach, describe, expect, test } from 'vitest'
import { problem, type System } from '../core/api.ts'
import { ERRORS } from '../core/errors.ts'
import { COOKIE } from '../gateway/headers.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { openStream, send, type Answer } from '../testing/send.ts'
import type { Route } from './router.ts'

let edge: Edge
beforeEach(async () => void (edge = await startEdge()))

type Headers = Record<string, string>
const JSON_TYPE = { 'content-type': 'application/json' }

/** Calls the API as the desktop's own user, unless `headers` say otherwise. */
async function call(
  method: string,
  path: string,
  body?: unknown,
  headers: Headers = edge.bearer,
): Promise<Answer> {
  const text = body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body)
  return send(`${edge.url}/api/v1${path}`, {
    method,
    headers: { ...(text !== undefined && JSON_TYPE), ...headers },
    ...(text !== undefined && { body: text }),
  })
}
const told = (answer: Answer): { code: string; detail: string } => {
  expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
  return problem.strict().parse(JSON.parse(answer.text))
}

/** A request to a route that would succeed, if it were allowed. */
const addressOf = ({ path }: Route, id = idOf(1)): string => path.replace('{id}', id)
const bodyOf = ({ path, method }: Route): object | undefined => {
  if (method === 'GET' || method === 'DELETE') return undefined
  if (path === '/found:adopt') return { ids: [idOf(999)] }
  if (path === '/login') return { token: TOKEN }
  if (path === '/workspaces') return { name: 'New' }
  return path === '/workspaces/{id}' ? { desired_state: 'RUNNING' } : {}
}
/** What a request leaves behind: every row of every table, and what the reconciler was asked. */
function world(): string {
  const tables = ['users', 'sessions', 'workspaces', 'meta']
  const rows = tables.map((table) => edge.db.prepare(`SELECT * FROM ${table} ORDER BY 1`).all())
  return createHash('sha256')
    .update(JSON.stringify([rows, edge.enqueued]))
    .digest('hex')
}

describe('E3 every route', () => {
  test('needs the token, but signing in', () => {
    expect(edge.routes.filter(({ open }) => open).map(({ method, path }) => `${method} ${path}`)).toEqual([
      'POST /login',
    ])
  })

  const WRONG: [string, () => Headers][] = [
    ['nothing', () => ({})],
    ['a wrong token', () => ({ authorization: 'Bearer wrong' })],
    ['the token, cut short', () => ({ authorization: `Bearer ${TOKEN.slice(0, -1)}` })],
    ['the token with more', () => ({ authorization: `Bearer ${TOKEN}x` })],
    ['the token twice', () => ({ authorization: `Bearer ${TOKEN} ${TOKEN}` })],
    ['the token without its scheme', () => ({ authorization: TOKEN })],
    ['another scheme', () => ({ authorization: `Basic ${Buffer.from(`x:${TOKEN}`).toString('base64')}` })],
    ['an empty token', () => ({ authorization: 'Bearer ' })],
    [
      'the token in the query or a cookie',
      () => ({ cookie: `token=${TOKEN}; authorization=Bearer ${TOKEN}` }),
    ],
    // E4: what opens a workspace's pages opens nothing here.
    ['E4 a workspace’s cookie', () => edge.cookie(idOf(1))],
    [
      'E4 a workspace’s session as a bearer token',
      () => ({ authorization: `Bearer ${edge.sessionOf(ALICE.id, idOf(1))}` }),
    ],
    ['E4 a session as a cookie', () => ({ cookie: `${COOKIE}=${edge.sessionOf(ALICE.id, null)}` })],
    [
      'E4 a code',
      () => ({ authorization: `Bearer ${edge.sessions.issueCode({ userId: ALICE.id, workspaceId: null })}` }),
    ],
    [
      'an expired session',
      () => {
        const old = edge.sessionOf(ALICE.id, null)
        edge.pass(31 * 86_400_000)
        return { authorization: `Bearer ${old}` }
      },
    ],
    [
      'a session that was ended',
      () => {
        const ended = edge.sessionOf(ALICE.id, null)
        edge.sessions.signOut(ended)
        return { authorization: `Bearer ${ended}` }
      },
    ],
  ]

  test.each(WRONG)('answers 401 to %s, and unknown ones the same', async (_, make) => {
    edge.asleep(1)
    const headers = make()
    const before = world()
    const answers: Answer[] = []
    for (const route of edge.routes.filter(({ open }) => !open))
      answers.push(await call(route.method, `${addressOf(route)}?token=${TOKEN}`, bodyOf(route), headers))
    for (const [method, path] of [
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
    ] as const)
      answers.push(await call(method, path, undefined, headers))
    for (const { status, headers: sent } of answers) {
      expect(status).toBe(401)
      expect(sent['www-authenticate']).toBe('Bearer realm="berth"')
    }
    expect(new Set(answers.map(({ text }) => text).filter(Boolean)).size, 'nothing can be told apart').toBe(1)
    expect(world()).toBe(before)
  })

  /** A workspace, or what is left of one, with which the route has something to do. */
  function ready({ path }: Route, n: number): string {
    if (path.startsWith('/trash/'))
      return edge.add(n, { status: 'DELETED', deletedAt: 1, homeStoreKey: 'users/a/workspaces/b/home' })
    if (path.startsWith('/found')) {
      const id = idOf(n)
      edge.orphans.push({ id, imageRef: 'image:1', cpus: 1, memoryBytes: 2 ** 30, homePath: null })
      return id
    }
    return edge.asleep(n, path.endsWith(':restore') ? { archiveKey: `${idOf(n)}/op/home.tar.zst` } : {})
  }

  test('answers the token', async () => {
    for (const [n, route] of edge.routes.entries()) {
      const id = ready(route, n)
      const stream = await openStream(`${edge.url}/api/v1${addressOf(route, id)}`, {
        method: route.method,
        headers: { ...edge.bearer, ...(bodyOf(route) && JSON_TYPE) },
        ...(bodyOf(route) && { body: JSON.stringify(bodyOf(route)) }),
      })
      stream.destroy()
      // There is no home to take in here: that there is none is an answer too.
      const status = route.path === '/found:adopt' ? 404 : route.status
      expect(stream.statusCode, `${route.method} ${route.path}`).toBe(status)
    }
  })
})

describe('E5 nothing is changed', () => {
  test('by GET, HEAD and OPTIONS on any path, with any query and body', async () => {
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

  test('by a page of another site or another origin, even with the token', async () => {
    edge.asleep(1)
    const before = world()
    for (const route of edge.routes)
      for (const site of ['cross-site', 'same-site']) {
        const answer = await call(route.method, addressOf(route), bodyOf(route), {
          ...edge.bearer,
          'sec-fetch-site': site,
        })
        expect(answer.status, `${route.method} ${route.path} ${site}`).toBe(403)
        expect(told(answer).code).toBe('FORBIDDEN')
      }
    expect(world()).toBe(before)
  })

  test('by a body that is not declared as JSON, which is all that a foreign form can send', async () => {
    edge.asleep(1)
    const before = world()
    const types = [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
      '',
      'application/jsonx',
      'text/json',
      'application/ld+json',
    ]
    for (const route of edge.routes.filter(({ body }) => body))
      for (const type of types) {
        const answer = await call(route.method, addressOf(route), bodyOf(route), {
          ...edge.bearer,
          'content-type': type,
        })
        expect(answer.status, `${route.path} ${type}`).toBe(415)
        expect(told(answer).code).toBe('UNSUPPORTED_MEDIA_TYPE')
      }
    expect(world()).toBe(before)
  })
})

test('E6 no origin is ever allowed to read, and OPTIONS needs the token like everything else', async () => {
  edge.asleep(1)
  // prettier-ignore
  const origins = [
    'null', 'http://evil.com', 'https://evil.com', edge.originOf(idOf(1)), edge.url, `http://localhost:${edge.port}`, 'http://127.0.0.1',
    `https://${edge.host}`, `http://${edge.host}.evil.com`, 'file://', 'app://berth', 'vscode-webview://x', 'http://[::1]', '*', '',
    'http://127.0.0.1:1', `http://x.localhost:${edge.port}`, 'moz-extension://x', 'chrome-extension://x', 'http://evil.com:80',
  ]
  for (const origin of origins)
    for (const path of new Set(edge.routes.map((route) => addressOf(route)))) {
      const headers = {
        origin,
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'authorization',
      }
      const preflight = await call('OPTIONS', path, undefined, headers)
      expect(preflight.status, `${origin} ${path}`).toBe(401)
      const stream = await openStream(`${edge.url}/api/v1${path}`, { headers: { ...edge.bearer, origin } })
      stream.destroy()
      for (const answered of [preflight.headers, stream.headers])
        expect(Object.keys(answered).filter((name) => name.startsWith('access-control'))).toEqual([])
    }
}, 30_000)

describe('a workspace', () => {
  test('is created with what was said and defaults for the rest, heading for RUNNING', async () => {
    const answer = await call('POST', '/workspaces', { name: '  Notes ', memo: 'x', cpus: 0.5 })
    expect(answer.status).toBe(201)
    const created = JSON.parse(answer.text)
    expect(created).toMatchObject({
      name: 'Notes',
      memo: 'x',
      description: '',
      cpus: 0.5,
      image_ref: 'image:1',
      status: 'PENDING',
      display_status: 'PENDING',
      operation: 'NONE',
      desired_state: 'RUNNING',
      error_count: 0,
      error_info: null,
      archive_key: null,
      standby_ttl_seconds: 300,
    })
    expect(JSON.parse((await call('GET', `/workspaces/${created.id}`)).text)).toEqual(created)
    expect(edge.enqueued).toEqual([created.id])
  })

  test('is changed in what was said and nothing else', async () => {
    const id = edge.asleep(1, { memo: 'old' })
    const answer = await call('PATCH', `/workspaces/${id}`, { name: 'New', standby_ttl_seconds: 0 })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({
      name: 'New',
      standby_ttl_seconds: 0,
      memo: 'old',
      desired_state: 'STANDBY',
    })
    expect(edge.table.get(id)).toMatchObject({ name: 'New', wish: 1 })
  })

  test.each([
    [':start', 'RUNNING', 'STANDBY'],
    [':stop', 'STANDBY', 'RUNNING'],
    [':archive', 'PENDING', 'RUNNING'],
  ] as const)('%s wishes it %s', async (verb, desired, before) => {
    const id = edge.add(1, { desiredState: before })
    for (const body of [undefined, {}]) {
      const answer = await call('POST', `/workspaces/${id}${verb}`, body)
      expect(answer.status).toBe(202)
      expect(JSON.parse(answer.text)).toMatchObject({ desired_state: desired })
    }
    expect(edge.table.get(id)?.wish).toBe(3)
  })

  test('that is being deleted takes no wish, and can be deleted again', async () => {
    const id = edge.asleep(1)
    expect((await call('DELETE', `/workspaces/${id}`)).status).toBe(204)
    for (const verb of [':start', ':stop']) {
      const answer = await call('POST', `/workspaces/${id}${verb}`)
      expect(answer.status).toBe(409)
      expect(told(answer).code).toBe('BEING_DELETED')
    }
    expect((await call('DELETE', `/workspaces/${id}`)).status).toBe(204)
    expect(JSON.parse((await call('GET', `/workspaces/${id}`)).text)).toMatchObject({ operation: 'DELETING' })
  })

  test('of somebody else is forbidden, one that is not there is not found, by every route', async () => {
    const bobs = edge.add(1, { ownerId: BOB.id })
    const deleted = edge.add(2, { status: 'DELETED', deletedAt: 1 })
    const before = world()
    for (const route of edge.routes.filter(({ path }) => path.includes('{id}')))
      for (const [id, status, code] of [
        [bobs, 403, 'FORBIDDEN'],
        [deleted, 404, 'NOT_FOUND'],
        [idOf(9), 404, 'NOT_FOUND'],
      ] as const) {
        const answer = await call(route.method, addressOf(route, id), bodyOf(route))
        expect(answer.status, `${route.method} ${route.path}`).toBe(status)
        expect(told(answer).code).toBe(code)
      }
    expect(world()).toBe(before)
  })

  test('is read as archived once an archive stands for its home', async () => {
    const id = edge.add(1, { status: 'PENDING', desiredState: 'PENDING', archiveKey: 'x/y/home.tar.zst' })
    expect(JSON.parse((await call('GET', `/workspaces/${id}`)).text)).toMatchObject({
      status: 'PENDING',
      display_status: 'ARCHIVED',
    })
  })

  test('is opened with an address that is good once', async () => {
    const id = edge.asleep(1)
    const answer = await call('POST', `/workspaces/${id}:open`, { path: '/a' })
    const url = new URL(JSON.parse(answer.text).url as string)
    expect(url.host).toBe(edge.hostOf(id))
    expect(url.pathname).toBe(`/w/${id}/a`)
    const code = url.searchParams.get('berth-code')!
    expect(edge.sessions.redeem(code, id)).toBeDefined()
    expect(edge.sessions.redeem(code, id)).toBeUndefined()
  })
})

describe('a list', () => {
  const ids = (answer: Answer): string[] =>
    (JSON.parse(answer.text).items as { id: string }[]).map(({ id }) => id)

  test('is mine alone, oldest first, page by page', async () => {
    for (const n of [2, 1, 3]) edge.asleep(n)
    edge.add(4, { ownerId: BOB.id })
    edge.add(5, { status: 'DELETED', deletedAt: 1 })
    const first = await call('GET', '/workspaces?limit=2')
    expect(ids(first)).toEqual([idOf(1), idOf(2)])
    const cursor = JSON.parse(first.text).next_cursor as string
    const second = await call('GET', `/workspaces?limit=2&cursor=${cursor}`)
    expect(ids(second)).toEqual([idOf(3)])
    expect(JSON.parse(second.text).next_cursor).toBeNull()
    expect(ids(await call('GET', '/workspaces', undefined, edge.bobsBearer()))).toEqual([idOf(4)])
  })

  test('that ends with a page has no next one', async () => {
    for (const n of [1, 2]) edge.asleep(n)
    expect(JSON.parse((await call('GET', '/workspaces?limit=2')).text).next_cursor).toBeNull()
    expect(JSON.parse((await call('GET', '/workspaces')).text).items).toHaveLength(2)
  })

  test.each([
    'limit=0',
    'limit=501',
    'limit=x',
    'limit=1.5',
    'limit=-1',
    'cursor=x',
    'cursor=',
    'offset=3',
    "cursor=' OR 1=1",
  ])('with %s is refused', async (query) => {
    const answer = await call('GET', `/workspaces?${encodeURI(query)}`)
    expect(answer.status).toBe(400)
    expect(told(answer)).toMatchObject({
      code: 'INVALID_INPUT',
      detail: expect.stringContaining('query') as string,
    })
  })
})

describe('signing in', () => {
  test('with the token or a code begins a session that lasts thirty days', async () => {
    const code = edge.sessions.issueCode({ userId: BOB.id, workspaceId: null })
    for (const [body, name] of [
      [{ token: TOKEN }, 'alice'],
      [{ code }, 'bob'],
    ] as const) {
      const answer = await call('POST', '/login', body, {})
      expect(answer.status).toBe(200)
      const { session_token: token, user, expires_at: expires } = JSON.parse(answer.text)
      expect(user.name).toBe(name)
      expect(Math.round((Date.parse(expires as string) - edge.now()) / 86_400_000)).toBe(30)
      const headers = { authorization: `Bearer ${String(token)}` }
      expect(JSON.parse((await call('GET', '/session', undefined, headers)).text)).toEqual({ user })
      expect((await call('POST', '/logout', undefined, headers)).status).toBe(204)
      expect((await call('GET', '/session', undefined, headers)).status).toBe(401)
    }
  })

  test.each<[string, () => object]>([
    ['a wrong token', () => ({ token: 'wrong' })],
    ['a wrong code', () => ({ code: 'wrong' })],
    [
      'a code for a workspace',
      () => ({ code: edge.sessions.issueCode({ userId: ALICE.id, workspaceId: idOf(1) }) }),
    ],
    [
      'a code that was used',
      () => {
        const code = edge.sessions.issueCode({ userId: ALICE.id, workspaceId: null })
        edge.sessions.redeem(code, null)
        return { code }
      },
    ],
    ['a session', () => ({ token: edge.sessionOf(ALICE.id, null) })],
  ])('with %s is refused', async (_, body) => {
    const answer = await call('POST', '/login', body(), {})
    expect(answer.status).toBe(401)
    expect(told(answer).code).toBe('UNAUTHENTICATED')
  })

  test('out with the installation’s token ends nothing', async () => {
    expect((await call('POST', '/logout')).status).toBe(204)
    expect((await call('GET', '/session')).status).toBe(200)
  })
})

describe('what is not valid is refused as a whole, and changes nothing', () => {
  const long = (length: number): string => 'x'.repeat(length)
  const FIELDS: [string, object][] = [
    ['an unknown field', { name: 'x', colour: 'red' }],
    ['a field that is not for people', { name: 'x', status: 'RUNNING' }],
    ['an owner', { name: 'x', owner_id: BOB.id }],
    ['an archive key', { name: 'x', archive_key: '../../etc' }],
    ['an empty name', { name: '' }],
    ['a blank name', { name: '   ' }],
    ['a long name', { name: long(101) }],
    ['a name that is no text', { name: 7 }],
    ['no name for null', { name: null }],
    ['a long description', { name: 'x', description: long(1_001) }],
    ['a long memo', { name: 'x', memo: long(20_001) }],
    ['an image that reads as an option', { name: 'x', image_ref: '--privileged' }],
    ['an image that reads as a path', { name: 'x', image_ref: '/etc/passwd' }],
    ['an image with a blank', { name: 'x', image_ref: 'a b' }],
    ['an image with a line break', { name: 'x', image_ref: 'a\nb' }],
    ['no image', { name: 'x', image_ref: '' }],
    ['a long image', { name: 'x', image_ref: long(301) }],
    ['no CPU', { name: 'x', cpus: 0 }],
    ['too many CPUs', { name: 'x', cpus: 257 }],
    ['CPUs as text', { name: 'x', cpus: '2' }],
    ['too little memory', { name: 'x', memory_bytes: 1 }],
    ['half a byte', { name: 'x', memory_bytes: 2 ** 30 + 0.5 }],
    ['a negative time', { name: 'x', standby_ttl_seconds: -1 }],
    ['a time that never ends', { name: 'x', archive_ttl_seconds: 1e300 }],
    ['a list', []],
    ['a list of one', [{ name: 'x' }]],
  ]

  test.each(FIELDS)('%s', async (_, body) => {
    const id = edge.asleep(1)
    const before = world()
    for (const [method, path] of [
      ['POST', '/workspaces'],
      ['PATCH', `/workspaces/${id}`],
    ] as const) {
      const answer = await call(method, path, body)
      expect(answer.status, method).toBe(400)
      expect(told(answer)).toMatchObject({
        code: 'INVALID_INPUT',
        detail: expect.stringContaining('body') as string,
      })
    }
    expect(world()).toBe(before)
  })

  test.each([
    ['a wish that there is not', { desired_state: 'SLEEPING' }],
    ['a time of day', { keep_awake_until: '15:40' }],
    ['a cap of nothing', { busy_cap_seconds: 0 }],
    ['a shield that is no switch', { busy_shield: 'on' }],
    ['what only Berth writes', { status_cause: 'PERSON' }],
    ['a wish to be deleted', { desired_state: 'DELETED' }],
    ['one right and one wrong field', { name: 'right', cpus: -1 }],
  ])('%s', async (_, body) => {
    const id = edge.asleep(1)
    const before = world()
    const answer = await call('PATCH', `/workspaces/${id}`, body)
    expect(told(answer).code).toBe('INVALID_INPUT')
    expect(world()).toBe(before)
  })

  test.each(['', '{', 'null', '"x"', '{"name":"x"}{', '\u0000', "{'name':'x'}"])(
    'the body %j',
    async (body) => {
      const before = world()
      const answer = await call('POST', '/workspaces', body)
      expect(answer.status).toBe(400)
      expect(told(answer).code).toBe('INVALID_INPUT')
      expect(world()).toBe(before)
    },
  )

  test('a create without a body, a name, or any of both', async () => {
    for (const body of [undefined, {}, { memo: 'x' }])
      expect((await call('POST', '/workspaces', body)).status, JSON.stringify(body)).toBe(400)
  })

  test('fields where none are taken', async () => {
    const id = edge.asleep(1)
    const before = world()
    for (const verb of [':start', ':stop', ':retry', ':archive', ':restore'])
      expect((await call('POST', `/workspaces/${id}${verb}`, { force: true })).status).toBe(400)
    for (const body of [{ path: 'x' }, { path: 7 }, { url: '/' }, { path: `/${long(4_000)}` }])
      expect((await call('POST', `/workspaces/${id}:open`, body)).status).toBe(400)
    for (const body of [{}, { token: TOKEN, code: 'x' }, { token: long(201) }, { user: 'x' }])
      expect((await call('POST', '/login', body)).status).toBe(400)
    expect(world()).toBe(before)
  })

  test('a prototype in JSON is a field like any other', async () => {
    const answer = await call('POST', '/workspaces', '{"name":"x","__proto__":{"ownerId":"y"}}')
    expect([201, 400]).toContain(answer.status)
    expect(({} as { ownerId?: string }).ownerId).toBeUndefined()
  })

  test('names which fields are wrong and why', async () => {
    const { detail } = told(await call('POST', '/workspaces', { name: '', cpus: 'x' }))
    expect(detail).toContain('body.name')
    expect(detail).toContain('body.cpus')
  })
})

describe('a body that is too large', () => {
  const large = JSON.stringify({ name: 'x', memo: 'y'.repeat(300 * 1024) })

  test.each<[string, () => string | Readable]>([
    ['announced', () => large],
    ['not announced', () => Readable.from([large.slice(0, 100_000), large.slice(100_000)])],
    ['and without end', () => Readable.from((function* () { for (;;) yield large })())], // prettier-ignore
  ])('%s, is refused with a problem that arrives', async (_, body) => {
    const answer = await send(`${edge.url}/api/v1/workspaces`, {
      method: 'POST',
      headers: { ...edge.bearer, ...JSON_TYPE },
      body: body(),
    })
    expect(answer.status).toBe(413)
    expect(told(answer).code).toBe('PAYLOAD_TOO_LARGE')
    expect(edge.table.living()).toEqual([])
  })

  test('by its fields is not one by its size', async () => {
    const memo = 'ü'.repeat(20_000)
    expect((await call('POST', '/workspaces', { name: 'x', memo })).status).toBe(201)
  })
})

describe('a problem', () => {
  test('has the shape of RFC 9457, with the code and what to do', async () => {
    const answer = await call('GET', '/nothing')
    expect(JSON.parse(answer.text)).toEqual({
      type: 'urn:berth:error:not-found',
      title: ERRORS.NOT_FOUND[1],
      status: 404,
      detail: ERRORS.NOT_FOUND[1],
      code: 'NOT_FOUND',
      hint: ERRORS.NOT_FOUND[2],
    })
    expect(answer.headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
  })

  test('is a wrong method where the path exists, and nothing where it does not', async () => {
    expect((await call('PUT', '/workspaces', {})).status).toBe(405)
    expect((await call('DELETE', '/session')).status).toBe(405)
    for (const path of [
      '/workspaces/',
      '/workspaces/x',
      `/workspaces/${idOf(1)}x`,
      '/openapi-json',
      `/workspaces/${idOf(1)}:START`,
      '//session',
    ])
      expect((await call('GET', path)).status, path).toBe(404)
  })

  test('that nobody foresaw reveals nothing to the client and everything to the log', async () => {
    edge.db.close()
    const answer = await call('GET', '/workspaces', undefined, { authorization: `Bearer ${TOKEN}` })
    expect(answer.status).toBe(500)
    expect(told(answer)).toMatchObject({ code: 'INTERNAL', detail: ERRORS.INTERNAL[1] })
    expect(answer.text).not.toMatch(/database|sqlite|\.ts|at /i)
    expect(JSON.stringify(edge.log.errors.map((fields) => String((fields as { err: unknown }).err)))).toMatch(
      /database/,
    )
  })
})

test('the system is described', async () => {
  const system = JSON.parse((await call('GET', '/system')).text) as System
  expect(system).toMatchObject({
    version: '1.2.3',
    default_image: 'image:1',
    home_store: '/homes',
    engine: { reachable: false },
  })
  expect(system.disk.free_bytes).toBeGreaterThan(0)
  expect(system.disk.total_bytes).toBeGreaterThanOrEqual(system.disk.free_bytes)
})

describe('the OpenAPI document', () => {
  interface Operation {
    summary: string
    security?: unknown[]
    parameters: { name: string; in: string; required?: boolean; schema: object }[]
    requestBody?: { required: boolean; content: Record<string, { schema: object }> }
    responses: Record<string, { description: string; content?: Record<string, { schema: object }> }>
  }
  const read = async () =>
    JSON.parse((await call('GET', '/openapi.json')).text) as {
      openapi: string
      info: { version: string }
      security: object[]
      components: { securitySchemes: Record<string, object> }
      paths: Record<string, Record<string, Operation>>
    }

  test('lists exactly the routes there are', async () => {
    const { paths, openapi, info } = await read()
    const listed = Object.entries(paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    )
    expect(listed.sort()).toEqual(edge.routes.map(({ method, path }) => `${method} ${path}`).sort())
    expect([openapi, info.version]).toEqual(['3.1.0', '1.2.3'])
  })

  test('describes each as it is: token, parameters, body, success and problem', async () => {
    const { paths, security, components } = await read()
    expect(security).toEqual([{ bearer: [] }])
    expect(components.securitySchemes['bearer']).toEqual({ type: 'http', scheme: 'bearer' })
    for (const route of edge.routes) {
      const operation = paths[route.path]![route.method.toLowerCase()]!
      const what = `${route.method} ${route.path}`
      expect(operation.summary, what).not.toBe('')
      expect(operation.security !== undefined && operation.security.length === 0, what).toBe(
        route.open === true,
      )
      expect(
        operation.parameters.some(({ name, in: where }) => name === 'id' && where === 'path'),
        what,
      ).toBe(route.path.includes('{id}'))
      expect(operation.requestBody !== undefined, what).toBe(route.body !== undefined)
      expect(Object.keys(operation.responses).sort(), what).toEqual([String(route.status), 'default'].sort())
      const type = route.stream ? 'text/event-stream' : route.answer && 'application/json'
      expect(Object.keys(operation.responses[route.status]!.content ?? {})[0], what).toBe(type)
      expect(operation.requestBody?.required, what).toBe(
        route.body && !route.body.safeParse(undefined).success,
      )
      expect(operation.responses['default']!.content).toHaveProperty(['application/problem+json', 'schema'])
    }
  })

  test('says that no other fields are taken, and which are needed', async () => {
    const { paths } = await read()
    const { schema } = paths['/workspaces']!['post']!.requestBody!.content['application/json']!
    expect(schema).toMatchObject({ type: 'object', required: ['name'], additionalProperties: false })
  })
})
