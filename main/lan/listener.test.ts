import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage, type RequestListener } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect as connectTcp, createServer, type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { connect as connectTls, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import type { Target } from '../gateway/front.ts'
import { sendProblem } from '../http/problem.ts'
import { createQuietLog } from '../testing/plane.ts'
import { parseAnswer, type RawAnswer } from '../testing/raw.ts'
import { idOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { until } from '../testing/until.ts'
import { createAuthority, type Issued, type Opened } from './authority.ts'
import { LIMITS, openListener, type ListenerDeps, type PlainTarget } from './listener.ts'

const ADDRESS = '127.0.0.1'
const ID = idOf(1)
const OTHER = idOf(2)
const PAGE = `/w/${ID}/`

let ca: Opened
let issued: Issued
const names = { addresses: [ADDRESS], hosts: ['desk.local'] }
beforeEach(async () => {
  const dir = join(tempDir(), 'tls')
  ca = await createAuthority({ dir, hostname: 'desk', addresses: () => [], now: Date.now }).open()
  issued = await ca.issue(names)
})

type Started = Awaited<ReturnType<typeof start>>

/** A listener that answers with what it was asked for, and echoes WebSocket messages. */
async function start(change: Partial<ListenerDeps> = {}, answer?: RequestListener) {
  const seen: Target[] = []
  const inClear: PlainTarget[] = []
  const log = createQuietLog()
  const webSockets = new WebSocketServer({ noServer: true })
  const listener = await openListener(
    {
      place: { id: ID, port: null },
      address: ADDRESS,
      names: () => ['desk.local'],
      certificate: issued,
      request(request, response, target) {
        seen.push(target)
        if (answer) return answer(request, response)
        request.resume().on('end', () => response.end(`served ${target.path}`))
      },
      upgrade(request, socket, head, target) {
        seen.push(target)
        webSockets.handleUpgrade(request, socket, head, (client) => {
          client.on('error', () => undefined)
          client.on('message', (data) => client.send(data))
        })
      },
      plain(_, response, target) {
        inClear.push(target)
        response.end(`go to ${target.httpsUrl}`)
      },
      sendProblem: (response, error) => sendProblem(response, error, log),
      log,
      ...change,
    },
    0,
  )
  let open = true
  const close = async (): Promise<void> => {
    if (open) await listener.close()
    open = false
  }
  onTestFinished(close)
  const host = `${ADDRESS}:${listener.port}`
  return { ...listener, close, host, origin: `https://${host}`, seen, inClear, log }
}

interface Ask {
  method?: string
  headers?: Record<string, string>
  body?: string
  /** From which of this machine's addresses. */
  from?: string
}

async function ask(url: string, { method = 'GET', headers = {}, body, from }: Ask = {}) {
  const secure = url.startsWith('https:')
  const options = {
    agent: false as const,
    method,
    headers,
    ca: ca.certificate,
    ...(from && { localAddress: from }),
  }
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = (secure ? httpsRequest : httpRequest)(url, options, resolve)
    sent.on('error', reject)
    sent.end(body)
  })
  return {
    status: answer.statusCode ?? 0,
    headers: answer.headers,
    text: (await buffer(answer)).toString(),
    socket: answer.socket as TLSSocket,
  }
}

