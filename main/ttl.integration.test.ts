import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type WebSocket from 'ws'
import { beforeAll, describe, expect, test } from 'vitest'
import { containersOf, launch } from './testing/containers.ts'
import { useBench, type Plane } from './testing/harness.ts'
import { stays, until } from './testing/until.ts'

const bench = useBench()
const { docker } = bench

let tiny: string
let plane: Plane
beforeAll(async () => {
  tiny = await bench.image('tiny')
  plane = await bench.plane({ image: tiny })
})

const TTL = { standby_ttl_seconds: 3 }
const seconds = (from: string, to: string): number => (Date.parse(to) - Date.parse(from)) / 1_000

describe.concurrent('a running workspace that nobody uses', () => {
  test('is warned of, put to sleep, and then archived; its history says why', async () => {
    const { seen, close } = await plane.follow()
    const running = await plane.running({ ...TTL, archive_ttl_seconds: 4 })
    const { id } = running
    await writeFile(join(running.home_path!, 'precious.txt'), 'precious')
    const next = (
      await plane.untilSeen(id, 'knows what comes', ({ next_transition }) => next_transition !== null)
    ).next_transition!
    expect(next).toMatchObject({ to: 'STANDBY', cause: 'IDLE' })
    expect(seconds(running.status_since, next.at)).toBeLessThan(8)

    const asleep = await plane.untilIn(id, 'STANDBY')
    expect(asleep).toMatchObject({ status_cause: 'IDLE', desired_state: 'STANDBY' })
    expect(asleep.status_reason).toContain('nobody used it')
    expect(await containersOf(docker, id)).toEqual([])
    expect(seen.filter((event) => event.name === 'warning' && event.data.id === id)).toHaveLength(1)
    expect(asleep.next_transition).toMatchObject({ to: 'PENDING', cause: 'ARCHIVE_TTL' })

    const archived = await plane.untilIn(id, 'PENDING')
    expect(archived).toMatchObject({
      display_status: 'ARCHIVED',
      status_cause: 'ARCHIVE_TTL',
      next_transition: null,
    })
    close()
    expect((await plane.history(id)).slice(0, 2).map(({ operation, cause }) => [operation, cause])).toEqual([
      ['ARCHIVING', 'ARCHIVE_TTL'],
      ['STOPPING', 'IDLE'],
    ])
  })

  test('stays awake while a WebSocket is open, counted from its last close', async () => {
    const { id } = await plane.running(TTL)
    const socket = (await plane.connect(id)) as WebSocket
    await plane.untilSeen(id, 'is in use', ({ activity }) => activity.connections === 1)
    await stays('it is in use', 5_000, async () => (await plane.get(id)).status)
    expect((await plane.get(id)).next_transition).toBeNull()
    const closed = Date.now()
    socket.terminate()
    await plane.untilIn(id, 'STANDBY')
    expect(Date.now() - closed).toBeGreaterThan(2_500)
  })

  test('stays awake until a time that somebody named, and for ever with a TTL of 0', async () => {
    const { id } = await plane.running(TTL)
    await plane.patch(id, { keep_awake_until: new Date(Date.now() + 3_600_000).toISOString() })
    const forEver = await plane.running({ standby_ttl_seconds: 0 })
    await stays('they are awake', 6_000, async () => [
      (await plane.get(id)).status,
      (await plane.get(forEver.id)).status,
    ])
    const { next_transition } = await plane.get(id)
    expect(Date.parse(next_transition!.at)).toBeGreaterThan(Date.now() + 3_000_000)
    expect((await plane.get(forEver.id)).next_transition).toBeNull()
    await plane.patch(id, { keep_awake_until: null })
    await plane.untilIn(id, 'STANDBY')
    await plane.patch(forEver.id, TTL)
    await plane.untilIn(forEver.id, 'STANDBY')
  })

  test('is held awake by what works inside, which it names, and sleeps when that has ended', async () => {
    const { id } = await plane.running()
    const still = await plane.running({ busy_shield: false })
    for (const each of [id, still.id]) {
      await launch(docker, each, 'const end = Date.now() + 20_000; while (Date.now() < end);')
      await plane.patch(each, TTL)
    }
    const held = await plane.untilSeen(id, 'is held', ({ activity }) => activity.kept_awake_by !== null)
    expect(held).toMatchObject({ status: 'RUNNING', operation: 'NONE' })
    // Without its shield it sleeps in the midst of work.
    await plane.untilIn(still.id, 'STANDBY')
    await plane.untilIn(id, 'STANDBY')
  })

  test('is not kept awake by Berth itself, nor by requests that fail', async () => {
    const { id } = await plane.running(TTL)
    const { close } = await plane.follow()
    const over = new AbortController()
    const asked = (async () => {
      while (!over.signal.aborted) {
        await plane.get(id)
        await plane.call('GET', `/workspaces/${id}/authorize`)
        await plane.visit(id, '/no-such-page')
      }
    })()
    await plane.untilIn(id, 'STANDBY')
    over.abort()
    await asked
    close()
  })
})

test('deadlines survive a restart, and what runs has its time to be used again', async () => {
  const dataDir = join(await bench.dir(), 'data')
  const first = await bench.plane({ image: tiny, 'data-dir': dataDir })
  const { id } = await first.running({ standby_ttl_seconds: 6 })
  await first.close()
  const second = await bench.plane({ image: tiny, 'data-dir': dataDir })
  const { next_transition } = await second.untilSeen(
    id,
    'has a deadline',
    (seen) => seen.next_transition !== null,
  )
  expect(Date.parse(next_transition!.at)).toBeLessThanOrEqual(Date.now() + 6_500)
  await second.untilIn(id, 'STANDBY')
})

test('twenty visits at once wake it once', async () => {
  const { id } = await plane.running()
  await plane.stop(id)
  await plane.untilIn(id, 'STANDBY')
  const pages = await Promise.all(
    Array.from({ length: 20 }, () => plane.visit(id, '/?folder=x', { headers: { accept: 'text/html' } })),
  )
  expect(new Set(pages.map(({ status }) => status))).toEqual(new Set([200]))
  await plane.untilIn(id, 'RUNNING')
  const starts = (await plane.history(id)).filter(({ cause }) => cause === 'VISIT')
  expect(starts.map(({ operation, outcome }) => [operation, outcome])).toEqual([['STARTING', 'SUCCEEDED']])
  await until('it is answered', async () => (await plane.visit(id, '/healthz')).status === 200)
})
