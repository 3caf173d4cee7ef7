/**
 * Requests that nobody should send, to the real listener: the API by its own OpenAPI document, HTTP that is none, and the gateway
 * with whatever hosts, paths, methods and upgrades. The same seed sends the same again (BERTH_FUZZ_SEED, BERTH_FUZZ_SCALE).
 * That nothing is thrown where nobody catches it, the test runner itself sees to.
 */
import { expect, test } from 'vitest'
import { createRandom, type Random } from '../testing/crash/random.ts'
import { SECRET, startCanary, startRawCanary, type Canary } from '../testing/canary.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import type { User } from '../db/accounts.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { deliver, type Delivery, type Outcome } from './deliver.ts'
import { faultsOf, rowsOfOthers } from './oracle.ts'
import { HOSTILE_TEXTS, createValues, type Schema } from './values.ts'

const SEED = Number(process.env['BERTH_FUZZ_SEED'] ?? 1)
const SCALE = Number(process.env['BERTH_FUZZ_SCALE'] ?? 1)
/** How many requests; with a scale of 1 more than 20,000 together. */
const REQUESTS = { api: 8_000 * SCALE, bytes: 6_500 * SCALE, gateway: 6_500 * SCALE }
const AT_ONCE = 16
const TIMEOUT_MS = 120_000 * Math.max(1, SCALE)

/** Tables in which the desktop's own user may change what is of others: she keeps the accounts, and can end all sessions and shares. */
const KEEPERS = ['users', 'sessions', 'shares', 'guests', 'guest_tokens']

/** Long enough for any answer; what is not HTTP need not get one. */
const PATIENT_MS = 10_000
const IMPATIENT_MS = 150

/** Somebody has a credential that is none; a visitor has one of Alice's, but only for the pages of a workspace. */
type Who = 'nobody' | 'somebody' | 'visitor' | 'bob' | 'alice'

interface Case extends Delivery {
  who: Who
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
  { edge, canaries }: World,
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
      const outcome = await deliver(edge.port, one)
      const faults = faultsOf(outcome, [TOKEN, SECRET, ...edge.newTokens])
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
    const upgrade = {
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    }
    const json = Buffer.from('{"name":"Fuzzed"}')
    const chunked = Buffer.from('5\r\nhello\r\n6;x=y\r\n world\r\n0\r\nTrailing: yes\r\n\r\n')
    const nested = Buffer.from(`GET /w/${idOf(11)}/inner HTTP/1.1\r\nHost: ${edge.host}\r\n\r\n`)

