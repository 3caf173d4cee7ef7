import { once } from 'node:events'
import type { Socket } from 'node:net'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { startRawCanary } from '../testing/canary.ts'
import { startEdge, type Edge } from '../testing/edge.ts'
import { connectTo } from '../testing/raw.ts'
import { until } from '../testing/until.ts'

const PORT = 3000

const faults: unknown[] = []
const note = (error: unknown): void => void faults.push(error)
beforeAll(() => {
  process.on('uncaughtException', note)
  process.on('unhandledRejection', note)
})
afterAll(() => {
  process.off('uncaughtException', note)
  process.off('unhandledRejection', note)
})

let edge: Edge
let id: string
beforeEach(async () => {
  edge = await startEdge()
  id = edge.add(1, { status: 'RUNNING', desiredState: 'RUNNING' })
  faults.length = 0
})

const head = (...lines: string[]): string => [...lines, '', ''].join('\r\n')
const ok = (...fields: string[]): string => head('HTTP/1.1 200 OK', ...fields)
const HTML = 'Content-Type: text/html'
const NONE = 'Content-Length: 0'
const CHUNKED = 'Transfer-Encoding: chunked'
const SWITCH = head('HTTP/1.1 101 Switching Protocols', 'Connection: Upgrade', 'Upgrade: websocket')

/** What code inside a workspace may say in place of code-server; what it says again and again after that. */
const SHAPES: Record<string, string | [first: string, again: string]> = {
  nothing: '',
  'no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n',
  'another version': head('HTTP/9.9 200 OK', NONE),
  'half a head': 'HTTP/1.1 200 OK\r\nContent-Ty',
  'status 000': head('HTTP/1.1 000 No', NONE),
  'status 099': head('HTTP/1.1 099 No', NONE),
  'status 100 and no more': head('HTTP/1.1 100 Continue'),
  'status 100 for ever': ['', head('HTTP/1.1 100 Continue')],
  'status 101': SWITCH,
  'status 101 with words': `${SWITCH}words that nobody asked for`,
  'status 101 for ever': [SWITCH, 'x'.repeat(10_000)],
  'status 101 without a protocol': head('HTTP/1.1 101 Switching Protocols', NONE),
  'status 101 after a 100': head('HTTP/1.1 100 Continue') + SWITCH,
  'status 204 with a body': `${head('HTTP/1.1 204 No', 'Content-Length: 5')}hello`,
  'status 304 with a body': `${head('HTTP/1.1 304 No', 'Content-Length: 5')}hello`,
  'status 500 and no end': head('HTTP/1.1 500 No', CHUNKED),
  'status 999': head('HTTP/1.1 999 No', NONE),
  'status 1000': head('HTTP/1.1 1000 No', NONE),
  'a reason of odd bytes': head('HTTP/1.1 404 \t\xff\x80<b>', NONE),
  'a broken Location': head('HTTP/1.1 302 Found', 'Location: http://[', NONE),
  'a Location of odd bytes': head('HTTP/1.1 302 Found', 'Location: \xff\xfe//:99999\t@', NONE),
  'two Locations': head('HTTP/1.1 302 Found', 'Location: //:1', 'Location: \\\\[', NONE),
  'a broken Set-Cookie': ok('Set-Cookie: ;;=;', 'Set-Cookie:', 'Set-Cookie: \xff\x80;=\t;Path', NONE),
  'many cookies': ok(...Array.from({ length: 150 }, (_, n) => `Set-Cookie: =${n}`), NONE),
  'a folded header': ok('X-A: a', ' b', '\tc', NONE),
  'a header with a line break': ok('X-A: a\rSet-Cookie: b', NONE),
  'a header with a null': ok('X-A: a\0b', NONE),
  'a header without a name': ok(': a', NONE),
  'headers for ever': ['HTTP/1.1 200 OK\r\n', `X-A: ${'a'.repeat(1_000)}\r\n`],
  'a chunk of no size': `${ok(HTML, CHUNKED)}5\r\nhello\r\nzz\r\n`,
  'a chunk too large': `${ok(HTML, CHUNKED)}ffffffffffffffffff\r\nhello`,
  'a chunk that is cut off': `${ok(HTML, CHUNKED)}5\r\nhel`,
  'a trailer that is none': `${ok(HTML, CHUNKED)}5\r\nhello\r\n0\r\n: x\r\n\r\n`,
  'a body that is cut off': `${ok(HTML, 'Content-Length: 100')}hello`,
  'a body without length, for ever': [ok(HTML), 'x'.repeat(100_000)],
  'two lengths': `${ok(HTML, 'Content-Length: 5', 'Content-Length: 9')}hello`,
  'a length and chunks': `${ok(HTML, 'Content-Length: 5', CHUNKED)}5\r\nhello\r\n0\r\n\r\n`,
  'a length below nothing': `${ok(HTML, 'Content-Length: -5')}hello`,
  'a document, and junk after it': `${ok(HTML, 'Content-Length: 5')}hello\0junk`,
  'a document, and another one': `${ok(HTML, 'Content-Length: 5')}hello`.repeat(2),
  'a document in chunks, and junk after it': `${ok(HTML, CHUNKED)}5\r\nhello\r\n0\r\n\r\n\0junk`,
}

