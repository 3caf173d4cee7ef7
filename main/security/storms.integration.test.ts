import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { arm } from '../core/failpoint.ts'
import { createClient } from '../testing/client.ts'
import { percentile } from '../testing/percentile.ts'
import { startsOf } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { send } from '../testing/send.ts'
import { until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench
const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }

let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
})

describe('many who ask at once for a workspace that sleeps', () => {
  const ROUNDS = 20
  const VISITORS = 100
  let plane: Plane
  let id: string
  beforeAll(async () => {
    plane = await bench.plane({ image: tiny })
    ;({ id } = await plane.running())
  })

  const firstFails = ['starting.prepared', 'starting.created']
  test(
    'P10: start it once, and all are answered, also when the first start fails',
    { timeout: 300_000 },
    async () => {
      for (let n = 0; n < ROUNDS; n++) await round(n % 2 === 0 ? undefined : firstFails[((n - 1) / 2) % 2])
    },
  )

  async function round(failing: string | undefined): Promise<void> {
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    const before = await startsOf(docker, id)
    let failures = 0
    if (failing !== undefined) {
      const onHit = (): void => {
        failures++
        arm('', { onHit, kill: () => undefined }) // the next one goes through
      }
      arm(`${failing}=throw`, { onHit, kill: () => undefined })
    }
    const statuses = await Promise.all(Array.from({ length: VISITORS }, (_, n) => visitor(n)))
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
    await plane.untilIn(id, 'RUNNING')
    expect(failures).toBe(failing === undefined ? 0 : 1)
    expect(await startsOf(docker, id)).toBe(before + 1)
  }

  /**
   * Comes as a page does, as a program or as a WebSocket, and asks until the workspace answers. The latter two wake nobody:
   * each is told at once that it sleeps, or that it is there already. Resolves to what was said at first.
   */
  async function visitor(n: number): Promise<number> {
    const first = n % 5 < 3 ? await page() : n % 5 === 3 ? await program() : await socket()
    await until('the workspace answers', async () => {
      const status = n % 5 === 4 ? await socket() : await program()
      expect([200, 503]).toContain(status)
      return status === 200
    })
    return first
  }
  const page = async (): Promise<number> => {
    const { status } = await plane.visit(id, '/healthz', { host: plane.hostOf(id), headers: NAVIGATION })
    expect(status).toBe(200)
    return status
  }
  const program = async (): Promise<number> =>
    (await plane.visit(id, '/healthz', { headers: { accept: '*/*' } })).status
  const socket = async (): Promise<number> => {
    const opened = await plane.connect(id, { origin: plane.url })
    if (typeof opened === 'number') return opened
    opened.terminate()
    return 200
  }
})

describe('who asks slowly, or guesses', () => {
  const SLOW = 500
  const GUESSES = 10_000
  const GUESSERS = 20
  /** For ninety-nine of a hundred answers. */
  const PATIENCE_MS = 250

  test('E12: keeps nobody from being served, and gets nowhere', async () => {
    const headless = await bench.serve({
      'data-dir': join(await bench.dir(), 'data'),
      image: tiny,
      'log-level': 'info',
    })
    const owner = createClient(headless.ready!)
    const { port } = new URL(owner.url)
    await owner.call('POST', '/accounts', { name: 'guessed', password: 'correct horse battery' })

    const slow = await Promise.all(Array.from({ length: SLOW }, (_, n) => slowloris(Number(port), n)))
    let guessed = 0
    const statuses = new Map<number, number>()
    const guesses = Array.from({ length: GUESSERS }, async () => {
      while (guessed < GUESSES) {
        const n = guessed++
        const body = [
          { name: 'guessed', password: `guess ${n}` },
          { name: `nobody-${n}`, password: 'correct horse battery' },
          { token: `${owner.token.slice(0, -3)}${String(n).padStart(3, '0').slice(-3)}` },
          { code: String(n) },
        ][n % 4]!
        if ('token' in body && body.token === owner.token) continue
        const { status } = await send(`${owner.url}/api/v1/login`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
        statuses.set(status, (statuses.get(status) ?? 0) + 1)
      }
    })

    const times: number[] = []
    while (guessed < GUESSES) {
      const before = performance.now()
      await owner.call('GET', '/workspaces')
      times.push(performance.now() - before)
      await sleep(20)
    }
    await Promise.all(guesses)
    expect([...statuses.keys()].sort()).toEqual([401, 429])
    expect(times.length).toBeGreaterThan(20)
    const slowest = percentile(times, 0.99)
    console.log(
      `E12: the owner's p99 ${Math.round(slowest)} ms, p50 ${Math.round(percentile(times, 0.5))} ms of ${times.length}`,
    )
    expect(slowest).toBeLessThan(PATIENCE_MS)

    // Whoever does not come to an end is cut off, and nothing is left of it.
    await until('the slow ones are cut off', () => slow.every(({ destroyed }) => destroyed), {
      last: () => slow.filter(({ destroyed }) => !destroyed).length,
    })
    expect((await owner.system()).engine.reachable).toBe(true)
    // Right is right, whatever others have tried.
    expect(await owner.call('GET', '/session')).toMatchObject({ user: { desktop: true } })
  })

  /** A connection on which a request comes a byte at a time, and never whole. */
  async function slowloris(port: number, n: number): Promise<Socket> {
    const socket = connect(port, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    socket.on('error', () => undefined).resume()
    socket.write(
      `${['GET /', 'POST /api/v1/login', `GET /w/${'0'.repeat(26)}/`][n % 3]} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`,
    )
    const drip = setInterval(() => socket.write('x'), 1_000)
    socket.on('close', () => clearInterval(drip))
    bench.atEnd(() => Promise.resolve(void socket.destroy()))
    return socket
  }
})
