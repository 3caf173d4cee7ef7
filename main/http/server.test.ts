import { once } from 'node:events'
import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { connectTo, rawRequest, sendRaw, sendRawForHead } from '../testing/raw.ts'
import { idOf } from '../testing/rows.ts'
import { send } from '../testing/send.ts'
import { until } from '../testing/until.ts'
import { createRouter } from './router.ts'
import type { ServerDeps } from './server.ts'

let edge: Edge
beforeEach(async () => void (edge = await startEdge()))

/** The addresses on which this process listens, as the kernel tells them. */
function listening(): string[] {
  const inodes = new Set<string>()
  for (const fd of readdirSync('/proc/self/fd'))
    try {
      inodes.add(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? '')
    } catch {
      // closed meanwhile
    }
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/self/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && inodes.has(fields[9]!))
      .map((fields) => fields[1]!),
  )
}

test.skipIf(process.platform !== 'linux')('E1: it listens on 127.0.0.1 and nowhere else', () => {
  const port = edge.port.toString(16).toUpperCase().padStart(4, '0')
  expect(listening().filter((address) => address.endsWith(`:${port}`))).toEqual([`0100007F:${port}`])
  expect(listening().filter((address) => !address.startsWith('0100007F:'))).toEqual([])
})

describe('E2: the host', () => {
  const ask = async (hosts: readonly string[], line = 'GET /api/v1/session HTTP/1.1'): Promise<number> => {
    const headers = [...hosts.map((host) => `Host: ${host}`), `Authorization: Bearer ${TOKEN}`]
    return (await sendRaw(edge.port, rawRequest(line, headers))).status
  }
  // prettier-ignore
  const strangers = (id: string): string[] => [
    'evil.com', `evil.com:${edge.port}`, `localhost.evil.com:${edge.port}`, `127.0.0.1.nip.io:${edge.port}`, `localhost.:${edge.port}`, `127.0.0.1.:${edge.port}`,
    `user@127.0.0.1:${edge.port}`, `user:pass@127.0.0.1:${edge.port}`, `127.0.0.1:${edge.port}@evil.com`, `127.0.0.1:${edge.port + 1}`, '127.0.0.1', '', `127.0.0.1:0${edge.port}`,
    `http://127.0.0.1:${edge.port}`, `127.1:${edge.port}`, `127.0.0.2:${edge.port}`, `0.0.0.0:${edge.port}`, `[::1]:${edge.port}`, `2130706433:${edge.port}`, `LOCALHOST:${edge.port}`,
    `127.0.0.1:${edge.port},127.0.0.1:${edge.port}`, `x.localhost:${edge.port}`, `${id}.localhost`, `${id}.localhost:${edge.port + 1}`, `${id}.localhost.:${edge.port}`,
    `${id}.localhost.evil.com:${edge.port}`, `x.${edge.hostOf(id)}`, `${id.toUpperCase()}.localhost:${edge.port}`, `${id}x.localhost:${edge.port}`, `${id}.127.0.0.1:${edge.port}`,
    // Of ports
    `0--${edge.hostOf(id)}`, `03000--${edge.hostOf(id)}`, `65536--${edge.hostOf(id)}`, `99999--${edge.hostOf(id)}`, `-1--${edge.hostOf(id)}`, `+1--${edge.hostOf(id)}`, `0x1--${edge.hostOf(id)}`,
    `3000-${edge.hostOf(id)}`, `3000---${edge.hostOf(id)}`, `3000.${edge.hostOf(id)}`, `x--${edge.hostOf(id)}`, `--${edge.hostOf(id)}`, `3000--${id}.localhost`, `3000--${id}.localhost:1`,
    `3000--${id}.localhost.evil.com:${edge.port}`, `3000--127.0.0.1:${edge.port}`, `3000--localhost:${edge.port}`, `1--2--${edge.hostOf(id)}`, `3000--X.localhost:${edge.port}`,
  ]

  test('that is ours is served', async () => {
    expect(await ask([edge.host])).toBe(200)
    expect(await ask([`localhost:${edge.port}`])).toBe(200)
  })

  test('of anybody else is refused for the API, the dashboard, workspaces and upgrades, even with the token', async () => {
    const id = edge.asleep(1)
    expect(strangers(id).length).toBeGreaterThan(40)
    for (const host of strangers(id)) {
      for (const path of ['/api/v1/session', '/api/v1/nothing', '/', `/w/${id}/`])
        expect(await ask([host], `GET ${path} HTTP/1.1`), `${host} ${path}`).toBe(403)
      const upgrade = [
        'Connection: Upgrade',
        'Upgrade: websocket',
        `Host: ${host}`,
        `Authorization: Bearer ${TOKEN}`,
      ]
      const answer = await sendRaw(edge.port, [`GET /w/${id}/ HTTP/1.1`, ...upgrade, '', ''].join('\r\n'))
      expect(answer.status, `upgrade ${host}`).toBe(403)
    }
    expect(edge.table.get(id)?.wish).toBe(1)
  })

  test('that comes twice is refused, in any order and case', async () => {
    for (const hosts of [
      [edge.host, edge.host],
      [edge.host, 'evil.com'],
      ['evil.com', edge.host],
    ])
      expect(await ask(hosts)).toBe(400)
    const odd = rawRequest('GET / HTTP/1.1', [`HOST: ${edge.host}`, `host: ${edge.hostOf(idOf(1))}`])
    expect((await sendRaw(edge.port, odd)).status).toBe(400)
  })

  test('that is missing is refused', async () => {
    expect(await ask([])).toBe(400)
    expect(await ask([], 'GET / HTTP/1.0')).toBe(403)
  })

  test('is not taken from a whole address in the first line', async () => {
    expect(await ask(['evil.com'], `GET http://${edge.host}/api/v1/session HTTP/1.1`)).toBe(403)
    expect(await ask([edge.host], 'GET http://evil.com/api/v1/session HTTP/1.1')).toBe(404)
    expect(await ask([edge.host], 'OPTIONS * HTTP/1.1')).toBe(404)
  })

  test('of a workspace serves neither API nor dashboard', async () => {
    const id = edge.asleep(1)
    for (const path of ['/api/v1/session', '/api/v1/workspaces', '/index.html', '/assets/x.js', '//', '/w'])
      expect(await ask([edge.hostOf(id)], `GET ${path} HTTP/1.1`), path).toBe(404)
  })
})