const ENDS: Record<string, (socket: Socket) => void> = {
  closes: (socket) => void socket.end(),
  resets: (socket) => void socket.resetAndDestroy(),
  stays: () => undefined,
}

function requestFor(port: number | null, way: string): string {
  const [host, { cookie }, path] =
    port === null
      ? [edge.hostOf(id), edge.cookie(id), `/w/${id}/`]
      : [edge.portHostOf(id, port), edge.portCookie(id, port), '/']
  const upgrade = [
    `Origin: http://${host}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
  ]
  const fields = way === 'upgrade' ? upgrade : ['Accept: text/html', 'Connection: close']
  return head(`GET ${path} HTTP/1.1`, `Host: ${host}`, `Cookie: ${cookie}`, ...fields)
}

/** Asks once, of an upstream that says this and then ends so. Resolves when the connections of both sides are over. */
async function ask(request: string, shape: string | [string, string], end: string): Promise<void> {
  const upstreams = new Set<Socket>()
  let said = false
  const [first, again] = typeof shape === 'string' ? [shape] : shape
  const upstream = await startRawCanary(
    Buffer.from(first, 'latin1'),
    (socket) => {
      upstreams.add(socket)
      socket.resume().on('close', () => upstreams.delete(socket))
      const goOn = (): unknown =>
        upstreams.has(socket) && socket.write(again!, 'latin1', () => setImmediate(goOn))
      if (again === undefined) ENDS[end]!(socket)
      else goOn()
      said = true
    },
    'port',
  )
  edge.upstreams.set(id, upstream)
  const client = await connectTo(edge.port)
  client.on('error', () => undefined).resume()
  client.write(request)
  await until('upstream has spoken', () => said)
  // What never ends is ended by the client.
  if (again !== undefined || end === 'stays') {
    await Promise.race([once(client, 'data'), once(client, 'close'), new Promise((go) => setTimeout(go, 20))])
    client.destroy()
  }
  await until('the client is let go', () => client.closed)
  await until('upstream is let go', () => upstreams.size === 0)
}

const PLACES = { editor: null, port: PORT }
const CASES = Object.keys(SHAPES).flatMap((what) =>
  Object.keys(PLACES).flatMap((place) => ['plain', 'upgrade'].map((way) => ({ what, place, way }))),
)

test.each(CASES)(
  'P6: saying $what, to a request that is $way, for the $place: Berth lives on, and holds no connection',
  async ({ what, place, way }) => {
    for (const end of Object.keys(ENDS)) {
      await ask(requestFor(PLACES[place as 'editor' | 'port'], way), SHAPES[what]!, end)
      expect(faults, `it ${end}`).toEqual([])
    }
    await until('nothing of it counts as open', () => edge.begun.every(({ ended }) => ended))
    expect(edge.log.errors).toEqual([])
  },
)