    /** A request that is right. */
    function right(headers: Record<string, string>): Buffer {
      const host = edge.host
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
        () => request('GET', `/w/${idOf(1)}/`, { host: own, ...edge.cookie(idOf(1)), accept: 'text/html' }),
        () => request('GET', `/w/${idOf(1)}/socket`, { host, ...headers, ...upgrade, origin: edge.url }),
        () => request('GET', `/w/${idOf(11)}/`, { host, ...headers }),
      ])()
    }

    type Change = (text: string) => string
    const atLine =
      (change: (line: string) => string): Change =>
      (text) => {
        const lines = text.split('\r\n')
        const at = below(lines.length)
        return lines.map((line, n) => (n === at ? change(line) : line)).join('\r\n')
      }
    const withHeader =
      (...lines: string[]): Change =>
      (text) =>
        text.replace('\r\n', `\r\n${lines.join('\r\n')}\r\n`)
    const odd = (): string => String.fromCharCode(below(256))
    const changes: (() => Change)[] = [
      () => (text) => text.slice(0, below(text.length)),
      () => (text) => {
        const at = below(text.length)
        return text.slice(0, at) + odd() + text.slice(at + below(3))
      },
      () => (text) => {
        const at = below(text.length)
        return text.slice(0, at) + text.slice(at, at + below(200)).repeat(2 + below(5)) + text.slice(at)
      },
      () => (text) =>
        text.replace(/^\S*/, () =>
          pick([
            'get',
            'G\0T',
            'PRI',
            'CONNECT',
            'TRACE',
            'OPTIONS',
            '',
            ' ',
            'GET\t',
            'X'.repeat(9_000),
            'M-SEARCH',
            'HEAD',
          ]),
        ),
      () => (text) =>
        text.replace(
          / \S* /,
          () =>
            ` ${pick(['*', '', '//', 'http://evil.example/', `http://${edge.host}/w/${idOf(11)}/`, 'evil.example:443', `/w/${idOf(1)}/../${idOf(11)}/`, `/w/${idOf(1)}/%2e%2e/${idOf(11)}/`, '/\0', '/\u00ff', '/%', `/${'x'.repeat(20_000)}`, '/ x', '/#x', '?', `//w/${idOf(11)}/`, '/w/__proto__/'])} `,
        ),
      () => (text) =>
        text.replace('HTTP/1.1', () =>
          pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1 ', 'http/1.1', 'HTTP/1.11', '', 'RTSP/1.0']),
        ),
      () =>
        withHeader(
          `Content-Length: ${pick(['0', '1', '4', '-1', '+4', '0x4', '4, 4', '4 4', '', '99999999999999999999', '1e3', String(nested.length)])}`,
        ),
      () =>
        withHeader(
          `Transfer-Encoding: ${pick(['chunked', 'xchunked', 'chunked, identity', 'identity', ' chunked', 'chunked, chunked', 'gzip, chunked', '\u000bchunked', 'Chunked\t', ''])}`,
        ),
      () => withHeader(`Transfer-Encoding${pick([' ', '\t', '\0', ''])}: chunked`, 'Content-Length: 4'),
      () =>
        withHeader(
          pick(['Host: evil.example', `Host: ${own}`, 'Host:', `Host: ${edge.hostOf(idOf(11))}`, 'host : x']),
        ),
      () =>
        withHeader(
          `X: ${pick(['\0', '\u0001', '\u007f', '\u00ff\u00fe', '\rY: z', '\nY: z', 'x'.repeat(20_000), ...HOSTILE_TEXTS.slice(0, 30).map((text) => Buffer.from(text).toString('latin1'))])}`,
        ),
      () => withHeader(' folded: yes', '\tfolded too'),
      () => withHeader(...Array.from({ length: 200 + below(3_000) }, (_, n) => `h${n}: ${n}`)),
      () => withHeader(`${pick(['', ' ', ':', 'X Y', 'X\0', '(', 'X'.repeat(17_000)])}: y`),
      () => withHeader('Connection: close, host, authorization, x', 'Connection: keep-alive'),
      () => withHeader(`Expect: ${pick(['100-continue', '200-maybe', '', '\0'])}`),
      () =>
        withHeader(
          ...Object.entries(upgrade)
            .filter(() => chance(0.7))
            .map(([name, value]) => `${name}: ${value}`),
        ),
      () =>
        withHeader(
          `Upgrade: ${pick(['h2c', 'websocket, h2c', 'tls/1.0', '\u00ff', ''])}`,
          'Connection: Upgrade',
          'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
        ),
      () => (text) =>
        text.replaceAll('\r\n', () => (chance(0.3) ? pick(['\n', '\r', '\n\r', '\r\r\n', ' \r\n']) : '\r\n')),
      () => (text) =>
        text.replace(
          /\r\n(5|11)\r\n/,
          () =>
            `\r\n${pick(['FFFFFFFFFFFFFFFF', '-1', '0x5', '5 ', '', 'g', '5;x=\n', '00000000000000000005', '7FFFFFFF', `5;${'x'.repeat(20_000)}`])}\r\n`,
        ),
      () => atLine((line) => line + line),
      () => atLine(() => ''),
      () => atLine((line) => `${line}\0`),
      () => atLine((line) => line.toUpperCase()),
      () => (text) => text.repeat(2 + below(20)),
      () => (text) => text + nested.toString('latin1'),
      () => (text) => text + random.bytes(1 + below(3_000)).toString('latin1'),
      () => (text) => `\r\n\r\n${text}`,
    ]
    const strangers: (() => Buffer)[] = [
      () => random.bytes(below(2_000)),
      () => Buffer.from('16030100c8010000c40303', 'hex'),
      () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0', 'latin1'),
      () => Buffer.from('GET /\r\n'),
      () => Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\n\r\n'),
      () => Buffer.alloc(1 + below(100_000), pick(['\0', 'A', '\n', '\r', ' '])),
      () => Buffer.from('SSH-2.0-x\r\n'),
      () => Buffer.alloc(0),
    ]

    function next(): Case {
      const who = pick<Who>(['nobody', 'somebody', 'alice', 'alice'])
      let text = right(credentials(world, random, who)).toString('latin1')
      for (let n = 1 + below(3); n > 0; n--) text = pick(changes)()(text)
      const bytes = chance(0.05) ? pick(strangers)() : Buffer.from(text, 'latin1')
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