async function tcp(port: number): Promise<Socket> {
  const socket = connectTcp(port, ADDRESS)
  socket.on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

async function tls(port: number, options: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = connectTls({ host: ADDRESS, port, ca: ca.certificate, ...options })
  await once(socket, 'secureConnect')
  socket.on('error', () => undefined)
  return socket
}

/** Sends bytes as they are, over TLS or in the clear, and reads until the listener closes. */
async function raw(kind: 'tls' | 'clear', port: number, text: string): Promise<RawAnswer> {
  const socket = await (kind === 'tls' ? tls(port) : tcp(port))
  socket.write(text, 'latin1')
  return parseAnswer((await buffer(socket)).toString('latin1'))
}

const requestText = (path: string, headers: readonly string[], method = 'GET'): string =>
  [`${method} ${path} HTTP/1.1`, ...headers, 'Connection: close', '', ''].join('\r\n')

const UPGRADE = [
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==',
]
const upgradeText = (path: string, headers: readonly string[]): string =>
  [`GET ${path} HTTP/1.1`, ...headers, ...UPGRADE, '', ''].join('\r\n')

const isClosed = (socket: Socket): boolean => socket.closed || socket.destroyed
const closing = (sockets: readonly Socket[]): void => {
  for (const socket of sockets) socket.on('end', () => socket.destroy()).resume()
}

describe('one port', () => {
  test('serves over TLS, and explains in the clear', async () => {
    const { origin, host, seen, inClear } = await start()
    const secure = await ask(`${origin}${PAGE}x?y=1`)
    expect(secure).toMatchObject({ status: 200, text: 'served /x' })
    expect(seen).toEqual([{ kind: 'workspace', id: ID, port: null, own: true, path: '/x', search: '?y=1' }])

    const clear = await ask(`http://${host}${PAGE}x?y=1`)
    expect(clear).toMatchObject({ status: 200, text: `go to ${origin}${PAGE}x?y=1` })
    expect(inClear).toHaveLength(1)
    expect(seen).toHaveLength(1)
  })

  test('never forces other things on this machine to HTTPS', async () => {
    const { origin, host } = await start()
    for (const url of [`${origin}${PAGE}`, `http://${host}${PAGE}`, `${origin}/`])
      expect((await ask(url)).headers).not.toHaveProperty('strict-transport-security')
  })

  test('is decided by the first byte, however slowly the rest comes', async () => {
    const { port, host } = await start()
    // A relay that hands over one byte at a time.
    const relay = createServer((client) => {
      const server = connectTcp(port, ADDRESS)
      server.setNoDelay(true)
      server.pipe(client)
      server.on('error', () => client.destroy())
      client.on('error', () => server.destroy())
      client.on('data', (chunk) => {
        for (const byte of chunk) server.write(Buffer.of(byte))
      })
    })
    relay.listen(0, ADDRESS)
    await once(relay, 'listening')
    onTestFinished(() => void relay.close())
    const near = (relay.address() as AddressInfo).port
    const text = requestText(PAGE, [`Host: ${host}`])
    expect((await raw('tls', near, text)).body).toContain('served /')
    expect((await raw('clear', near, text)).body).toContain('go to https://')
  })

  test('takes large bodies whole, also when they come with the first byte', async () => {
    const { origin } = await start({}, (request, response) => {
      let length = 0
      request.on('data', (chunk: Buffer) => (length += chunk.length))
      request.on('end', () => response.end(String(length)))
    })
    const { text } = await ask(`${origin}${PAGE}`, { method: 'POST', body: 'x'.repeat(3_000_000) })
    expect(text).toBe('3000000')
  })

  test('carries WebSockets over TLS, and none in the clear', async () => {
    const { origin, host, port, seen } = await start()
    const socket = new WebSocket(`${origin.replace('https', 'wss')}${PAGE}`, { ca: ca.certificate })
    await once(socket, 'open')
    socket.send('hello')
    expect(String((await once(socket, 'message'))[0])).toBe('hello')
    socket.terminate()
    seen.length = 0
    const clear = await raw('clear', port, upgradeText(PAGE, [`Host: ${host}`, 'Connection: close']))
    expect(clear.status).toBe(200)
    expect(clear.body).toContain('go to https://')
    expect(seen).toEqual([])
  })

  test('talks TLS 1.2 and 1.3, and HTTP/1.1 alone', async () => {
    const { port } = await start()
    const version = async (options: ConnectionOptions): Promise<string | null> => {
      const socket = await tls(port, options)
      const told = socket.getProtocol()
      socket.destroy()
      return told
    }
    expect(await version({})).toBe('TLSv1.3')
    expect(await version({ maxVersion: 'TLSv1.2' })).toBe('TLSv1.2')
    const old: ConnectionOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }
    await expect(version(old)).rejects.toThrow(/protocol version/)
    await expect(version({ ALPNProtocols: ['h2'] })).rejects.toThrow(/no application protocol/)
    const both = await tls(port, { ALPNProtocols: ['h2', 'http/1.1'] })
    expect(both.alpnProtocol).toBe('http/1.1')
    both.destroy()
  })

  test('shows the certificate that was set last to whoever comes, and leaves who is there alone', async () => {
    const { origin, port, host, setCertificate } = await start()
    const before = await tls(port)
    const next = await ca.issue(names)
    setCertificate(next)
    const after = await tls(port)
    expect(after.getPeerCertificate().serialNumber).not.toBe(before.getPeerCertificate().serialNumber)
    expect(after.authorized).toBe(true)
    for (const socket of [before, after]) {
      socket.write(requestText(PAGE, [`Host: ${host}`]))
      expect((await buffer(socket)).toString()).toContain('served /')
    }
    const old: ConnectionOptions = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' }
    await expect(tls(port, old)).rejects.toThrow(/protocol version/)
    expect((await ask(`${origin}${PAGE}`)).status).toBe(200)
  })

  test.skipIf(process.platform !== 'linux')('L1: it listens on its one address', async () => {
    const { port } = await start({ address: '127.0.0.9' })
    const hex = port.toString(16).toUpperCase().padStart(4, '0')
    const listening = ['tcp', 'tcp6'].flatMap((table) =>
      readFileSync(`/proc/self/net/${table}`, 'utf8')
        .split('\n')
        .slice(1)
        .map((line) => line.trim().split(/\s+/))
        .filter((fields) => fields[3] === '0A' && fields[1]!.endsWith(`:${hex}`))
        .map((fields) => fields[1]!),
    )
    expect(listening).toEqual([`0900007F:${hex}`])
  })
})

