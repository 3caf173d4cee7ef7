import { describe, expect, test } from 'vitest'
import { startCanary, startRawCanary } from '../testing/canary.ts'
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

  test('not when it says nothing for too long', async () => {
    const silent = await startRawCanary('', () => undefined)
    expect(await answers(silent, 50)).toBe(false)
  })
})
