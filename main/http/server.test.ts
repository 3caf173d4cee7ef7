import { readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { buffer } from 'node:stream/consumers'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { connectTo, rawRequest, sendRaw } from '../testing/raw.ts'
import { idOf } from '../testing/rows.ts'
import { send } from '../testing/send.ts'

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

test.skipIf(process.platform !== 'linux')('E1 it listens on 127.0.0.1 and nowhere else', () => {
  const port = edge.port.toString(16).toUpperCase().padStart(4, '0')
  expect(listening().filter((address) => address.endsWith(`:${port}`))).toEqual([`0100007F:${port}`])
  expect(listening().filter((address) => !address.startsWith('0100007F:'))).toEqual([])
})

describe('E2 the host', () => {
  const ask = async (hosts: readonly string[], line = 'GET /api/v1/session HTTP/1.1'): Promise<number> => {
    const headers = [...hosts.map((host) => `Host: ${host}`), `Authorization: Bearer ${TOKEN}`]
    return (await sendRaw(edge.port, rawRequest(line, headers))).status
  }
  const strangers = (): string[] => [
    'evil.com',
    `evil.com:${edge.port}`,
    `localhost.evil.com:${edge.port}`,
    `127.0.0.1.nip.io:${edge.port}`,
    `localhost.:${edge.port}`,
    `user@127.0.0.1:${edge.port}`,
    `127.0.0.1:${edge.port + 1}`,
    '127.0.0.1',
    '',
    `[::1]:${edge.port}`,
    `0.0.0.0:${edge.port}`,
    `x.localhost:${edge.port}`,
  ]

  test('that is ours is served', async () => {
    expect(await ask([edge.host])).toBe(200)
    expect(await ask([`localhost:${edge.port}`])).toBe(200)
  })

  test('of anybody else is refused for the API, the dashboard, workspaces and upgrades, even with the token', async () => {
    const id = edge.asleep(1)
    for (const host of strangers()) {
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

  test('CONNECT is not answered', async () => {
    const socket = await connectTo(edge.port)
    socket.write(`CONNECT evil.com:443 HTTP/1.1\r\nHost: ${edge.host}\r\n\r\n`)
    expect((await buffer(socket)).toString()).toBe('')
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

test('a port that is taken is told of by the system’s name for it', async () => {
  const { createHttpServer } = await import('./server.ts')
  const other = createHttpServer({
    api: () => undefined,
    gateway: { handle: () => undefined, upgrade: () => undefined },
    rendererDir: import.meta.dirname,
    log: edge.log,
  })
  onTestFinished(() => other.close())
  await expect(other.listen(edge.port)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  expect(await other.listen(0)).toBeGreaterThan(0)
})