describe('L6: the host', () => {
  const strangers = ({ port }: Started): string[] => [
    'evil.com',
    `evil.com:${port}`,
    `${ADDRESS}.nip.io:${port}`,
    `desk.local.evil.com:${port}`,
    `evil.desk.local:${port}`,
    `desk.local.:${port}`,
    `${ADDRESS}.:${port}`,
    `user@${ADDRESS}:${port}`,
    `${ADDRESS}:${port + 1}`,
    `${ADDRESS}:0${port}`,
    `${ADDRESS}:${port}:${port}`,
    `${ADDRESS}:${port},evil.com`,
    ADDRESS,
    'desk.local',
    'desk',
    `localhost:${port}`,
    `${ID}.localhost:${port}`,
    `0.0.0.0:${port}`,
    `127.1:${port}`,
    `2130706433:${port}`,
    `[::ffff:127.0.0.1]:${port}`,
    '',
  ]

  test('of anybody else is refused, for pages, upgrades and explanations', async () => {
    const started = await start()
    for (const host of strangers(started)) {
      const headers = [`Host: ${host}`]
      const plain = requestText(PAGE, headers)
      expect((await raw('tls', started.port, plain)).status, host).toBe(403)
      expect((await raw('clear', started.port, plain)).status, host).toBe(403)
      expect((await raw('tls', started.port, upgradeText(PAGE, headers))).status, host).toBe(403)
    }
    expect([...started.seen, ...started.inClear]).toEqual([])
  })

  test('that comes twice, not at all, or in the first line is refused', async () => {
    const { port, host, seen, inClear } = await start()
    for (const kind of ['tls', 'clear'] as const) {
      for (const hosts of [
        [host, host],
        [host, 'evil.com'],
        ['evil.com', host],
      ]) {
        const headers = hosts.map((one) => `Host: ${one}`)
        expect((await raw(kind, port, requestText(PAGE, headers))).status).toBe(400)
      }
      expect((await raw(kind, port, requestText(PAGE, []))).status).toBe(400)
      expect((await raw(kind, port, `GET ${PAGE} HTTP/1.0\r\n\r\n`)).status).toBe(403)
      expect((await raw(kind, port, requestText(`https://${host}${PAGE}`, ['Host: evil.com']))).status).toBe(
        403,
      )
      expect((await raw(kind, port, requestText(`https://evil.com${PAGE}`, [`Host: ${host}`]))).status).toBe(
        404,
      )
    }
    expect([...seen, ...inClear]).toEqual([])
  })

  test('by name leads to the address, where the one origin is', async () => {
    const { port, origin, seen, inClear } = await start()
    const headers = [`Host: desk.local:${port}`]
    const answer = await raw('tls', port, requestText(`${PAGE}x?y=1`, headers))
    expect(answer.status).toBe(307)
    expect(answer.header('location')).toBe(`${origin}${PAGE}x?y=1`)
    expect(seen).toEqual([])
    await raw('clear', port, requestText(PAGE, headers))
    expect(inClear[0]?.httpsUrl).toBe(`${origin}${PAGE}`)
    expect((await raw('tls', port, requestText(`/w/${OTHER}/`, headers))).status).toBe(404)
  })
})

