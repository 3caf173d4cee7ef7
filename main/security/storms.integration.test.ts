import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { arm } from '../core/failpoint.ts'
import { createClient } from '../testing/client.ts'
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
  const VISITORS = 60
  const PROGRAMS = 20
  const SOCKETS = 20
  let plane: Plane
  let id: string
  beforeAll(async () => {
    plane = await bench.plane({ image: tiny })
    ;({ id } = await plane.running())
  })

  test.each([
    ['', undefined],
    ['once more', undefined],
    ['and its first start fails', 'starting.prepared'],
    ['and its first start fails with the container there', 'starting.created'],
  ] as const)('P10: start it once, and all are answered %s', async (_, failing) => {
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    const before = await startsOf(docker, id)
    let failures = 0
    if (failing) {
      const onHit = (): void => {
        failures++
        arm('', { onHit, kill: () => undefined }) // the next one goes through
      }
      arm(`${failing}=throw`, { onHit, kill: () => undefined })
    }

    /** Asks until the workspace answers, as the page that waits does. */
    async function visitor(): Promise<number> {
      const { status } = await plane.visit(id, '/healthz', { host: plane.hostOf(id), headers: NAVIGATION })
      expect(status).toBe(200)
      await until('the workspace answers', async () => {
        const answer = await plane.visit(id, '/healthz', { headers: { accept: '*/*' } })
        expect([200, 503]).toContain(answer.status)
        return answer.status === 200
      })
      return status
    }
    /** These wake nobody: each is told at once that it sleeps, or that it is there already. */
    const program = async (): Promise<number> =>
      (await plane.visit(id, '/healthz', { headers: { accept: '*/*' } })).status
    const socket = async (): Promise<number> => {
      const opened = await plane.connect(id, { origin: plane.url })
      if (typeof opened === 'number') return opened
      opened.terminate()
      return 200
    }
    const kinds = [
      ...Array.from({ length: VISITORS }, () => visitor),
      ...Array.from({ length: PROGRAMS }, () => program),
      ...Array.from({ length: SOCKETS }, () => socket),
    ]
    const statuses = await Promise.all(kinds.map((ask) => ask()))
    expect(statuses.filter((status) => status !== 200 && status !== 503)).toEqual([])
    await plane.untilIn(id, 'RUNNING')
    expect(failures).toBe(failing ? 1 : 0)
    expect(await startsOf(docker, id)).toBe(before + 1)
  })
})

describe('who asks slowly, or guesses', () => {
  const SLOW = 500
  const GUESSES = 10_000
  const GUESSERS = 20
  /** The slowest that one answer of a hundred may be, in milliseconds, on a machine that has other things to do as well. */
  const PATIENCE_MS = 1_000

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
    expect(times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)]).toBeLessThan(PATIENCE_MS)

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
