import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { buffer } from 'node:stream/consumers'
import fc from 'fast-check'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { startEdge, type Edge } from '../testing/edge.ts'
import { listen, type Heard } from '../testing/events.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { openStream } from '../testing/send.ts'
import { until } from '../testing/until.ts'

const USAGE = { at: '2026-03-01T12:00:00.000Z', cpus: 0.4, memory_bytes: 310 * 2 ** 20 }

let edge: Edge
beforeEach(async () => void (edge = await startEdge()))

const hear = (lastEventId?: string, path = '/events', headers: Record<string, string> = edge.bearer) =>
  listen(`${edge.url}/api/v1${path}`, {
    headers: { ...headers, ...(lastEventId !== undefined && { 'last-event-id': lastEventId }) },
  })
const rename = (id: string, name: string): void => void edge.workspaces.patch(ALICE, id, { name })
const engine = (version: string): void =>
  edge.live.setEngine({ reachable: true, version, message: null, hint: null })
const lastId = (heard: Heard[]): string => heard.findLast(({ id }) => id !== undefined)!.id!

/** Everything that was announced by now has been heard. */
async function caughtUp(...streams: { heard: Heard[] }[]): Promise<void> {
  engine(`mark ${Math.random()}`)
  const { version } = edge.live.engine()
  const marked = ({ heard }: { heard: Heard[] }): boolean =>
    heard.some(({ name, data }) => name === 'engine' && (data as { version: string }).version === version)
  await until('all is heard', () => streams.every(marked))
}

describe('a stream', () => {
  test('begins with the present, and then tells each change', async () => {
    const [a, b] = [edge.asleep(1, { name: 'A' }), edge.asleep(2, { name: 'B' })]
    const stream = await hear()
    expect(stream.headers).toMatchObject({
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    })
    await until('the present', () => stream.names().includes('engine'))
    expect(stream.names()).toEqual(['reset', 'state_changed A', 'state_changed B', 'home_store', 'engine'])
    rename(b, 'B2')
    rename(a, 'A2')
    await until('the changes', () => stream.names().length === 7)
    expect(stream.names().slice(5)).toEqual(['state_changed B2', 'state_changed A2'])
  })

  test('tells all that there is to tell', async () => {
    const id = edge.asleep(1)
    const stream = await hear()
    edge.live.setProgress(id, {
      step: 'STOPPING',
      started_at: '2026-03-01T12:00:00.000Z',
      done_bytes: null,
      total_bytes: null,
    })
    edge.live.setProgress(id, null)
    const errorInfo = {
      code: 'DISK_FULL',
      message: 'm',
      hint: 'h',
      operation: 'STARTING',
      attempt: 1,
      at: '2026-03-01T12:00:00.000Z',
    } as const
    edge.bus.publish({ kind: 'error', id, errorInfo })
    edge.workspaces.remove(ALICE, id)
    await caughtUp(stream)
    const heard = stream.heard.slice(4).map(({ name, data }) => ({ name, data }))
    expect(heard).toMatchObject([
      { name: 'progress', data: { id, progress: { step: 'STOPPING' } } },
      { name: 'progress', data: { id, progress: null } },
      { name: 'error', data: { id, error_info: errorInfo } },
      { name: 'state_changed', data: { id, operation: 'DELETING' } },
      { name: 'engine' },
    ])
  })

  test('of one workspace tells of it alone, and of the engine', async () => {
    const [mine, other] = [edge.asleep(1, { name: 'mine' }), edge.asleep(2, { name: 'other' })]
    const stream = await hear(undefined, `/workspaces/${mine}/events`)
    rename(other, 'x')
    rename(mine, 'y')
    edge.live.setProgress(other, { step: 'STOPPING', started_at: '', done_bytes: null, total_bytes: null })
    await caughtUp(stream)
    expect(stream.names()).toEqual([
      'reset',
      'state_changed mine',
      'home_store',
      'engine',
      'state_changed y',
      'engine',
    ])
  })

  test('never tells of somebody else’s, neither at first nor later nor when resumed', async () => {
    const [hers, his] = [edge.asleep(1, { name: 'hers' }), edge.add(2, { ownerId: BOB.id, name: 'his' })]
    const [alice, bob] = [await hear(), await hear(undefined, '/events', edge.bobsBearer())]
    await caughtUp(alice, bob)
    const [from, since] = [lastId(alice.heard), lastId(bob.heard)]
    edge.workspaces.patch(BOB, his, { name: 'secret' })
    rename(hers, 'private')
    const [again, andAgain] = [await hear(from), await hear(since, '/events', edge.bobsBearer())]
    await caughtUp(alice, bob, again, andAgain)
    for (const stream of [alice, again]) {
      expect(stream.names()).toContain('state_changed private')
      expect(JSON.stringify(stream.heard)).not.toMatch(/secret|his/)
    }
    for (const stream of [bob, andAgain]) {
      expect(stream.names()).toContain('state_changed secret')
      expect(JSON.stringify(stream.heard)).not.toMatch(/private|hers/)
    }
  })

  test('is forgotten once its client has gone', async () => {
    const id = edge.asleep(1)
    const stream = await hear()
    stream.close()
    for (let n = 0; n < 100; n++) rename(id, `n${n}`)
    expect(edge.log.errors).toEqual([])
  })
})

