/**
 * Requests that nobody should send, to the real listeners: the API by its own OpenAPI document, HTTP that is none, the
 * gateway with whatever hosts, paths, methods and upgrades, and what is shared. The same seed sends the same again
 * (BERTH_FUZZ_SEED, BERTH_FUZZ_SCALE).
 * That nothing is thrown where nobody catches it, the test runner itself sees to.
 */
import { expect, test } from 'vitest'
import { createRandom, type Random } from '../testing/crash/random.ts'
import { SECRET, startCanary, startRawCanary, type Canary } from '../testing/canary.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import type { User } from '../db/accounts.ts'
import { openHouse } from '../testing/house.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { deliver, type Delivery, type Outcome } from './deliver.ts'
import { UPGRADE, createMangler } from './mangle.ts'
import { faultsOf, rowsOfOthers } from './oracle.ts'
import { HOSTILE_TEXTS, createValues, type Schema } from './values.ts'

const SEED = Number(process.env['BERTH_FUZZ_SEED'] ?? 1)
const SCALE = Number(process.env['BERTH_FUZZ_SCALE'] ?? 1)
/** How many requests; with a scale of 1 more than 20,000 together. */
const REQUESTS = { api: 8_000 * SCALE, bytes: 6_500 * SCALE, gateway: 6_500 * SCALE, share: 3_000 * SCALE }
const AT_ONCE = 16
const TIMEOUT_MS = 120_000 * Math.max(1, SCALE)

/** Tables in which the desktop's own user may change what is of others: she keeps the accounts, and can end all sessions and shares. */
const KEEPERS = ['users', 'sessions', 'shares', 'guests', 'guest_tokens']

/** Long enough for any answer; what is not HTTP need not get one. */
const PATIENT_MS = 10_000
const IMPATIENT_MS = 150

/** Somebody has a credential that is none; a visitor has one of Alice's, but only for the pages of a workspace. */
type Who = 'nobody' | 'somebody' | 'visitor' | 'guest' | 'bob' | 'alice'
/** Who has nothing that counts where they come, and so may not even be told of a failure. */
const UNKNOWN: readonly Who[] = ['nobody', 'somebody', 'visitor']
/** The first byte of a TLS connection. */
const TLS_HANDSHAKE = 0x16

interface Case extends Delivery {
  who: Who
  /** Of a listener of a share; left out, it is Berth's own. */
  port?: number
  /** A whole request, to which there has to be an answer. */
  mustAnswer: boolean
}

interface World {
  edge: Edge
  canaries: { alice: Canary; bob: Canary }
  /** Ids of all workspaces, and one of none. */
  ids: string[]
  /** Ids of shares and guests. */
  shared: string[]
  /** The token of a guest of Alice's. */
  guest: string
}

/** Alice's and Bob's workspaces in every state, the running ones with an upstream that records what reaches it. */
async function createWorld(): Promise<World> {
  const edge = await startEdge()
  const canaries = { alice: await startCanary(), bob: await startCanary('port') }
  const bobs = { ownerId: BOB.id }
  const running = { status: 'RUNNING', desiredState: 'RUNNING' } as const
  edge.add(1, running, canaries.alice.upstream)
  edge.asleep(2)
  edge.add(3, { status: 'PENDING', desiredState: 'PENDING', archiveKey: `${idOf(3)}/op1/home.tar.zst` })
  edge.add(4, { status: 'ERROR', desiredState: 'RUNNING', errorCount: 3 })
  edge.add(5, { status: 'DELETED', desiredState: 'STANDBY', deletedAt: edge.now() })
  // An upstream that speaks no HTTP.
  edge.add(6, running, await startRawCanary('\0\u0001 not HTTP at all\r\n\r\n'))
  edge.add(11, { ...running, ...bobs }, canaries.bob.upstream)
  edge.asleep(12, bobs)
  const shared: string[] = []
  /** Shares a workspace with somebody who is in and somebody who rings. Returns the token of the former. */
  async function share(owner: User, id: string): Promise<string> {
    const wish = { wakes: false, ports: [3_000], expires_in_seconds: 3_600 }
    const [open, rung] = await Promise.all(
      (['LINK', 'DOORBELL'] as const).map((mode) => edge.shares.create(owner, id, { ...wish, mode })),
    )
    const [, linked = ''] = open!.link.split('#')
    const [, rings = ''] = rung!.link.split('#')
    const { token } = edge.shares.enter(id, { link: linked, name: 'Kim' }, '192.0.2.7', undefined)
    edge.shares.enter(id, { link: rings, name: 'Lou' }, '192.0.2.8', undefined)
    for (const one of edge.shares.list(owner, id)) shared.push(one.id, ...one.guests.map((guest) => guest.id))
    return token
  }
  const guest = await share(ALICE, idOf(1))
  await share(BOB, idOf(11))
  return { edge, canaries, ids: [1, 2, 3, 4, 5, 6, 11, 12, 99].map(idOf), shared, guest }
}

