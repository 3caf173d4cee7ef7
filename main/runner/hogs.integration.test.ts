import { beforeAll, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { NODE, containerOf, exec, launch } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { percentile } from '../testing/percentile.ts'
import { until } from '../testing/until.ts'
import { containerName } from './container-spec.ts'

const bench = useBench()
const { docker } = bench
/** Of whoever is asked, for ninety-nine of a hundred answers. */
const PATIENCE_MS = 500
const LOG_LIMIT = 10 * 2 ** 20

let plane: Plane
let hog: Workspace
let neighbour: Workspace
beforeAll(async () => {
  plane = await bench.plane({ image: await bench.image('tiny') })
  ;[hog, neighbour] = await Promise.all([plane.running({ memory_bytes: 2 ** 29 }), plane.running()])
})

const usage = async ({ id }: Workspace) => {
  const { pids_stats, memory_stats } = (await docker
    .getContainer(containerName(id))
    .stats({ stream: false, 'one-shot': true })) as Usage
  return { pids: pids_stats.current ?? 0, memory: memory_stats.usage }
}
interface Usage {
  pids_stats: { current?: number }
  memory_stats: { usage: number }
}

/** Everybody else, asked again and again, answers in time. */
async function othersAnswer(rounds: number): Promise<void> {
  const times: number[] = []
  const timed = async (work: Promise<unknown>): Promise<void> => {
    const begun = performance.now()
    await work
    times.push(performance.now() - begun)
  }
  for (let round = 0; round < rounds; round++) {
    await timed(plane.visit(neighbour.id, '/healthz').then(({ status }) => expect(status).toBe(200)))
    await timed(docker.ping())
    await timed(containerOf(docker, neighbour.id))
    await timed(plane.get(neighbour.id))
    await timed(plane.patch(neighbour.id, { memo: `round ${round}` }))
  }
  const slowest = percentile(times, 0.99)
  console.log(
    `C6: p99 ${Math.round(slowest)} ms, at most ${Math.round(Math.max(...times))} ms of ${times.length}`,
  )
  expect(slowest).toBeLessThan(PATIENCE_MS)
}

test('C6: memory that one workspace has not is taken from nobody else', async () => {
  const eater = `exec ${NODE} -e 'const all = []; for (;;) all.push(Buffer.alloc(16e6, 1))'`
  const eating = Array.from({ length: 5 }, () => exec(docker, hog.id, eater))
  await othersAnswer(20)
  // The kernel ends what eats, and not the editor beside it, or the container with it.
  for (const { code } of await Promise.all(eating)) expect(code).toBeGreaterThan(128)
  const { memory } = await usage(hog)
  expect(memory).toBeLessThanOrEqual(2 ** 29)
  await othersAnswer(5)
  expect(await plane.get(neighbour.id)).toMatchObject({ status: 'RUNNING', error_count: 0 })
  await plane.untilIn(hog.id, 'RUNNING')
})

test('C6: a flood of its log stays small, whatever is poured into it', async () => {
  await plane.untilIn(hog.id, 'RUNNING')
  const pouring = exec(
    docker,
    hog.id,
    'yes "$(head -c 1000 /dev/zero | tr "\\0" x)" | head -c 60000000 > /proc/1/fd/1',
  )
  await othersAnswer(20)
  expect(await pouring).toMatchObject({ code: 0 })
  const logs = await docker.getContainer(containerName(hog.id)).logs({ stdout: true, stderr: true })
  expect(logs.length).toBeGreaterThan(2 ** 20)
  expect(logs.length).toBeLessThan(LOG_LIMIT * 1.2)
  expect((await plane.log(hog.id)).length).toBeLessThan(2 ** 20)
})

test('C6: a fork bomb and a program that never rests end at the limits of their container', async () => {
  const limit = (await containerOf(docker, hog.id))!.HostConfig.PidsLimit!
  for (let n = 0; n < 4; n++) await launch(docker, hog.id, 'for (;;);')
  const bomb = 'while :; do (sleep 300 & while :; do sleep 300 & done) & done 2> /dev/null'
  const call = await docker.getContainer(containerName(hog.id)).exec({ Cmd: ['sh', '-c', bomb] })
  await call.start({ Detach: true })
  let pids = 0
  await until('no more processes are to be had', async () => (pids = (await usage(hog)).pids) > limit * 0.9, {
    last: () => pids,
  })
  await othersAnswer(40)
  expect((await usage(hog)).pids).toBeLessThanOrEqual(limit)
  expect(await plane.get(neighbour.id)).toMatchObject({ status: 'RUNNING', error_count: 0 })
  // It can still be put to sleep, and is well afterwards.
  await plane.stop(hog.id)
  await plane.untilIn(hog.id, 'STANDBY')
  await plane.start(hog.id)
  await plane.untilIn(hog.id, 'RUNNING')
  expect((await usage(hog)).pids).toBeLessThan(100)
})