describe('a stream that is resumed', () => {
  test('tells what was missed, once and in order, and no present before it', async () => {
    const id = edge.asleep(1)
    const first = await hear()
    await caughtUp(first)
    first.close()
    for (const name of ['x', 'y', 'z']) rename(id, name)
    const second = await hear(lastId(first.heard))
    rename(id, 'after')
    await caughtUp(second)
    expect(second.names()).toEqual([
      'state_changed x',
      'state_changed y',
      'state_changed z',
      'home_store',
      'engine',
      'state_changed after',
      'engine',
    ])
  })

  test('that missed nothing tells nothing but how home store and engine are', async () => {
    edge.asleep(1)
    const first = await hear()
    await caughtUp(first)
    const second = await hear(lastId(first.heard))
    await caughtUp(second)
    expect(second.names()).toEqual(['home_store', 'engine', 'engine'])
  })

  test.each<[string, () => string]>([
    ['of another run', () => 'ffffffff-3'],
    ['from the future', () => `${edge.runId}-999999`],
    ['that is no id', () => 'nonsense'],
    ['that is almost one', () => `${edge.runId}-x`],
    ['that is empty', () => ''],
    ['that is negative', () => `${edge.runId}--5`],
  ])('after an event %s begins anew', async (_, last) => {
    edge.asleep(1, { name: 'A' })
    engine('1')
    const stream = await hear(last())
    await until('the present', () => stream.names().includes('engine'))
    expect(stream.names()).toEqual(['reset', 'state_changed A', 'home_store', 'engine'])
  })

  test('after more events than are kept begins anew', async () => {
    const id = edge.asleep(1, { name: 'A' })
    const first = await hear()
    await caughtUp(first)
    first.close()
    const before = lastId(first.heard)
    for (let n = 1; n <= 1_000; n++) rename(id, `n${n}`)
    const just = await hear(before)
    await caughtUp(just)
    expect(just.names()[0]).toBe('state_changed n1')
    expect(just.names().filter((name) => name.startsWith('state_changed'))).toHaveLength(1_000)
    rename(id, 'one more')
    const late = await hear(before)
    await caughtUp(late)
    expect(late.names().slice(0, 2)).toEqual(['reset', 'state_changed one more'])
  })

  test('anywhere, and however often, ends up with exactly what one that never broke off has', async () => {
    const ids = [edge.asleep(1), edge.asleep(2), edge.add(3, { ownerId: BOB.id })]
    let n = 0
    const happening = fc.constantFrom<() => void>(
      () => rename(ids[0]!, `a${++n}`),
      () => rename(ids[1]!, `b${++n}`),
      () => void edge.workspaces.patch(BOB, ids[2]!, { name: `c${++n}` }),
      () => engine(`v${++n}`),
      () => edge.bus.publish({ kind: 'workspace', id: idOf(404) }), // gone by the time it is told
    )
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(happening, { maxLength: 6 }), { minLength: 1, maxLength: 4 }),
        async (stretches) => {
          const steady = await hear()
          let broken = await hear()
          await caughtUp(steady, broken)
          const begun = steady.heard.length
          const pieces: Heard[] = []
          let last = lastId(broken.heard)
          for (const stretch of stretches) {
            broken.close()
            for (const happen of stretch) happen()
            broken = await hear(last)
            await caughtUp(steady, broken)
            pieces.push(...broken.heard)
            last = lastId(broken.heard)
          }
          broken.close()
          steady.close()
          const told = (heard: Heard[]): unknown[] => {
            // How the engine is is repeated with the id of the last event, which a client takes as that event.
            const seen = new Set<string>()
            return heard
              .filter(
                ({ id, name }) => name !== 'engine' && id !== undefined && !seen.has(id) && seen.add(id),
              )
              .map(({ id, data }) => [id, (data as Workspace).name])
          }
          expect(told(pieces)).toEqual(told(steady.heard.slice(begun)))
          const ids = pieces
            .filter(({ name }) => name !== 'engine' && name !== 'home_store')
            .map(({ id }) => id)
          expect(new Set(ids).size, 'nothing twice').toBe(ids.length)
        },
      ),
      { numRuns: 8 },
    )
  }, 30_000)
})