/** Sends all cases, some at a time, and looks at each answer; then at what is left. Returns the statuses seen, and how often. */
async function run(
  { edge, canaries, guest }: World,
  count: number,
  next: () => Case,
  look: (outcome: Outcome) => void = () => undefined,
): Promise<{ statuses: Map<number, number>; unanswered: number }> {
  const statuses = new Map<number, number>()
  let unanswered = 0
  let sent = 0
  async function worker(): Promise<void> {
    while (sent < count) {
      const n = sent++
      const one = next()
      const outcome = await deliver(one.port ?? edge.port, one)
      const faults = faultsOf(outcome, {
        secrets: [TOKEN, SECRET, guest, ...edge.newTokens],
        known: !UNKNOWN.includes(one.who),
        encrypts: one.bytes[0] === TLS_HANDSHAKE,
      })
      if (one.mustAnswer && outcome.status === 0) faults.push('it was not answered')
      if (faults.length > 0)
        throw new Error(report(n, one, outcome, faults), { cause: edge.log.errors.at(-1) })
      statuses.set(outcome.status, (statuses.get(outcome.status) ?? 0) + 1)
      if (outcome.status === 0) unanswered++
      look(outcome)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))

  const told = `seed ${SEED}`
  expect(edge.log.errors, told).toEqual([])
  const answer = await deliver(
    edge.port,
    asCase(request('GET', '/api/v1/session', { host: edge.host, ...sessionOf(edge, 'alice') })),
  )
  expect(answer.status, `${told}: it still answers`).toBe(200)
  for (const canary of Object.values(canaries)) {
    expect(canary.bytes(), told).not.toContain(TOKEN)
  }
  return { statuses, unanswered }
}

function report(n: number, { who, bytes }: Case, { said }: Outcome, faults: string[]): string {
  const shown = (text: string): string => JSON.stringify(text.slice(0, 1_500))
  return `seed ${SEED}, request ${n} by ${who}: ${faults.join('; ')}\nsent ${bytes.length} bytes: ${shown(bytes.toString('latin1'))}\ngot: ${shown(said)}`
}