describe('L1: what exists', () => {
  // prettier-ignore
  const NOTHING = [
    '/', '/index.html', '/api/v1/workspaces', '/api/v1/session', '/api/v1/openapi.json', '/assets/x.js', '/w', '/w/', '/favicon.ico',
    `/w/${OTHER}/`, `/w/${OTHER}`, `/w/${ID}x/`, `/w/${ID.toUpperCase()}/`, `/w/${ID}/../${OTHER}/`, `/w/${ID}/%2e%2e/${OTHER}/`,
    `/w/${ID}\\..\\${OTHER}/`, `//w/${ID}/`, `/w//${ID}/`, `/W/${ID}/`, `/w/${ID}%2f`, `/./w/${ID}/`, `/w/${ID}/%00`, '*',
    `/w/${OTHER}/../${ID}/`, `/.berth/enter`, `/w/${ID};x/`, `?/w/${ID}/`,
  ]

  test('is one workspace; every other path is not there, over TLS, for upgrades, and in the clear', async () => {
    const { port, host, seen, inClear } = await start()
    const headers = [`Host: ${host}`]
    for (const path of NOTHING) {
      for (const method of ['GET', 'POST', 'OPTIONS']) {
        const text = requestText(path, headers, method)
        const { status } = await raw('tls', port, text)
        expect([400, 404], `${method} ${path}`).toContain(status)
        expect((await raw('clear', port, text)).status, `${method} ${path}`).toBe(status)
      }
      expect([400, 404], path).toContain((await raw('tls', port, upgradeText(path, headers))).status)
    }
    expect([...seen, ...inClear]).toEqual([])
    expect((await raw('tls', port, requestText(PAGE, headers))).status).toBe(200)
  })

  test('is not asked by TRACE', async () => {
    const { port, host, seen, inClear } = await start()
    for (const kind of ['tls', 'clear'] as const)
      for (const path of [PAGE, `${PAGE}x`])
        expect((await raw(kind, port, requestText(path, [`Host: ${host}`], 'TRACE'))).status).toBe(405)
    expect([...seen, ...inClear]).toEqual([])
  })

  test('says nothing of which workspace it is', async () => {
    const { port, host } = await start()
    for (const kind of ['tls', 'clear'] as const)
      for (const path of ['/', '/w/', `/w/${OTHER}/`])
        expect(JSON.stringify(await raw(kind, port, requestText(path, [`Host: ${host}`])))).not.toContain(ID)
  })

  test('of the server on a port inside is everything, from its root on', async () => {
    const { origin, host, seen, inClear } = await start({ place: { id: ID, port: 3000 } })
    expect((await ask(`${origin}/a?b`)).text).toBe('served /a')
    expect((await ask(`${origin}/w/${OTHER}/`)).text).toBe(`served /w/${OTHER}/`)
    expect(seen[0]).toEqual({ kind: 'workspace', id: ID, port: 3000, own: true, path: '/a', search: '?b' })
    await ask(`http://${host}/a?b`)
    expect(inClear[0]?.httpsUrl).toBe(`${origin}/a?b`)
  })

  test('a failure in what answers is a 500 without its insides, and the listener goes on', async () => {
    const fail = (): never => {
      throw new Error('a secret of /home/somebody')
    }
    const { origin, host, port, log } = await start({ upgrade: fail, plain: fail }, fail)
    for (const url of [`${origin}${PAGE}`, `http://${host}${PAGE}`]) {
      const answer = await ask(url)
      expect(answer.status).toBe(500)
      expect(answer.text).not.toContain('secret')
    }
    expect((await raw('tls', port, upgradeText(PAGE, [`Host: ${host}`]))).status).toBe(500)
    expect(log.errors).toHaveLength(3)
  })
})