describe('a page that waits', () => {
  /** What the page of a workspace hears of all that can be announced. */
  async function glimpsed(id: string, audience: 'owner' | 'guest'): Promise<Heard[]> {
    const server = createServer((request, response) =>
      edge.events.glimpse(id, audience, 'guest:1', request, response),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    onTestFinished(() => {
      server.closeAllConnections()
      server.close()
    })
    const stream = await listen(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, {})
    await until('the present', () => stream.names().includes('engine'))
    edge.bus.publish({ kind: 'error', id, errorInfo: ERROR })
    edge.bus.publish({ kind: 'ring', id, guest: GUEST })
    edge.bus.publish({ kind: 'usage', id, usage: USAGE })
    edge.bus.publish({ kind: 'warning', id, transition: { to: 'STANDBY', at: '', cause: 'IDLE' } as never })
    edge.bus.publish({
      kind: 'home_store',
      problem: { code: 'DISK_FULL', message: 'secret', hint: 'secret' },
    })
    edge.bus.publish({ kind: 'workspace', id: idOf(2) })
    edge.live.setProgress(id, { step: 'STOPPING', started_at: '', done_bytes: 1, total_bytes: 2 })
    edge.live.setEngine({ reachable: false, version: null, message: `secret ${audience}`, hint: 'secret' })
    await until('the last', () => stream.names().filter((name) => name === 'engine').length === 2)
    return stream.heard
  }
  const ERROR = {
    ...({ code: 'DISK_FULL', message: 'secret', hint: 'secret', operation: 'STARTING', attempt: 1 } as const),
    at: '2026-03-01T12:00:00.000Z',
    log_tail: 'secret',
  }
  const GUEST = {
    id: idOf(9),
    name: 'secret',
    address: '',
    state: 'RINGING',
    since: '',
    connections: 0,
  } as const

  test.each(['owner', 'guest'] as const)(
    'hears of its workspace alone, and no more than it shows: %s',
    async (audience) => {
      const change = {
        errorInfo: ERROR,
        errorCount: 1,
        errorWish: 1,
        memo: 'hidden',
        homeStoreKey: 'hidden',
        archiveKey: 'hidden',
      }
      const id = edge.add(1, { name: 'Mine', ...change })
      edge.add(2, { name: 'hidden' })
      const heard = await glimpsed(id, audience)
      expect(heard.map(({ name }) => name)).toEqual([
        ...['reset', 'state_changed', 'home_store', 'engine'],
        ...['home_store', 'progress', 'engine'],
      ])
      expect(Object.keys(heard[1]!.data as object).sort()).toEqual([
        'archived',
        'desired_state',
        'error_count',
        'error_info',
        'id',
        'name',
        'operation',
        'progress',
        'status',
      ])
      expect(heard[1]!.data).toMatchObject({ id, name: 'Mine', archived: true, error_count: 1 })
      const all = JSON.stringify(heard)
      expect(all).not.toContain('hidden')
      expect(all.includes('secret')).toBe(audience === 'owner')
    },
  )

  test('hears the same again when it comes back, and nothing of others', async () => {
    const [id, other] = [edge.asleep(1, { name: 'A', memo: 'hidden' }), edge.asleep(2, { name: 'hidden' })]
    const follow = (last?: string) =>
      listen(`${edge.url}/w/${id}/.berth/events`, {
        host: edge.hostOf(id),
        headers: { ...edge.cookie(id), ...(last !== undefined && { 'last-event-id': last }) },
      })
    const first = await follow()
    await caughtUp(first)
    first.close()
    rename(id, 'B')
    rename(other, 'hidden too')
    const second = await follow(lastId(first.heard))
    await caughtUp(second)
    expect(second.names()).toEqual(['state_changed B', 'home_store', 'engine', 'engine'])
    expect(JSON.stringify([first.heard, second.heard])).not.toContain('hidden')
  })
})

test('who rings is told to the owner, in full streams alone', async () => {
  const id = edge.asleep(1)
  const [stream, bobs] = [await hear(), await hear(undefined, '/events', edge.bobsBearer())]
  const guest = {
    id: idOf(9),
    name: 'Eve',
    address: '10.0.0.2',
    state: 'RINGING',
    since: '',
    connections: 0,
  } as const
  edge.bus.publish({ kind: 'ring', id, guest })
  await caughtUp(stream, bobs)
  expect(stream.heard.find(({ name }) => name === 'ring')?.data).toEqual({ id, guest })
  expect(bobs.names()).not.toContain('ring')
})

test('what a workspace uses is told to its owner, in full streams alone, and to nobody who comes back', async () => {
  const [id, other] = [edge.asleep(1), edge.asleep(2)]
  const [stream, one, elsewhere, bobs] = [
    await hear(),
    await hear(undefined, `/workspaces/${id}/events`),
    await hear(undefined, `/workspaces/${other}/events`),
    await hear(undefined, '/events', edge.bobsBearer()),
  ]
  await caughtUp(stream, one, elsewhere, bobs)
  const from = lastId(stream.heard)
  edge.bus.publish({ kind: 'usage', id, usage: USAGE })
  rename(other, 'x')
  await caughtUp(stream, one, elsewhere, bobs)
  for (const { heard } of [stream, one])
    expect(heard.filter(({ name }) => name === 'usage')).toEqual([
      { id: undefined, name: 'usage', data: { id, usage: USAGE } },
    ])
  for (const { names } of [elsewhere, bobs]) expect(names()).not.toContain('usage')
  const again = await hear(from)
  await caughtUp(again)
  expect(again.names()).toEqual(['state_changed x', 'engine', 'home_store', 'engine', 'engine'])
})

test('how many streams in full there are is told whenever that changes', async () => {
  const id = edge.asleep(1)
  const [stream, one] = [await hear(), await hear(undefined, `/workspaces/${id}/events`)]
  const page = await listen(`${edge.url}/w/${id}/.berth/events`, {
    host: edge.hostOf(id),
    headers: edge.cookie(id),
  })
  await caughtUp(stream, one, page)
  expect(edge.full).toEqual([1, 2])
  for (const each of [page, stream, one]) each.close()
  await until('all are closed', () => edge.full.at(-1) === 0)
  expect(edge.full).toEqual([1, 2, 1, 0])
})

test('where the homes are is told to the desktop’s own user alone', async () => {
  const problem = {
    code: 'HOME_STORE_UNAVAILABLE',
    message: 'not at /homes',
    hint: 'Look at /homes.',
  } as const
  const streams = [await hear(), await hear(undefined, '/events', edge.bobsBearer())] as const
  const problems = ({ heard }: { heard: Heard[] }) =>
    heard.flatMap(({ name, data }) =>
      name === 'home_store' ? ((data as { problem: object | null }).problem ?? []) : [],
    )
  const bare = {
    ...{ code: problem.code, message: 'The home store is not there' },
    hint: 'Connect its disk; Berth goes on by itself.',
  }
  edge.live.setHomeStoreProblem(problem)
  const later = [await hear(), await hear(undefined, '/events', edge.bobsBearer())] as const
  await caughtUp(...streams, ...later)
  for (const [alices, bobs] of [streams, later])
    expect([problems(alices), problems(bobs)]).toEqual([[problem], [bare]])
})

test('the streams of a session are counted while they are open', async () => {
  const token = edge.sessionOf(BOB.id, null)
  const visitor = `session:${edge.sessions.bearer(token)!.sessionId}`
  expect(edge.events.count(visitor)).toBe(0)
  const streams = await Promise.all(
    [1, 2].map(() => hear(undefined, '/events', { authorization: `Bearer ${token}` })),
  )
  expect(edge.events.count(visitor)).toBe(2)
  for (const stream of streams) stream.close()
  await until('they are closed', () => edge.events.count(visitor) === 0)
})

test('L3: the streams of a session that is over end at once, and no others', async () => {
  const token = edge.sessionOf(ALICE.id, null)
  const [theirs, others] = [
    await hear(undefined, '/events', { authorization: `Bearer ${token}` }),
    await hear(),
  ]
  edge.sessions.signOut(edge.sessions.bearer(token)!.sessionId)
  await until('it has ended', () => theirs.ended())
  await caughtUp(others)
  expect(others.ended()).toBe(false)
})

test('a client that does not read is cut off, and comes back for what it missed', async () => {
  const slow = await openStream(`${edge.url}/api/v1/events`, { headers: edge.bearer })
  const steady = await hear()
  for (let n = 0; n < 30; n++) {
    for (const part of 'abcde') engine(`${n}${part}`.padEnd(100_000))
    await caughtUp(steady)
  }
  await expect(buffer(slow)).rejects.toThrow('aborted')
  expect(steady.ended()).toBe(false)
})

test('a stream is kept alive by a heartbeat every thirty seconds', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    edge = await startEdge()
    const stream = await hear()
    vi.advanceTimersByTime(29_999)
    await caughtUp(stream)
    expect(stream.comments).toEqual([])
    vi.advanceTimersByTime(1)
    await until('a heartbeat', () => stream.comments.length > 0)
    expect(stream.comments).toEqual(['heartbeat'])
  } finally {
    vi.useRealTimers()
  }
})

test('a stream ends when Berth does', async () => {
  const stream = await hear()
  edge.events.close()
  await until('it has ended', () => stream.ended())
})