/** The bytes of a request. A header that is an array comes several times. */
function request(
  method: string,
  target: string,
  headers: Record<string, string | string[]>,
  body: Buffer = Buffer.alloc(0),
): Buffer {
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${one}`),
  )
  return Buffer.concat([
    Buffer.from([`${method} ${target} HTTP/1.1`, ...lines, '', ''].join('\r\n'), 'latin1'),
    body,
  ])
}

const asCase = (bytes: Buffer, change: Partial<Case> = {}): Case => ({
  who: 'nobody',
  bytes,
  mustAnswer: true,
  patienceMs: PATIENT_MS,
  ...change,
})

/** `Authorization` and `Cookie` of somebody, or of nobody who is known. */
function credentials({ edge, guest }: World, random: Random, who: Who): Record<string, string> {
  const garbage = (): Record<string, string> =>
    random.pick([
      { authorization: `Bearer ${TOKEN.slice(0, -1)}` },
      { authorization: `Bearer ${TOKEN}\u00ff` },
      { authorization: `Basic ${Buffer.from(`alice:${TOKEN}`).toString('base64')}` },
      { authorization: 'Bearer' },
      { authorization: `Bearer ${'x'.repeat(8_000)}` },
      { authorization: 'Bearer __proto__' },
      { cookie: `token=${TOKEN}; berth-workspace=${random.bytes(32).toString('base64url')}` },
      { cookie: ';=;;berth-workspace=;berth-workspace' },
    ])
  switch (who) {
    case 'nobody':
      return {}
    case 'somebody':
      return garbage()
    case 'visitor':
      return random.pick([
        edge.cookie(idOf(1)),
        edge.portCookie(idOf(1), 3_000),
        { authorization: `Bearer ${edge.sessionOf(ALICE.id, idOf(1))}` },
        { cookie: `berth-guest=${guest}` },
        { authorization: `Bearer ${guest}` },
      ])
    case 'guest':
      return { cookie: `berth-guest=${guest}` }
    default:
      return sessionOf(edge, who)
  }
}

/** Of a session that is new, as a request before may have ended the last one. */
const sessionOf = (edge: Edge, who: 'alice' | 'bob'): { authorization: string } => ({
  authorization: `Bearer ${edge.sessionOf(who === 'bob' ? BOB.id : ALICE.id, null)}`,
})

interface Operation {
  parameters: { name: string; in: string; schema: Schema }[]
  requestBody?: { content: { 'application/json': { schema: Schema } } }
}

test(
  'the API stands whatever its own description can be twisted into',
  async () => {
    const random = createRandom(SEED)
    const world = await createWorld()
    const { edge } = world
    const known = [...world.ids, ...world.shared, ALICE.id, BOB.id]
    const values = createValues(random, known, [`${idOf(3)}/op1/home.tar.zst`, 'image:1'])
    const document = await deliver(
      edge.port,
      asCase(request('GET', '/api/v1/openapi.json', { host: edge.host, ...edge.bearer })),
    )
    const { paths } = JSON.parse(document.body) as { paths: Record<string, Record<string, Operation>> }
    const routes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({
        method: method.toUpperCase(),
        path,
        operation,
      })),
    )
    expect(routes.length).toBeGreaterThan(25)

    function next(who: Who): Case {
      const { method: rightMethod, path, operation } = random.pick(routes)
      const method = random.chance(0.93)
        ? rightMethod
        : random.pick(['HEAD', 'OPTIONS', 'PUT', 'TRACE', 'DELETE', 'POST', 'GET'])
      const target = path.replaceAll(/\{\w+\}/g, values.inPath)
      const wanted = operation.parameters.filter((one) => one.in === 'query' && random.chance(0.6))
      const query = wanted.map(({ name, schema }) => `${name}=${values.inQuery(schema)}`)
      if (random.chance(0.1)) query.push(random.pick(['__proto__=1', 'limit=1', 'a[b]=c', '%=%', '=', 'x']))
      const schema = operation.requestBody?.content['application/json'].schema
      const body =
        schema !== undefined
          ? values.body(schema)
          : random.chance(0.1)
            ? values.body({ type: 'object' })
            : undefined
      const type = random.chance(0.92)
        ? 'application/json'
        : random.pick([
            'text/plain',
            'application/x-www-form-urlencoded',
            'multipart/form-data; boundary=x',
            'application/json-patch+json',
            '',
          ])
      const headers = {
        host: edge.host,
        connection: 'close',
        ...credentials(world, random, who),
        ...(body && { 'content-type': type, 'content-length': String(body.length) }),
        ...(random.chance(0.05) && {
          'sec-fetch-site': random.pick(['cross-site', 'same-site', 'same-origin', 'none', 'x']),
        }),
        ...(random.chance(0.05) && {
          origin: random.pick(['null', 'http://evil.example', `http://${edge.host}`]),
        }),
        ...(random.chance(0.03) && {
          'last-event-id': random.pick(['x', `${edge.runId}-99999`, '-1', '__proto__-1', '-']),
        }),
        ...(random.chance(0.03) && { expect: random.pick(['100-continue', 'x']) }),
      }
      const bytes = request(
        method,
        `/api/v1${target}${query.length > 0 ? `?${query.join('&')}` : ''}`,
        headers,
        body,
      )
      // The refusal of a body that is too large can be lost with the connection that is closed on it.
      return asCase(bytes, { who, bodiless: method === 'HEAD', mustAnswer: bytes.length < 200_000 })
    }

    /** What was made gets requests too. */
    function learn({ status, body }: Outcome): void {
      if (status !== 201) return
      for (const [, id = ''] of body.matchAll(/"id":"(\w{26})"/g)) known.push(id)
    }

    const seen = new Map<number, number>()
    const phases: [share: number, whose: string | null, who: readonly Who[]][] = [
      [0.3, null, ['nobody', 'somebody', 'visitor']],
      [0.35, BOB.id, ['bob']],
      [0.35, ALICE.id, ['alice']],
    ]
    for (const [share, whose, who] of phases) {
      const except = whose === ALICE.id ? KEEPERS : ['sessions']
      const before = rowsOfOthers(edge.db, whose, except)
      const { statuses } = await run(world, REQUESTS.api * share, () => next(random.pick(who)), learn)
      expect(rowsOfOthers(edge.db, whose, except), `seed ${SEED}: rows of others, by ${who.join()}`).toEqual(
        before,
      )
      for (const [status, count] of statuses) seen.set(status, (seen.get(status) ?? 0) + count)
      if (whose === null) expect(edge.enqueued, `seed ${SEED}`).toEqual([])
      if (whose !== ALICE.id) expect(edge.newTokens, `seed ${SEED}`).toEqual([])
    }
    // It was no empty exercise: all kinds of answers were given.
    for (const status of [200, 201, 202, 204, 400, 401, 403, 404, 405, 413, 415])
      expect([status, (seen.get(status) ?? 0) > 0]).toEqual([status, true])
  },
  TIMEOUT_MS,
)