describe('the dashboard', () => {
  test('is served without a token, and may run nothing but its own', async () => {
    const answer = await send(`${edge.url}/`)
    expect(answer).toMatchObject({ status: 200, text: expect.stringContaining('Dashboard') as string })
    expect(answer.headers['content-security-policy']).toMatch(/^default-src 'none'; script-src 'self';/)
    expect(answer.headers['content-security-policy']).toContain("frame-ancestors 'none'")
    expect(answer.headers['content-security-policy']).not.toMatch(/unsafe|\*/)
    expect(answer.headers).toMatchObject({
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
      'cache-control': 'no-cache',
    })
  })

  test('has nothing outside its folder', async () => {
    for (const path of [
      '/token',
      '/..%2ftoken',
      '/%2e%2e%2ftoken',
      '/.%00',
      '/....//token',
      '/w',
      '/apiv1',
      '/package.json',
    ])
      expect((await send(edge.url + path)).status, path).toBe(404)
  })
})

describe('what is no HTTP', () => {
  test.each([
    ['nonsense', 'nonsense\r\n\r\n', 400],
    ['a greeting of TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 400],
    ['a head without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431],
  ])('%s gets an answer and a closed connection', async (_, said, status) => {
    expect((await sendRaw(edge.port, said)).status).toBe(status)
    expect((await send(`${edge.url}/`)).status).toBe(200)
  })

  test('CONNECT and TRACE are refused, for whatever address', async () => {
    const id = edge.asleep(1)
    for (const host of [edge.host, edge.hostOf(id), edge.portHostOf(id, 3000)]) {
      const headers = [`Host: ${host}`, `Authorization: Bearer ${TOKEN}`]
      for (const line of ['CONNECT evil.com:443', 'CONNECT 127.0.0.1:22', 'TRACE /', `TRACE /w/${id}/`])
        expect([404, 405], line).toContain(
          (await sendRaw(edge.port, rawRequest(`${line} HTTP/1.1`, headers))).status,
        )
    }
    expect(edge.table.get(id)?.wish).toBe(1)
  })

  test('an upgrade on the plain origin leads nowhere', async () => {
    const headers = [
      `Host: ${edge.host}`,
      `Authorization: Bearer ${TOKEN}`,
      'Connection: Upgrade',
      'Upgrade: websocket',
    ]
    for (const path of ['/', '/api/v1/events', '/api/v1/workspaces'])
      expect(
        (await sendRaw(edge.port, [`GET ${path} HTTP/1.1`, ...headers, '', ''].join('\r\n'))).status,
      ).toBe(404)
  })
})

describe('E12: the limits', () => {
  const LIMITS = {
    maxHeaderSize: 16 * 1024,
    headersTimeout: 200,
    connectionsCheckingInterval: 50,
    maxConnections: 4_000,
  }
  /** A listener with these limits in front of the same Berth. */
  async function limited(
    limits: typeof LIMITS,
    api: ServerDeps['api'] = (_, response) => void response.writeHead(204).end(),
  ): Promise<number> {
    const { createHttpServer } = await import('./server.ts')
    const { gateway, front, log } = edge
    const server = createHttpServer({ api, gateway, front, rendererDir: import.meta.dirname, log, limits })
    onTestFinished(() => server.close())
    return server.listen(0)
  }

  test('a head of so many headers is refused, and its connection closed, also for an upgrade', async () => {
    const upgrade = ['Connection: Upgrade', 'Upgrade: websocket']
    for (const [count, status] of [
      [400, 200],
      [600, 431],
      [2_000, 431],
    ] as const) {
      const crowd = [`Host: ${edge.host}`, ...Array.from({ length: count }, () => 'a:')]
      const { status: told, body } = await sendRaw(edge.port, rawRequest('GET / HTTP/1.1', crowd))
      expect([count, told]).toEqual([count, status])
      if (status === 431) expect(body).toBe('')
      const kept = ['GET / HTTP/1.1', ...crowd, ...upgrade, '', ''].join('\r\n')
      expect((await sendRaw(edge.port, kept)).status).toBe(status === 431 ? 431 : 404)
      if (status === 431)
        expect((await sendRaw(edge.port, ['GET / HTTP/1.1', ...crowd, '', ''].join('\r\n'))).status).toBe(431)
    }
  })

  test('a head of sixteen kibibytes is the largest', async () => {
    const ask = (bytes: number) =>
      sendRaw(edge.port, rawRequest('GET / HTTP/1.1', [`Host: ${edge.host}`, `X: ${'x'.repeat(bytes)}`]))
    expect((await ask(15_000)).status).toBe(200)
    expect((await ask(17_000)).status).toBe(431)
  })

  test('five hundred that say nothing, or one byte after the other, are sent away, and hold up nobody', async () => {
    const port = await limited(LIMITS)
    const sockets = await Promise.all(Array.from({ length: 500 }, () => connectTo(port)))
    const ended = sockets.map(
      (socket) =>
        new Promise<void>((resolve) => {
          socket.on('error', () => undefined)
          socket.on('close', () => resolve())
          socket.resume()
        }),
    )
    for (const [n, socket] of sockets.entries()) if (n % 2 === 0) socket.write(`GET / HTTP/1.1\r\nX: `)
    const slow = setInterval(() => {
      for (const [n, socket] of sockets.entries()) if (n % 2 === 0 && socket.writable) socket.write('x')
    }, 50)
    const times: number[] = []
    while (times.length < 20) {
      const begun = performance.now()
      expect((await send(`http://127.0.0.1:${port}/api/v1/session`)).status).toBe(204)
      times.push(performance.now() - begun)
    }
    await Promise.all(ended)
    clearInterval(slow)
    expect(times.sort((a, b) => a - b).at(-2)).toBeLessThan(250)
  })

  describe('a body that is never sent whole', () => {
    /** A listener with few connections, which waits so long for a body. */
    async function behind(bodyMs: number): Promise<number> {
      const { routes, sessions, log } = edge
      const limits = { bodyBytes: 256 * 1024, openBytes: 4 * 1024, bodyMs }
      const api = createRouter({ routes, authenticate: sessions.requirePrincipal, log, limits })
      return limited({ ...LIMITS, maxConnections: 20 }, api)
    }
    const half = (port: number, line: string, host = `127.0.0.1:${port}`): string =>
      [
        `${line} HTTP/1.1`,
        ...[`Host: ${host}`, 'Content-Type: application/json', 'Content-Length: 4000', '', '{"token":'],
      ].join('\r\n')

    test.each([
      ['to sign in', 'POST /api/v1/login', 408],
      ['by who is not known', 'POST /api/v1/workspaces', 401],
      ['to where nothing reads it', 'GET /api/v1/nothing', 401],
      ['to the dashboard', 'GET /', 404],
    ])('%s, holds no connection, however many send it and go on', async (_, line, status) => {
      const port = await behind(200)
      expect((await sendRawForHead(port, half(port, line))).status).toBe(status)
      const sockets = await Promise.all(Array.from({ length: 20 }, () => connectTo(port)))
      const drip = setInterval(() => {
        for (const socket of sockets) if (socket.writable) socket.write(' ')
      }, 50)
      onTestFinished(() => clearInterval(drip))
      for (const socket of sockets) {
        socket.on('error', () => undefined).resume()
        socket.write(half(port, line))
      }
      await until('all are sent away', () => sockets.every((socket) => socket.destroyed))
      const body = JSON.stringify({ token: TOKEN })
      const headers = { 'content-type': 'application/json' }
      const login = { method: 'POST', headers, body }
      expect((await send(`http://127.0.0.1:${port}/api/v1/login`, login)).status).toBe(200)
    })

    test('to a host that is none of ours, or a workspace that lets nobody in, neither', async () => {
      const port = await behind(200)
      for (const host of ['evil.com', `${edge.asleep(1)}.localhost:${port}`]) {
        const socket = await connectTo(port)
        socket.on('error', () => undefined).resume()
        socket.write(half(port, 'POST /', host))
        const drip = setInterval(() => {
          if (socket.writable) socket.write(' ')
        }, 50)
        onTestFinished(() => clearInterval(drip))
        await until(`${host} is sent away`, () => socket.destroyed)
      }
    })

    test('is told so, and what is whole in time is taken', async () => {
      const port = await behind(500)
      const { body } = await sendRaw(port, half(port, 'POST /api/v1/login'))
      expect(JSON.parse(body)).toMatchObject({ code: 'TOO_SLOW', status: 408 })
      const socket = await connectTo(port)
      const [head, rest] = [`{"token":"${TOKEN}`, '"}']
      const length = `Content-Length: ${head.length + rest.length}`
      socket.write(
        half(port, 'POST /api/v1/login').replace('Content-Length: 4000', length).slice(0, -9) + head,
      )
      await new Promise((resolve) => setImmediate(resolve))
      socket.write(rest)
      const [answer] = (await once(socket, 'data')) as [Buffer]
      expect(String(answer)).toMatch(/^HTTP\/1.1 200 /)
      socket.destroy()
    })
  })

  test('who is not known may say four kibibytes', async () => {
    const login = (token: string) =>
      send(`${edge.url}/api/v1/login`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ token }),
      })
    expect((await login('x'.repeat(5_000))).status).toBe(413)
    expect((await login(TOKEN)).status).toBe(200)
  })

  test('more connections than there may be are not taken, until others have gone', async () => {
    const port = await limited({ ...LIMITS, headersTimeout: 60_000, maxConnections: 3 })
    const held = await Promise.all([1, 2, 3].map(() => connectTo(port)))
    const turnedAway = async (): Promise<boolean> =>
      send(`http://127.0.0.1:${port}/api/v1/session`).then(
        () => false,
        () => true,
      )
    expect(await turnedAway()).toBe(true)
    for (const socket of held) socket.destroy()
    await until('there is room', async () => !(await turnedAway()))
  })
})

test('a port that is taken is told of by the system’s name for it', async () => {
  const { createHttpServer } = await import('./server.ts')
  const other = createHttpServer({
    api: () => undefined,
    gateway: edge.gateway,
    front: edge.front,
    rendererDir: import.meta.dirname,
    log: edge.log,
  })
  onTestFinished(() => other.close())
  await expect(other.listen(edge.port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect(await other.listen(0)).toBeGreaterThan(0)
})
