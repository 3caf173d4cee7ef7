import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { beforeEach, describe, expect, test } from 'vitest'
import { problem, type Settings, type System, type Workspace } from '../core/api.ts'
import { ERRORS } from '../core/errors.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { BOB, idOf } from '../testing/rows.ts'
import { send, type Answer } from '../testing/send.ts'

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

/** What a request leaves behind: every row of every table, and what the reconciler was asked. */
function world(): string {
  const tables = ['users', 'sessions', 'workspaces', 'meta']
  const rows = tables.map((table) => edge.db.prepare(`SELECT * FROM ${table} ORDER BY 1`).all())
  return createHash('sha256')
    .update(JSON.stringify([rows, edge.enqueued]))
    .digest('hex')
}

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
    expect(edge.sessions.redeem(code, id, null)).toBeDefined()
    expect(edge.sessions.redeem(code, id, null)).toBeUndefined()
  })

  test('is opened at a server inside it, with an address that is good there and nowhere else', async () => {
    const id = edge.asleep(1)
    const answer = await call('POST', `/workspaces/${id}:open`, { path: '/a', port: 3000 })
    const url = new URL(JSON.parse(answer.text).url as string)
    expect([url.host, url.pathname]).toEqual([edge.portHostOf(id, 3000), '/a'])
    const code = url.searchParams.get('berth-code')!
    for (const port of [null, 3001]) expect(edge.sessions.redeem(code, id, port)).toBeUndefined()
    expect(edge.sessions.redeem(code, id, 3000)).toBeDefined()
  })

  test('that runs tells the servers inside it, and where they are reached', async () => {
    const id = edge.add(1, { status: 'RUNNING' })
    const listening = [3000, 5173].map((port) => ({ port, exposed: port === 3000 }))
    edge.listening.set(id, listening)
    expect(JSON.parse((await call('GET', `/workspaces/${id}/ports`)).text)).toEqual({
      items: listening.map((one) => ({ ...one, url: `${edge.portOriginOf(id, one.port)}/` })),
    })
    for (const status of ['STANDBY', 'PENDING', 'ERROR'] as const) {
      edge.table.writeObserved(id, { status })
      const answer = await call('GET', `/workspaces/${id}/ports`)
      expect([answer.status, told(answer).code]).toEqual([503, 'NOT_RUNNING'])
    }
  })
})

describe('the stats of a workspace', () => {
  const sample = { at: '2026-03-01T12:00:00.000Z', cpus: 0.4, memory_bytes: 310 * 2 ** 20 }

  test('are what it used and may use, while it runs', async () => {
    const id = edge.running(1, { socketPath: '/nowhere' })
    edge.usage.set(id, [sample])
    const { cpus, memoryBytes } = edge.table.get(id)!
    const limits = { cpus_limit: cpus, memory_limit_bytes: memoryBytes }
    expect(JSON.parse((await call('GET', `/workspaces/${id}/stats`)).text)).toEqual({
      ...limits,
      samples: [sample],
    })
    const asleep = edge.asleep(2)
    edge.usage.set(asleep, [sample])
    expect(JSON.parse((await call('GET', `/workspaces/${asleep}/stats`)).text).samples).toEqual([])
  })

  test('are its owner’s alone', async () => {
    const id = edge.add(1, { ownerId: BOB.id, status: 'RUNNING' })
    edge.usage.set(id, [sample])
    expect(told(await call('GET', `/workspaces/${id}/stats`)).code).toBe('FORBIDDEN')
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
    ['a variable whose name is none', { env: { '1X': '' } }],
    ['a variable that Berth sets itself', { env: { HOME: '/' } }],
    ['a variable with NUL', { env: { A: 'a\0b' } }],
    ['a variable too long', { env: { A: 'x'.repeat(8_193) } }],
    ['too many variables', { env: Object.fromEntries(Array.from({ length: 101 }, (_, n) => [`V${n}`, ''])) }],
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

  test.each([0, 65_536, -1, 1.5, '3000', null])('the port %j', async (port) => {
    const id = edge.asleep(1)
    expect((await call('POST', `/workspaces/${id}:open`, { port })).status).toBe(400)
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

describe('settings', () => {
  const read = async () => JSON.parse((await call('GET', '/settings')).text) as Settings

  test('are changed one by one, and what depends on them follows at once', async () => {
    const before = await read()
    expect(before).toMatchObject({ image: 'image:1', trash_days: 7, theme: 'system', fixed: [] })
    const change = { image: 'image:2', cpus: 0.5, standby_ttl_seconds: 60, keep_archives: 9, trash_days: 1 }
    const answer = await call('PATCH', '/settings', change)
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toEqual({ ...before, ...change })
    expect(await read()).toEqual({ ...before, ...change })

    const made = JSON.parse((await call('POST', '/workspaces', { name: 'New' })).text) as Workspace
    expect(made).toMatchObject({ image_ref: 'image:2', cpus: 0.5, standby_ttl_seconds: 60 })
    const system = JSON.parse((await call('GET', '/system')).text) as System
    expect(system).toMatchObject({ default_image: 'image:2', keep_archives: 9, trash_days: 1 })
  })

  test.each([
    { cpus: 0 },
    { cpus: '2' },
    { cpus: 3, keep_archives: 101 },
    { image: '--privileged' },
    { image: null },
    { theme: 'pink' },
    { start_hidden: 'yes' },
    { share_address: '::1' },
    { standby_ttl_seconds: -1 },
    { home_store: '/elsewhere' },
    { fixed: [] },
    [],
  ])('that are wrong change nothing: %j', async (change) => {
    const text = () => readFileSync(join(edge.dataDir, 'settings.json'), 'utf8')
    const before = await read()
    const file = text()
    const answer = await call('PATCH', '/settings', change)
    expect([answer.status, told(answer).code]).toEqual([400, 'INVALID_INPUT'])
    expect(await read()).toEqual(before)
    expect(text()).toBe(file)
  })
})

test('the system is described to others without where things are on this machine', async () => {
  edge.live.setHomeStoreProblem({
    ...{ code: 'HOME_STORE_UNAVAILABLE', message: 'not at /homes', hint: 'Look at /homes.' },
  })
  const answer = await call('GET', '/system', undefined, edge.bobsBearer())
  expect(JSON.parse(answer.text)).toMatchObject({
    home_store_problem: { code: 'HOME_STORE_UNAVAILABLE', message: 'The home store is not there' },
    version: '1.2.3',
    ...{ data_dir: '', home_store: '', archive_store: '', recovered: null, risks: [] },
  })
  for (const told of ['/homes', '/archives', edge.dataDir]) expect(answer.text).not.toContain(told)
})

test('where a home is on this machine is told to the desktop’s own user alone', async () => {
  const homeStoreKey = 'users/x/workspaces/y/home'
  edge.asleep(1, { homeStoreKey })
  edge.asleep(2, { homeStoreKey, ownerId: BOB.id })
  const answers = [
    await call('GET', '/workspaces'),
    await call('GET', '/workspaces', undefined, edge.bobsBearer()),
  ]
  const paths = answers.map(({ text }) => (JSON.parse(text) as { items: Workspace[] }).items[0]?.home_path)
  expect(paths).toEqual([`/homes/${homeStoreKey}`, null])
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
