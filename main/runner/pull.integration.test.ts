import { readFile } from 'node:fs/promises'
import { afterEach, beforeAll, expect, test } from 'vitest'
import type { Progress, Workspace } from '../core/api.ts'
import type { Event } from '../testing/client.ts'
import { containersOf } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { slimFileSystem } from '../testing/images.ts'
import { createRegistry, type Registry } from '../testing/registry.ts'
import { until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench

let plane: Plane
let registry: Registry
let ref: string
beforeAll(async () => {
  const tiny = await bench.image('tiny')
  const files = await slimFileSystem(docker, { ref: tiny, dir: await bench.dir(), labels: bench.labels })
  registry = await createRegistry(await readFile(files), bench.labels)
  bench.atEnd(registry.close)
  ref = registry.ref('workspace:1')
  plane = await bench.plane({ image: ref })
})
afterEach(async () => {
  registry.pause(0)
  registry.fail(0)
  const { items } = await plane.call<{ items: Workspace[] }>('GET', '/workspaces')
  for (const { id } of items) await plane.remove(id)
  for (const { id } of items) await plane.untilGone(id)
  const image = docker.getImage(ref)
  await image.remove().catch(() => undefined) // it did not come so far
  await expect(image.inspect()).rejects.toMatchObject({ statusCode: 404 })
})

/** What was told of the bytes of a pull. */
const bytesOf = (events: Event[], id: string): Progress[] =>
  events.flatMap(({ name, data }) =>
    name === 'progress' && data.id === id && data.progress?.step === 'PULLING_IMAGE' ? [data.progress] : [],
  )

test('a start pulls the image and tells how far it is', async () => {
  registry.pause(20)
  const events = await plane.follow()
  const { id } = await plane.create()
  await plane.untilIn(id, 'RUNNING')
  events.close()

  const told = bytesOf(events.seen, id)
  const done = told.map(({ done_bytes }) => done_bytes ?? -1)
  expect(done.length).toBeGreaterThan(3)
  expect(done).toEqual(done.toSorted((a, b) => a - b))
  expect(done.at(-1)).toBe(registry.bytes)
  for (const { total_bytes } of told) expect(total_bytes).toBe(registry.bytes)
})

test('a stop cancels the pull, and a start takes it up again', async () => {
  registry.pause(200)
  const { id } = await plane.create()
  await plane.untilSeen(id, 'is pulling', ({ progress }) => (progress?.done_bytes ?? 0) > 0)
  expect(registry.downloads()).toBe(1)

  const asked = Date.now()
  await plane.stop(id)
  expect(await plane.untilIn(id, 'STANDBY')).toMatchObject({
    error_count: 0,
    error_info: null,
    progress: null,
  })
  expect(Date.now() - asked).toBeLessThan(20_000)
  await until('nothing is downloaded any more', () => registry.downloads() === 0)
  expect(await containersOf(docker, id)).toEqual([])

  registry.pause(0)
  await plane.start(id)
  expect(await plane.untilIn(id, 'RUNNING')).toMatchObject({ error_count: 0 })
})

test('a deletion cancels the pull too', async () => {
  registry.pause(200)
  const { id } = await plane.create()
  await plane.untilSeen(id, 'is pulling', ({ progress }) => (progress?.done_bytes ?? 0) > 0)
  await plane.remove(id)
  await plane.untilGone(id)
  await until('nothing is downloaded any more', () => registry.downloads() === 0)
})

test('a pull that Berth was closed in goes on at its next start', async () => {
  registry.pause(200)
  const { id } = await plane.create()
  await plane.untilSeen(id, 'is pulling', ({ progress }) => (progress?.done_bytes ?? 0) > 0)
  await plane.close()
  registry.pause(0)
  plane = await bench.plane({ image: ref, 'data-dir': plane.dataDir })
  expect(await plane.untilIn(id, 'RUNNING')).toMatchObject({ error_count: 0 })
})

test('an image that is not there', async () => {
  for (const name of ['workspace:2', 'nothing:1']) {
    const { id } = await plane.create({ image_ref: registry.ref(name) })
    const { error_info } = await plane.untilSeen(id, 'has failed', (seen) => seen.error_info !== null)
    expect(error_info).toMatchObject({ code: 'IMAGE_NOT_FOUND', operation: 'STARTING', attempt: 1 })
    expect(error_info!.message).toContain(registry.ref(name))
    expect(error_info!.hint).toContain('name and tag')
  }
})

test('a registry out of order is tried again, and all is well when it is back', async () => {
  registry.fail(500)
  const { id } = await plane.create()
  const { error_info } = await plane.untilSeen(id, 'has failed', (seen) => seen.error_info !== null)
  expect(error_info).toMatchObject({ code: 'IMAGE_PULL_FAILED', attempt: 1 })
  registry.fail(0)
  await plane.untilIn(id, 'RUNNING')
})
