import { describe, expect, test } from 'vitest'
import { startCanary, startRawCanary } from '../testing/canary.ts'
import { until } from '../testing/until.ts'
import { answers } from './probe.ts'

describe('code-server answers', () => {
  test.each(['socket', 'port'] as const)('when its health check is a 200, by %s', async (kind) => {
    const canary = await startCanary(kind)
    expect(await answers(canary.upstream, 5_000)).toBe(true)
    expect(canary.requests[0]).toMatchObject({ method: 'GET', url: '/healthz' })
    expect(canary.requests[0]!.headers).not.toHaveProperty('cookie')
  })

  test.each<[string, string]>([
    ['is a 503', 'HTTP/1.1 503 Starting\r\nContent-Length: 0\r\n\r\n'],
    ['is a redirect', 'HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n'],
    ['is no HTTP', 'hello\r\n'],
    ['is nothing', ''],
  ])('not when it %s', async (_, said) => {
    expect(await answers(await startRawCanary(said), 5_000)).toBe(false)
  })

  test('not when nobody is there', async () => {
    expect(await answers({ socketPath: '/nowhere/s' }, 5_000)).toBe(false)
    expect(await answers({ host: '127.0.0.1', port: 1, cookie: '' }, 5_000)).toBe(false)
  })

  test.each<[string, string, string, boolean]>([
    ['dribbles a head', 'HTTP/1.1 200 OK\r\n', 'X-A: a\r\n', false],
    ['says for ever that it goes on', '', 'HTTP/1.1 100 Continue\r\n\r\n', false],
    ['switches protocols', 'HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n', 'x', false],
    ['has a body without end', 'HTTP/1.1 200 OK\r\n\r\n', 'x', true],
    ['has a body that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz', 'x', true],
  ])('and it holds no connection when it %s', async (_, first, again, answer) => {
    let open: boolean | undefined
    const upstream = await startRawCanary(first, (socket) => {
      open = true
      socket.resume().on('close', () => (open = false))
      const goOn = (): unknown => open && socket.write(again, () => setTimeout(goOn, 10))
      goOn()
    })
    const from = performance.now()
    expect(await answers(upstream, 500)).toBe(answer)
    expect(performance.now() - from).toBeLessThan(5_000)
    await until('it is let go', () => open === false)
  })

  test('not when it says nothing for too long', async () => {
    const silent = await startRawCanary('', () => undefined)
    expect(await answers(silent, 50)).toBe(false)
  })
})