test(
  'bytes that are no HTTP, or nearly, are answered or cut off',
  async () => {
    const random = createRandom(SEED + 1)
    const world = await createWorld()
    const { edge, canaries } = world
    const { pick, below, chance } = random
    const own = edge.hostOf(idOf(1))
    const json = Buffer.from('{"name":"Fuzzed"}')
    const chunked = Buffer.from('5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailing: yes\r\n\r\n')
    const nested = Buffer.from(`GET /w/${idOf(11)}/inner HTTP/1.1\r\nHost: ${edge.host}\r\n\r\n`)

    /** A request that is right. */
    function right(who: Who): Buffer {
      const host = edge.host
      const headers = credentials(world, random, who)
      const cookie = who === 'alice' ? edge.cookie(idOf(1)) : {}
      return pick([
        () => request('GET', '/api/v1/workspaces?limit=5', { host, ...headers }),
        () =>
          request(
            'POST',
            '/api/v1/workspaces',
            { host, ...headers, 'content-type': 'application/json', 'content-length': String(json.length) },
            json,
          ),
        () =>
          request(
            'POST',
            '/api/v1/workspaces',
            { host, ...headers, 'content-type': 'application/json', 'transfer-encoding': 'chunked' },
            Buffer.from(`11\r\n${json.toString()}\r\n0\r\n\r\n`),
          ),
        () => request('GET', '/', { host }),
        () => request('GET', `/w/${idOf(1)}/file?x=y`, { host, ...headers, cookie: 'theme=dark' }),
        () =>
          request(
            'POST',
            `/w/${idOf(1)}/upload`,
            { host, ...headers, 'transfer-encoding': 'chunked' },
            chunked,
          ),
        () =>
          request(
            'POST',
            `/w/${idOf(1)}/upload`,
            { host, ...headers, 'content-length': String(nested.length) },
            nested,
          ),
        () => request('GET', `/w/${idOf(1)}/`, { host: own, ...cookie, accept: 'text/html' }),
        () => request('GET', `/w/${idOf(1)}/socket`, { host, ...headers, ...UPGRADE, origin: edge.url }),
        () => request('GET', `/w/${idOf(11)}/`, { host, ...headers }),
      ])()
    }

    const mangler = createMangler(random, {
      hosts: [own, edge.hostOf(idOf(11))],
      paths: [
        `http://${edge.host}/w/${idOf(11)}/`,
        `/w/${idOf(1)}/../${idOf(11)}/`,
        `/w/${idOf(1)}/%2e%2e/${idOf(11)}/`,
        `//w/${idOf(11)}/`,
      ],
      nested: nested.toString('latin1'),
    })

    function next(): Case {
      const who = pick<Who>(['nobody', 'somebody', 'alice', 'alice'])
      const bytes = chance(0.05)
        ? mangler.stranger()
        : Buffer.from(mangler.mangled(right(who).toString('latin1')), 'latin1')
      const cut = chance(0.3) ? below(bytes.length + 1) : 0
      const patienceMs = chance(0.5) ? IMPATIENT_MS : 20
      return asCase(bytes, { who, cut, patienceMs, mustAnswer: false })
    }

    const before = rowsOfOthers(edge.db, ALICE.id, KEEPERS)
    const { statuses, unanswered } = await run(world, REQUESTS.bytes, next)
    expect(rowsOfOthers(edge.db, ALICE.id, KEEPERS), `seed ${SEED}`).toEqual(before)
    expect(
      canaries.bob.bytes(),
      `seed ${SEED}: nothing that was sent came to a workspace of somebody else`,
    ).toBe('')
    expect(canaries.alice.requests.length).toBeGreaterThan(0)
    expect(statuses.get(400)).toBeGreaterThan(REQUESTS.bytes / 20)
    expect(unanswered).toBeLessThan(REQUESTS.bytes / 2)
  },
  TIMEOUT_MS,
)