describe('E12: strangers', () => {
  test('have these limits', () => {
    expect(LIMITS).toEqual({ total: 256, perAddress: 64, headMs: 10_000, headBytes: 16_384, restMs: 1_000 })
  })

  test('with 500 slow connections keep nobody from a quick answer, and are all rid of in time', async () => {
    const headMs = 1_500
    const { port, origin, host } = await start({ limits: { headMs } })
    const hello = Buffer.from('1603010200010001fc0303', 'hex')
    const sockets: Socket[] = []
    for (let n = 0; n < 500; n++) {
      const socket = connectTcp(port, ADDRESS)
      socket.on('error', () => undefined)
      sockets.push(socket)
      // Nothing; half a handshake; half a head.
      if (n % 3 === 1) socket.write(hello)
      if (n % 3 === 2) socket.write(`GET ${PAGE} HTTP/1.1\r\nHost: ${host}\r\nX-Slow: `)
    }
    closing(sockets)
    await until('the rest was turned away', () => sockets.filter((socket) => !isClosed(socket)).length <= 64)
    // They dribble on, so that no connection is ever idle.
    const dribble = setInterval(() => {
      for (const socket of sockets) if (!isClosed(socket) && socket.bytesWritten > 20) socket.write('x')
    }, 50)
    onTestFinished(() => clearInterval(dribble))

    const times: number[] = []
    for (let n = 0; n < 30; n++) {
      const from = performance.now()
      expect((await ask(`${origin}${PAGE}`, { from: '127.0.0.2' })).status).toBe(200)
      times.push(performance.now() - from)
    }
    expect(times.sort((a, b) => a - b)[28]).toBeLessThan(250)
    await until('they are gone', () => sockets.every(isClosed), { ms: headMs + 8_000 })
    expect((await ask(`${origin}${PAGE}`)).status).toBe(200)
  })

  test('who finish the handshake and then dribble a head are rid of too', async () => {
    const { port, host } = await start({ limits: { headMs: 500 } })
    const first = await tls(port)
    const second = await tls(port)
    second.write(`GET ${PAGE} HTTP/1.1\r\nHost: ${host}\r\n\r\n`) // a whole one, and then half of one
    await once(second, 'data')
    second.write(`GET ${PAGE} HTTP/1.1\r\nX-Slow: `)
    closing([first, second])
    const dribble = setInterval(() => !isClosed(second) && second.write('x'), 50)
    onTestFinished(() => clearInterval(dribble))
    await until('both are closed', () => isClosed(first) && isClosed(second), { ms: 10_000 })
  })

  test('who were answered, and go on with a body, are rid of soon', async () => {
    const { port, host } = await start({ limits: { restMs: 300 } }, (_, response) => void response.end('no'))
    const post = (path: string): string =>
      `POST ${path} HTTP/1.1\r\nHost: ${host}\r\nContent-Length: 1000000\r\n\r\nx`
    const sockets = [await tls(port), await tls(port), await tcp(port)]
    const answers = sockets.map((socket) => once(socket, 'data'))
    for (const [n, path] of [PAGE, '/elsewhere', PAGE].entries()) sockets[n]!.write(post(path))
    for (const answer of answers) expect(String((await answer)[0])).toMatch(/^HTTP\/1\.1 (200|404) /)
    closing(sockets)
    const dribble = setInterval(() => {
      for (const socket of sockets) if (!isClosed(socket)) socket.write('x')
    }, 50)
    onTestFinished(() => clearInterval(dribble))
    await until('all are closed', () => sockets.every(isClosed), { ms: 10_000 })
    // Who has said it all may ask again.
    const socket = await tls(port)
    for (let n = 0; n < 2; n++) {
      socket.write(`GET ${PAGE} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
      await once(socket, 'data')
      await new Promise((resolve) => setTimeout(resolve, 400))
    }
    expect(isClosed(socket)).toBe(false)
  })

  test('have so many connections and no more, from one address and in all', async () => {
    const { port, origin } = await start({ limits: { perAddress: 3, total: 5 } })
    const held = [await tls(port), await tls(port), await tls(port)]
    await expect(ask(`${origin}${PAGE}`)).rejects.toThrow()
    expect((await ask(`${origin}${PAGE}`, { from: '127.0.0.2' })).status).toBe(200)
    held.pop()!.destroy()
    await until('one of them may come again', () =>
      tls(port).then(
        (socket) => held.push(socket),
        () => false,
      ),
    )
    held.push(await tls(port, { localAddress: '127.0.0.2' } as ConnectionOptions))
    held.push(await tls(port, { localAddress: '127.0.0.3' } as ConnectionOptions))
    await expect(ask(`${origin}${PAGE}`, { from: '127.0.0.4' })).rejects.toThrow()
    for (const socket of held) socket.destroy()
    await until('all may come again', () =>
      ask(`${origin}${PAGE}`, { from: '127.0.0.4' }).then(
        ({ status }) => status === 200,
        () => false,
      ),
    )
  })

  test('with a head that is too large, or is none, are told so and cut off', async () => {
    const { port, host, seen } = await start()
    const large = requestText(PAGE, [`Host: ${host}`, `X-Large: ${'x'.repeat(17 * 1_024)}`])
    const nearly = requestText(PAGE, [`Host: ${host}`, `X-Large: ${'x'.repeat(15 * 1_024)}`])
    for (const kind of ['tls', 'clear'] as const) {
      expect((await raw(kind, port, large)).status).toBe(431)
      expect((await raw(kind, port, nearly)).status).toBe(200)
      for (const text of [
        'NONSENSE\r\n\r\n',
        `GET ${PAGE} HTTP/1.1\r\nHost : ${host}\r\n\r\n`,
        'GET / HTTP/9\r\n\r\n',
      ])
        expect((await raw(kind, port, text)).status, text).toBe(400)
    }
    // Of more headers than Node keeps, the last ones would be seen by nobody.
    for (const count of [600, 2_000]) {
      const crowd = [`Host: ${host}`, ...Array.from({ length: count }, () => 'a:'), 'Content-Length: 2']
      const open = `POST ${PAGE} HTTP/1.1\r\n${crowd.join('\r\n')}\r\n\r\nhi`
      for (const kind of ['tls', 'clear'] as const) expect((await raw(kind, port, open)).status).toBe(431)
      expect((await raw('tls', port, upgradeText(PAGE, crowd))).status).toBe(431)
    }
    expect((await raw('clear', port, `CONNECT ${host} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)).status).toBe(0)
    expect(seen).toHaveLength(1)
  })

  test('who reset their connections at any moment end nothing', async () => {
    const faults: unknown[] = []
    const note = (error: unknown): void => void faults.push(error)
    process.on('uncaughtException', note)
    process.on('unhandledRejection', note)
    onTestFinished(() => {
      process.off('uncaughtException', note)
      process.off('unhandledRejection', note)
    })
    const { port, origin, host } = await start({}, (_, response) => void response.write('x'.repeat(100_000)))
    const head = `GET ${PAGE} HTTP/1.1\r\nHost: ${host}\r\n`
    for (let n = 0; n < 40; n++) {
      const nothing = await tcp(port)
      nothing.resetAndDestroy()
      const half = await tcp(port)
      half.write('\x16\x03\x01')
      half.resetAndDestroy()
      const garbage = await tcp(port)
      garbage.write(Buffer.concat([Buffer.of(0x16), Buffer.alloc(600, n)]))
      garbage.resetAndDestroy()
      for (const text of ['', head, `${head}\r\n`, upgradeText(PAGE, [`Host: ${host}`])]) {
        const under = await tcp(port)
        const socket = await tls(port, { socket: under })
        if (text !== '') socket.write(text)
        if (n % 2 === 0 && text.endsWith('\r\n\r\n')) await once(socket, 'data')
        under.resetAndDestroy()
      }
    }
    const answer = await new Promise<IncomingMessage>((resolve, reject) =>
      httpsRequest(`${origin}${PAGE}`, { agent: false, ca: ca.certificate }, resolve)
        .on('error', reject)
        .end(),
    )
    expect(answer.statusCode).toBe(200)
    answer.destroy()
    expect(faults).toEqual([])
  })
})

