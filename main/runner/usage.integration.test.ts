import type Docker from 'dockerode'
import { expect, onTestFinished, test } from 'vitest'
import type { Stats, Usage } from '../core/api.ts'
import { exec } from '../testing/containers.ts'
import { IMAGE, useBench } from '../testing/harness.ts'
import { createQuietLog } from '../testing/plane.ts'
import { idOf } from '../testing/rows.ts'
import { until } from '../testing/until.ts'
import { createUsage } from '../usage/usage.ts'
import { readUse } from './usage.ts'

const MIB = 2 ** 20
const bench = useBench()
const { docker, labels } = bench

async function run(script: string): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: IMAGE,
    Labels: labels,
    Entrypoint: ['bash', '-c', script],
    Cmd: [],
    HostConfig: { Init: true },
  })
  await container.start()
  return container
}

test('a busy loop uses about one CPU, and what waits uses none', async () => {
  const [burner, waiter] = [await run('while :; do :; done'), await run('sleep 1000')]
  const told = new Map<string, Usage>()
  const usage = createUsage({
    running: () => [burner.id, waiter.id],
    look: (id) => readUse(docker, id),
    tell: (id, usage) => void told.set(id, usage),
    now: Date.now,
    monotonic: () => performance.now(),
    log: createQuietLog(),
  })
  onTestFinished(() => usage.close())
  usage.follow(1)
  // Others may want the two CPUs of this machine, too.
  await until('the loop has a CPU', () => told.has(waiter.id) && (told.get(burner.id)?.cpus ?? 0) > 0.5, {
    last: () => told,
  })
  expect(told.get(burner.id)!.cpus).toBeLessThan(1.5)
  expect(told.get(waiter.id)!.cpus).toBeLessThan(0.2)
})

test('what a workspace uses is told while somebody follows, and to who asks', async () => {
  const plane = await bench.plane({ image: await bench.image('tiny') })
  const { id } = await plane.running({ cpus: 1 })
  await exec(docker, id, '(while :; do :; done) > /dev/null 2>&1 &')
  const { seen } = await plane.follow()
  const told = (): Usage[] =>
    seen.flatMap(({ name, data }) => (name === 'usage' && data.id === id ? data.usage : []))
  await until('the loop has a CPU', () => told().some(({ cpus }) => cpus > 0.5), { last: told })
  const stats = await plane.call<Stats>('GET', `/workspaces/${id}/stats`)
  expect(stats).toMatchObject({ cpus_limit: 1, memory_limit_bytes: 2 ** 30 })
  expect(stats.samples.slice(0, told().length)).toEqual(told())
  expect(stats.samples.at(-1)!.memory_bytes).toBeGreaterThan(MIB)
  await plane.stop(id)
  await plane.untilIn(id, 'STANDBY')
  expect((await plane.call<Stats>('GET', `/workspaces/${id}/stats`)).samples).toEqual([])
})

test('memory is what programs hold, not the files that were read', async () => {
  const [reader, holder] = [
    await run('head -c 200M /dev/zero > /tmp/file; cat /tmp/file > /dev/null; touch /tmp/read; sleep 1000'),
    await run('data=$(head -c 100M /dev/zero | tr "\\0" x); sleep 1000; : "$data"'),
  ]
  const memory = async ({ id }: Docker.Container): Promise<number> =>
    (await readUse(docker, id))?.memoryBytes ?? 0
  await until('it is held', async () => (await memory(holder)) > 100 * MIB)
  await until('it was read', async () => {
    const { Processes } = (await reader.top({ ps_args: '-eo pid,args' })) as { Processes: string[][] }
    return Processes.some(([, args]) => args === 'sleep 1000')
  })
  await until('the cache does not count', async () => (await memory(reader)) < 100 * MIB, {
    last: () => memory(reader),
  })
})

test('of one that has ended, or is not there, nothing is told', async () => {
  const runner = await bench.runner()
  expect(await runner.usage(idOf(1))).toBeUndefined()
  const container = await run('true')
  await container.wait()
  expect(await readUse(docker, container.id)).toBeUndefined()
  await container.remove()
  await expect(readUse(docker, container.id)).rejects.toMatchObject({ code: 'DOCKER_FAILED' })
})
