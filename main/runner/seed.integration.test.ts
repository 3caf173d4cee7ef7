import { buffer } from 'node:stream/consumers'
import { beforeAll, expect, test } from 'vitest'
import { seedsOf } from '../testing/containers.ts'
import { useBench } from '../testing/harness.ts'

const bench = useBench()
const { docker } = bench

let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
})

test('tidying up, which may come at any moment, leaves a seed that is in use alone', async () => {
  const runner = await bench.runner()
  const read = new AbortController()
  const tidying = (async () => {
    while (!read.signal.aborted) await runner.tidy(() => false)
  })()
  for (let n = 0; n < 5; n++) {
    let bytes = 0
    await runner.readImageHome(tiny, async (tar) => void (bytes = (await buffer(tar)).length))
    expect(bytes).toBeGreaterThan(0)
  }
  read.abort()
  await tidying
  expect(await seedsOf(docker, bench.label)).toEqual([])
})

test('tidying up removes the seeds of an earlier process', async () => {
  const earlier = await bench.runner()
  await earlier.readImageHome(tiny, async () => {
    await (await bench.runner()).tidy(() => false)
    expect(await seedsOf(docker, bench.label)).toEqual([])
  })
})
