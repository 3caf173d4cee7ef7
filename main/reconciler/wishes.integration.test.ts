import { existsSync } from 'node:fs'
import { readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { beforeAll, describe, expect, test } from 'vitest'
import { containerOf, containersOf, seedsOf, startsOf } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench

let plane: Plane
beforeAll(async () => {
  plane = await bench.plane({ image: await bench.image('tiny') })
})

describe.concurrent('whatever is wished in the meantime', () => {
  test.each(['RUNNING', 'STANDBY'] as const)('the last wish comes true: %s', async (last) => {
    const { id } = await plane.create()
    // From within every step of a start or a stop.
    for (const ms of [0, 10, 50, 100, 200, 300, 400, 600, 800]) {
      await sleep(ms)
      await plane.patch(id, { desired_state: ms % 200 === 0 ? 'STANDBY' : 'RUNNING' })
    }
    await plane.patch(id, { desired_state: last })
    expect(await plane.untilIn(id, last)).toMatchObject({
      desired_state: last,
      error_count: 0,
      error_info: null,
    })
    expect(await containersOf(docker, id)).toHaveLength(last === 'RUNNING' ? 1 : 0)
  })

  test('a deletion at any moment leaves nothing but what waits in the trash, and that goes when it is told to', async () => {
    const ids = await Promise.all(
      [0, 100, 250, 400, 600, 800, 1_200].map(async (ms) => {
        const { id } = await plane.create()
        await sleep(ms)
        await plane.remove(id)
        return id
      }),
    )
    for (const id of ids) {
      await plane.untilGone(id)
      expect(await containersOf(docker, id)).toEqual([])
      expect(existsSync(join(plane.dataDir, 'run', id))).toBe(false)
      if ((await plane.trash()).some((item) => item.id === id)) await plane.purge(id)
      await until(`nothing of ${id} is left`, async () => !(await homes()).includes(id))
    }
    await until('no seed container is left', async () => (await seedsOf(docker, bench.label)).length === 0)
  })

  test('many who open it at once start it once', async () => {
    const { id } = await plane.running()
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    const before = await startsOf(docker, id)
    const visits = await Promise.all(
      Array.from({ length: 50 }, () => plane.visit(id, '/', { headers: { accept: 'text/html' } })),
    )
    expect(new Set(visits.map(({ status }) => status))).toEqual(new Set([200]))
    await plane.untilIn(id, 'RUNNING')
    expect(await startsOf(docker, id)).toBe(before + 1)
  })

  test('an editor that does not end by itself is ended', async () => {
    const { id, home_path } = await plane.running({ image_ref: await bench.image('stubborn') })
    await writeFile(join(home_path!, 'precious.txt'), 'precious')
    const asked = Date.now()
    await plane.stop(id)
    await plane.untilSeen(id, 'is stopping', ({ operation }) => operation === 'STOPPING')
    expect((await containerOf(docker, id))?.State.Running).toBe(true)
    await plane.untilIn(id, 'STANDBY')
    expect(Date.now() - asked).toBeGreaterThan(9_000)
    expect(await containersOf(docker, id)).toEqual([])
    expect(await readdir(home_path!)).toContain('precious.txt')
  })
})

/** The workspaces that have something where homes are. */
async function homes(): Promise<string[]> {
  const users = join(plane.homeStore, 'users')
  const [user = ''] = await readdir(users)
  return readdir(join(users, user, 'workspaces'))
}