test('closing ends every connection, and frees the port', async () => {
  const { port, origin, host, close } = await start({}, (_, response) => void response.write('and so on'))
  const socket = new WebSocket(`${origin.replace('https', 'wss')}${PAGE}`, { ca: ca.certificate })
  socket.on('error', () => undefined)
  await once(socket, 'open')
  const stream = await tls(port)
  stream.write(requestText(PAGE, [`Host: ${host}`]))
  await once(stream, 'data')
  const [undecided, idle, shaking] = [await tcp(port), await tls(port), await tcp(port)]
  shaking.write('\x16\x03')
  closing([stream, undecided, idle, shaking])
  await close()
  await until(
    'all are closed',
    () => [stream, undecided, idle, shaking].every(isClosed) && socket.readyState === 3,
  )
  await expect(ask(`${origin}${PAGE}`)).rejects.toMatchObject({ code: 'ECONNREFUSED' })
})

test('a port or an address that is not free is the system’s error', async () => {
  const { port } = await start()
  const deps = { place: { id: ID, port: null }, names: () => [], certificate: issued, log: createQuietLog() }
  const handlers = {
    request: () => undefined,
    upgrade: () => undefined,
    plain: () => undefined,
    sendProblem: () => undefined,
  }
  await expect(openListener({ ...deps, ...handlers, address: ADDRESS }, port)).rejects.toMatchObject({
    code: 'EADDRINUSE',
  })
  await expect(openListener({ ...deps, ...handlers, address: '192.0.2.1' }, 0)).rejects.toMatchObject({
    code: 'EADDRNOTAVAIL',
  })
})
