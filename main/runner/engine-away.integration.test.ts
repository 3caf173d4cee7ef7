import { createReadStream, existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { createClient, type Client } from '../testing/client.ts'
import { containersOf } from '../testing/containers.ts'
import { canRunEngine, createEngine, type OwnEngine } from '../testing/engine.ts'
import type { Headless } from '../testing/headless.ts'
import { useBench } from '../testing/harness.ts'
import { finished, slimFileSystem } from '../testing/images.ts'
import { stays, until } from '../testing/until.ts'

const bench = useBench()
const IMAGE = 'berth-slim:1'

describe.skipIf(!canRunEngine)('with an engine of its own', () => {
  let engine: OwnEngine
  let dataDir: string
  let headless: Headless
  let plane: Client
  beforeAll(async () => {
    const dir = await bench.dir()
    const files = slimFileSystem(bench.docker, { ref: await bench.image('tiny'), dir, labels: bench.labels })
    engine = await createEngine(await bench.dir())
    bench.atEnd(engine.close)
    const [repo, tag] = IMAGE.split(':')
    await finished(
      engine.docker,
      await engine.docker.importImage(createReadStream(await files), { repo, tag }),
    )
    dataDir = join(await bench.dir(), 'data')
    await serve()
  })

  async function serve(): Promise<void> {
    headless = await bench.serve({ 'data-dir': dataDir, image: IMAGE }, { env: { DOCKER_HOST: engine.host } })
    if (!headless.ready) throw new Error(headless.stderr())
    plane = createClient(headless.ready)
  }

  const isReachable = async (): Promise<boolean> => (await plane.system()).engine.reachable

  async function withFile(): Promise<Workspace & { file: string }> {
    const workspace = await plane.running()
    const file = join(workspace.home_path!, 'precious.txt')
    await writeFile(file, 'precious')
    return { ...workspace, file }
  }

  test('while it is away nothing is concluded, and afterwards every wish comes true', async () => {
    const [kept, toStop, toStart, toDelete] = await Promise.all([
      withFile(),
      withFile(),
      withFile(),
      withFile(),
    ])
    await plane.stop(toStart.id)
    await plane.untilIn(toStart.id, 'STANDBY')
    const events = await plane.follow()

    await engine.stop('SIGKILL')
    await until('it is told to be away', () =>
      events.seen.some(({ name, data }) => name === 'engine' && !data.reachable),
    )
    const { engine: told } = await plane.system()
    expect(told).toMatchObject({
      reachable: false,
      version: null,
      hint: expect.stringContaining('Start Docker'),
    })

    await plane.stop(toStop.id)
    await plane.start(toStart.id)
    await plane.remove(toDelete.id)
    const created = await plane.create()
    // Longer than the time after which what is not known is asked again.
    const look = (): Promise<string[]> =>
      Promise.all(
        [kept, toStop, toStart, created].map(async ({ id }) => {
          const { status, error_count, error_info } = await plane.get(id)
          return `${status} ${error_count} ${JSON.stringify(error_info)} ${existsSync(toDelete.file)}`
        }),
      )
    expect(await look()).toEqual(
      ['RUNNING', 'RUNNING', 'STANDBY', 'PENDING'].map((status) => `${status} 0 null true`),
    )
    await stays('as it was', 5_000, look)
    // Its containers outlive a killed engine, and the way to them does not lead through it.
    expect((await plane.visit(kept.id, '/healthz')).status).toBe(200)

    await engine.start()
    await until('it is told to be back', () => {
      const last = events.seen.findLast(({ name }) => name === 'engine')
      return last?.name === 'engine' && last.data.reachable
    })
    await Promise.all([
      plane.untilIn(kept.id, 'RUNNING'),
      plane.untilIn(toStop.id, 'STANDBY'),
      plane.untilIn(toStart.id, 'RUNNING'),
      plane.untilGone(toDelete.id),
      plane.untilIn(created.id, 'RUNNING'),
    ])
    await until('it answers', async () => (await plane.visit(kept.id, '/healthz')).status === 200)
    for (const { file } of [kept, toStop, toStart]) expect(await readFile(file, 'utf8')).toBe('precious')
    expect(existsSync(toDelete.home_path!)).toBe(false)
    expect(await containersOf(engine.docker, toStop.id)).toEqual([])
    events.close()
  })

  test('stopped in the middle of starts and stops, it leaves nothing half done', async () => {
    const [one, another, awake] = await Promise.all([withFile(), withFile(), withFile()])
    for (const { id } of [one, another]) await plane.stop(id)
    for (const { id } of [one, another]) await plane.untilIn(id, 'STANDBY')

    for (const { id } of [one, another]) await plane.start(id)
    await plane.stop(awake.id)
    await until('one is under way', async () => (await plane.get(one.id)).operation === 'STARTING')
    await engine.stop('SIGTERM')
    await until('it is told to be away', async () => !(await isReachable()))

    await engine.start()
    await until('it is told to be back', isReachable)
    for (const { id, file } of [one, another]) {
      await plane.untilIn(id, 'RUNNING')
      expect(await containersOf(engine.docker, id)).toHaveLength(1)
      expect(await readFile(file, 'utf8')).toBe('precious')
    }
    await plane.untilIn(awake.id, 'STANDBY')
    expect(await containersOf(engine.docker, awake.id)).toEqual([])
  })

  test('a control plane that starts before it waits for it', async () => {
    const awake = await withFile()
    await engine.stop('SIGTERM')
    headless.kill('SIGKILL')
    await headless.ended

    await serve()
    const { engine: told } = await plane.system()
    expect(told.reachable).toBe(false)
    const created = await plane.create()
    const look = async (): Promise<unknown> => [await plane.get(awake.id), await plane.get(created.id)]
    await stays('as it was', 3_000, look)
    expect(await readFile(awake.file, 'utf8')).toBe('precious')

    await engine.start()
    await plane.untilIn(awake.id, 'RUNNING')
    await plane.untilIn(created.id, 'RUNNING')
    expect(await readFile(awake.file, 'utf8')).toBe('precious')
  })
})