test(
  'the gateway lets in who may enter, however they ask',
  async () => {
    const random = createRandom(SEED + 2)
    const world = await createWorld()
    const { edge, canaries, ids } = world
    const { pick, below, chance } = random
    const of = (id: string): 'alice' | 'bob' => (id === idOf(11) || id === idOf(12) ? 'bob' : 'alice')
    const port = edge.port

    function host(id: string): string {
      if (chance(0.4)) return pick([edge.host, `localhost:${port}`])
      if (chance(0.7)) return pick([`${id}.localhost:${port}`, `3000--${id}.localhost:${port}`])
      return pick([
        'evil.example',
        `evil.example:${port}`,
        `${id}.localhost.evil.example:${port}`,
        `${id}.localhost.:${port}`,
        `${id.toUpperCase()}.LOCALHOST:${port}`,
        `x.${id}.localhost:${port}`,
        `0--${id}.localhost:${port}`,
        `65536--${id}.localhost:${port}`,
        `-1--${id}.localhost:${port}`,
        `3000--3000--${id}.localhost:${port}`,
        `03000--${id}.localhost:${port}`,
        `${id}.localhost`,
        `[::1]:${port}`,
        `127.0.0.1:${port + 1}`,
        `127.1:${port}`,
        `user@127.0.0.1:${port}`,
        '',
        ':',
        'x'.repeat(5_000),
      ])
    }
    const rest = (): string =>
      pick([
        '',
        '/',
        '/file?x=y',
        '/.berth/events',
        '/.berth/start',
        '/.berth/cancel',
        '/.berth/retry',
        '/.berth/restore',
        '/.berth/enter',
        '/.berth/port?port=3000&next=/',
        `/.berth/port?port=${pick(['0', '-1', '65536', 'x', '3000&port=1', '', '1e3'])}&next=${pick(['//evil.example', '/\\evil.example', 'javascript:alert(1)', '%0d%0aX:y', '', '/'])}`,
        '/.berth/',
        '/.berth/__proto__',
        '/?berth-code=x',
        '/?berth-code=',
        `/?berth-code=${'x'.repeat(3_000)}&berth-code=y`,
        '/proxy/3000/',
        '/absproxy/3000/x',
        '/proxy/3000@evil.example/',
        '/..',
        '/../',
        '/%2e%2e/',
        `/../${idOf(11)}/`,
        `/..%2f${idOf(11)}/`,
        '\\..\\',
        ';x',
        '/%00',
        '//evil.example/',
        '/%',
        '/é',
        `/${'a/'.repeat(3_000)}`,
        `?${'q'.repeat(7_000)}`,
        '#x',
      ])
    const path = (id: string): string =>
      chance(0.75)
        ? `/w/${id}${rest()}`
        : pick([
            '/',
            `//w/${id}/`,
            `/W/${id}/`,
            '/w',
            '/w/',
            '/w/x/',
            `/w/${id.toUpperCase()}/`,
            `/w/%30${id.slice(1)}/`,
            rest() || '/',
            '/api/v1/session',
            '*',
            `http://evil.example/w/${id}/`,
          ])

    function next(who: Who): Case {
      const isOwn = who === 'alice' || who === 'bob'
      const id = isOwn && chance(0.4) ? idOf(who === 'bob' ? 11 : 1) : pick(ids)
      const at = host(id)
      const method = chance(0.7)
        ? 'GET'
        : pick(['POST', 'PUT', 'DELETE', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT', 'PROPFIND'])
      const origin = (): string =>
        pick([
          `http://${at}`,
          edge.url,
          edge.originOf(id),
          edge.originOf(idOf(1)),
          'null',
          'http://evil.example',
          `http://${at}.evil.example`,
          'file://',
          '',
        ])
      const byCookie = isOwn && chance(0.5) ? (chance(0.7) ? id : pick(ids)) : undefined
      const given =
        byCookie === undefined
          ? credentials(world, random, who)
          : edge.cookie(byCookie, who === 'bob' ? BOB.id : ALICE.id)
      const body = method === 'POST' && chance(0.5) ? Buffer.from('x'.repeat(below(2_000))) : undefined
      const headers = {
        host: chance(0.02) ? [at, 'evil.example'] : at,
        'x-sent-by': byCookie === undefined ? who : `${who} by ${byCookie}`,
        ...given,
        ...(chance(0.4) && { accept: 'text/html' }),
        ...(chance(0.3) && { origin: chance(0.05) ? [origin(), origin()] : origin() }),
        ...(chance(0.3) && { 'sec-fetch-site': pick(['same-origin', 'same-site', 'cross-site', 'none']) }),
        ...(chance(0.3) && { 'sec-fetch-mode': pick(['navigate', 'cors', 'no-cors', 'websocket']) }),
        ...(chance(0.3) && { 'sec-fetch-dest': pick(['document', 'iframe', 'empty', 'image', 'websocket']) }),
        ...(chance(0.1) && {
          'x-forwarded-host': 'evil.example',
          forwarded: 'host=evil.example',
          'x-forwarded-for': '1.2.3.4',
        }),
        ...(chance(0.05) && { expect: '100-continue' }),
        ...(chance(0.25)
          ? {
              connection: pick(['Upgrade', 'upgrade, keep-alive', 'keep-alive, Upgrade', 'close']),
              upgrade: pick(['websocket', 'WebSocket', 'h2c', 'websocket, x', '']),
              ...(chance(0.8) && { 'sec-websocket-version': pick(['13', '8', 'x']) }),
              ...(chance(0.8) && { 'sec-websocket-key': pick(['AAAAAAAAAAAAAAAAAAAAAA==', 'x', '']) }),
              ...(chance(0.2) && { 'sec-websocket-protocol': pick(['x', 'x, y', '\u00ff', ',']) }),
              ...(chance(0.2) && { 'sec-websocket-extensions': pick(['permessage-deflate', 'x;y=z', ';']) }),
            }
          : { connection: pick(['close', 'keep-alive', 'close, x-sent-by-nobody']) }),
        ...(body && { 'content-length': String(body.length) }),
      }
      const bytes = request(method, path(id), headers, body)
      return asCase(bytes, { who, bodiless: method === 'HEAD', patienceMs: 2_000, mustAnswer: false })
    }

    const phases: [share: number, whose: string | null, who: readonly Who[]][] = [
      [0.4, null, ['nobody', 'somebody']],
      [0.3, BOB.id, ['bob']],
      [0.3, ALICE.id, ['alice']],
    ]
    for (const [share, whose, who] of phases) {
      const before = rowsOfOthers(edge.db, whose, ['sessions'])
      edge.enqueued.splice(0)
      await run(world, REQUESTS.gateway * share, () => next(pick(who)))
      expect(
        rowsOfOthers(edge.db, whose, ['sessions']),
        `seed ${SEED}: rows of others, by ${who.join()}`,
      ).toEqual(before)
      const strange = edge.enqueued.filter((id) => !who.includes(of(id)))
      expect(strange, `seed ${SEED}: woken by ${who.join()}`).toEqual([])
    }
    for (const [owner, id] of [
      ['alice', idOf(1)],
      ['bob', idOf(11)],
    ] as const) {
      const from = new Set(canaries[owner].requests.map(({ headers }) => headers['x-sent-by']))
      expect([...from].sort(), `seed ${SEED}: who came to the workspace of ${owner}`).toEqual([
        owner,
        `${owner} by ${id}`,
      ])
      expect(canaries[owner].bytes()).not.toMatch(/berth-(workspace|port|guest)|\r\nauthorization:/i)
    }
  },
  TIMEOUT_MS,
)

test(
  'a listener of a share stands whatever strangers and guests send to it, encrypted or not',
  async () => {
    const random = createRandom(SEED + 3)
    const world = await createWorld()
    const { edge, canaries } = world
    const { pick, below, chance } = random
    const id = idOf(1)
    const house = await openHouse(edge, id)
    const { secret } = await house.share({ ports: [3_000] })
    const known = house.shares.guestOf(world.guest, id, null)!
    const code = house.shares.issueCode(known.guest.id, 3_000)
    const inside = house.shares.redeemCode(code, id, 3_000)!
    const [editor, server] = [new URL(house.originOf()), new URL(house.originOf(id, 3_000))]
    const [bobs, nested] = [idOf(11), `GET /w/${idOf(11)}/inner HTTP/1.1\r\nHost: ${edge.host}\r\n\r\n`]
    const mangler = createMangler(random, {
      hosts: [edge.host, edge.hostOf(id), server.host, new URL(house.originOf(bobs)).host],
      paths: [
        `${house.originOf(bobs)}/w/${bobs}/`,
        `/w/${id}/../${bobs}/`,
        `/w/${id}/%2e%2e/${bobs}/`,
        `//w/${bobs}/`,
      ],
      nested,
    })
    const navigation = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

    function credentialsAt(who: Who, isEditor: boolean): Record<string, string> {
      if (who !== 'guest') return credentials(world, random, who)
      return isEditor ? credentials(world, random, who) : { cookie: `berth-guest-${id}-3000=${inside.token}` }
    }

    /** A request that is right, or would be with other words in it. */
    function right(who: Who, isEditor: boolean, sentBy: string): Buffer {
      const { host, origin } = isEditor ? editor : server
      const root = isEditor ? `/w/${id}` : ''
      const headers = { host, 'x-sent-by': sentBy, ...credentialsAt(who, isEditor) }
      const entering = chance(0.7)
        ? JSON.stringify({ link: pick([secret.slice(1), ...HOSTILE_TEXTS]), name: 'Kim' })
        : pick([JSON.stringify({ link: 1, name: null }), '{}', '[', '', 'x'.repeat(5_000)])
      const json = {
        'content-type': 'application/json',
        'content-length': String(Buffer.byteLength(entering)),
        origin: chance(0.9) ? origin : edge.url,
      }
      const upload = { 'content-length': String(nested.length) }
      return pick([
        () => request('GET', `${root}/`, { ...headers, ...navigation }),
        () => request('GET', `${root}/file?x=y`, headers),
        () => request('POST', `${root}/upload`, { ...headers, ...upload, origin }, Buffer.from(nested)),
        () => request('GET', `${root}/socket`, { ...headers, ...UPGRADE, origin: pick([origin, edge.url]) }),
        () =>
          request('GET', `${root}/.berth/${pick(['door', 'doorbell', 'ca.crt', 'events', 'x'])}`, headers),
        () =>
          request(pick(['GET', 'POST']), `${root}/.berth/port?port=${pick([3_000, 22, 0, 'x'])}&next=/`, {
            ...headers,
            ...navigation,
          }),
        () => request('GET', `${root}/?berth-code=${pick(['', 'x', secret])}`, { ...headers, ...navigation }),
        () => request('POST', `${root}/.berth/enter`, { ...headers, ...json }, Buffer.from(entering)),
        () =>
          request('POST', `${root}/.berth/${pick(['start', 'cancel', 'restore'])}`, { ...headers, origin }),
        () => request('GET', pick([`/w/${bobs}/`, '/', '/api/v1/workspaces', `/w/${idOf(2)}/`]), headers),
      ])()
    }

    function next(who: Who): Case {
      const isEditor = chance(0.7)
      const port = Number((isEditor ? editor : server).port)
      const encrypted = chance(0.75)
      const whole = chance(0.4)
      const sound = right(who, isEditor, whole ? who : `${who}, mangled`)
      const bytes = whole
        ? sound
        : chance(0.1)
          ? mangler.stranger()
          : Buffer.from(mangler.mangled(sound.toString('latin1')), 'latin1')
      return asCase(bytes, {
        who,
        port,
        ...(encrypted && { ca: house.certificate }),
        cut: chance(0.3) ? below(bytes.length + 1) : 0,
        patienceMs: whole ? PATIENT_MS : chance(0.5) ? IMPATIENT_MS : 20,
        mustAnswer: whole,
      })
    }

    const seen = new Map<number, number>()
    const phases: [share: number, whose: string | null, who: readonly Who[]][] = [
      [0.5, null, ['nobody', 'somebody']],
      [0.5, ALICE.id, ['guest']],
    ]
    for (const [share, whose, who] of phases) {
      const before = rowsOfOthers(edge.db, whose, ['sessions'])
      edge.enqueued.splice(0)
      const { statuses } = await run(world, REQUESTS.share * share, () => next(pick(who)))
      for (const [status, count] of statuses) seen.set(status, (seen.get(status) ?? 0) + count)
      expect(
        rowsOfOthers(edge.db, whose, ['sessions']),
        `seed ${SEED}: rows of others, by ${who.join()}`,
      ).toEqual(before)
      expect(
        edge.enqueued.filter((one) => whose === null || one !== id),
        `seed ${SEED}: woken`,
      ).toEqual([])
      if (whose === null)
        expect(canaries.alice.bytes(), `seed ${SEED}: nothing of strangers came to the workspace`).toBe('')
    }
    expect(canaries.bob.bytes(), `seed ${SEED}`).toBe('')
    // Mangled, a secret can be anywhere; else it is where it is taken out.
    const sound = canaries.alice.requests.filter(({ headers }) => headers['x-sent-by'] === 'guest')
    expect(sound.length).toBeGreaterThan(REQUESTS.share / 40)
    const told = JSON.stringify(sound.map(({ rawHeaders }) => rawHeaders))
    for (const word of [world.guest, inside.token])
      expect(told, `seed ${SEED}: a secret came to the workspace`).not.toContain(word)
    // Who is in still is, and who is not is not.
    for (const [who, status] of [
      ['nobody', 401],
      ['guest', 200],
    ] as const) {
      const bytes = request('GET', `/w/${id}/x`, { host: editor.host, ...credentialsAt(who, true) })
      const one = { bytes, ca: house.certificate, patienceMs: PATIENT_MS }
      expect((await deliver(Number(editor.port), one)).status, `seed ${SEED}: ${who}`).toBe(status)
    }
    for (const status of [101, 200, 302, 400, 401, 403, 404, 429])
      expect([status, (seen.get(status) ?? 0) > 0]).toEqual([status, true])
  },
  TIMEOUT_MS,
)
