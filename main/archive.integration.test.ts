import { existsSync } from 'node:fs'
import {
  appendFile,
  mkdir,
  open,
  readFile,
  readdir,
  rename,
  rm,
  symlink,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from './core/api.ts'
import { containersOf } from './testing/containers.ts'
import { createClient } from './testing/client.ts'
import { useBench, type Plane } from './testing/harness.ts'
import { until } from './testing/until.ts'

const bench = useBench()
const { docker } = bench

let tiny: string
let plane: Plane
beforeAll(async () => {
  tiny = await bench.image('tiny')
  plane = await bench.plane({ image: tiny })
})

const fileOf = ({ home_path }: Workspace): string => join(home_path!, 'log.txt')
const archiveFile = (on: Plane, key: string): string => join(on.dataDir, 'archives', key)

/** A running workspace with a file in its home. */
async function withFile(content: string, on = plane): Promise<Workspace> {
  const workspace = await on.running()
  await writeFile(fileOf(workspace), content)
  return workspace
}

/** Waits until it is archived; resolves to the archive's key. */
async function untilArchived(id: string, on = plane): Promise<string> {
  const { display_status, archive_key, home_path } = await on.untilIn(id, 'PENDING')
  expect({ display_status, home_path }).toEqual({ display_status: 'ARCHIVED', home_path: null })
  return archive_key!
}

/** An archived workspace and where its archive is. */
async function archived(content = 'precious'): Promise<{ workspace: Workspace; key: string; file: string }> {
  const workspace = await withFile(content)
  await plane.archive(workspace.id)
  const key = await untilArchived(workspace.id)
  return { workspace, key, file: archiveFile(plane, key) }
}

describe.concurrent('a running workspace', () => {
  test('is archived by way of standby, and comes back with its files', async () => {
    const workspace = await withFile('precious')
    const { id } = workspace
    const asked = await plane.archive(id)
    expect(asked).toMatchObject({ desired_state: 'PENDING' })

    const key = await untilArchived(id)
    expect(key).toMatch(new RegExp(`^${id}/[0-9a-z]{26}/home\\.tar\\.zst$`))
    expect(existsSync(workspace.home_path!)).toBe(false)
    expect(await readdir(dirname(workspace.home_path!))).toEqual(['workspace.json'])
    expect((await readdir(dirname(archiveFile(plane, key)))).sort()).toEqual([
      'home.tar.zst',
      'home.tar.zst.meta',
    ])
    expect(await containersOf(docker, id)).toEqual([])
    const [archive, ...others] = await plane.archives(id)
    expect(others).toEqual([])
    expect(archive).toMatchObject({ key, current: true, image_ref: tiny })
    expect(archive!.entries).toBeGreaterThan(2)

    expect(await plane.restore(id)).toMatchObject({ desired_state: 'RUNNING' })
    const back = await plane.untilIn(id, 'RUNNING')
    expect(back).toMatchObject({ archive_key: null, home_path: workspace.home_path, error_count: 0 })
    expect(await readFile(fileOf(back), 'utf8')).toBe('precious')
    expect((await plane.visit(id, '/healthz')).status).toBe(200)
    // The archive is kept, as one to go back to.
    expect(await plane.archives(id)).toEqual([{ ...archive, current: false }])
    const done = (await plane.history(id))
      .toReversed()
      .map(({ operation, outcome, cause }) => [operation, outcome, cause])
    expect(done).toEqual([
      ['PROVISIONING', 'SUCCEEDED', 'CREATED'],
      ['STARTING', 'SUCCEEDED', 'CREATED'],
      ['STOPPING', 'SUCCEEDED', 'PERSON'],
      ['ARCHIVING', 'SUCCEEDED', 'PERSON'],
      ['RESTORING', 'SUCCEEDED', 'PERSON'],
      ['STARTING', 'SUCCEEDED', 'PERSON'],
    ])
  })

  test('goes back to an older archive, after one of its present home', async () => {
    const workspace = await withFile('first')
    const { id } = workspace
    await plane.archive(id)
    const first = await untilArchived(id)
    await plane.restore(id)
    await plane.untilIn(id, 'RUNNING')
    await writeFile(fileOf(workspace), 'second')

    expect(await plane.restore(id, first)).toMatchObject({ restore_key: first })
    const back = await plane.untilSeen(
      id,
      'is back',
      ({ status, restore_key, operation }) =>
        status === 'RUNNING' && restore_key === null && operation === 'NONE',
    )
    expect(await readFile(fileOf(back), 'utf8')).toBe('first')
    const [second, older] = await plane.archives(id)
    expect(older!.key).toBe(first)

    await plane.restore(id, second!.key)
    await plane.untilSeen(
      id,
      'is back again',
      ({ status, restore_key, operation }) =>
        status === 'RUNNING' && restore_key === null && operation === 'NONE',
    )
    expect(await readFile(fileOf(workspace), 'utf8')).toBe('second')
  })

  test('tells how far packing is, in bytes', async () => {
    const workspace = await withFile('precious')
    await writeFile(join(workspace.home_path!, 'large'), Buffer.alloc(200 * 2 ** 20, 'x'))
    const { seen, close } = await plane.follow()
    await plane.archive(workspace.id)
    await untilArchived(workspace.id)
    close()
    const steps = seen.flatMap((event) =>
      event.name === 'progress' && event.data.id === workspace.id && event.data.progress
        ? [event.data.progress]
        : [],
    )
    const packing = steps.filter(({ step, total_bytes }) => step === 'PACKING' && total_bytes !== null)
    expect(packing.length).toBeGreaterThan(1)
    for (const { done_bytes, total_bytes } of packing) {
      expect(total_bytes).toBeGreaterThanOrEqual(200 * 2 ** 20)
      expect(done_bytes).toBeLessThanOrEqual(total_bytes!)
    }
    expect(steps.map(({ step }) => step)).toContain('VERIFYING')
  })
})

describe.concurrent('an archived workspace', () => {
  test('is not woken by a visit, and says so', async () => {
    const { workspace } = await archived()
    const page = await plane.visit(workspace.id, '/', { headers: { accept: 'text/html' } })
    expect(page.status).toBe(200)
    expect(page.text).toContain('archived')
    expect(await plane.get(workspace.id)).toMatchObject({
      display_status: 'ARCHIVED',
      desired_state: 'PENDING',
    })
  })

  test('A7 whose archive is cut off waits for a person with its archive untouched, and comes back once that is mended', async () => {
    const { workspace, file } = await archived()
    const whole = await readFile(file)
    await truncate(file, whole.length - 7)
    await plane.restore(workspace.id)
    const stuck = await plane.untilStuck(workspace.id, 'ARCHIVE_CORRUPT')
    expect(stuck).toMatchObject({ archive_key: expect.any(String) as string, home_path: null })
    expect(existsSync(workspace.home_path!)).toBe(false)
    expect(await readdir(dirname(workspace.home_path!))).toEqual(['workspace.json'])

    await writeFile(file, whole)
    await plane.retry(workspace.id)
    await plane.untilIn(workspace.id, 'RUNNING')
    expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
  })

  test('A7 with one bit turned over is refused', async () => {
    const { workspace, file } = await archived()
    const handle = await open(file, 'r+')
    const byte = Buffer.alloc(1)
    await handle.read(byte, 0, 1, 40)
    byte[0]! ^= 1
    await handle.write(byte, 0, 1, 40)
    await handle.close()
    await plane.restore(workspace.id)
    await plane.untilStuck(workspace.id, 'ARCHIVE_CORRUPT')
  })

  test('whose archive is gone says where it should be', async () => {
    const { workspace, file, key } = await archived()
    await rename(`${file}.meta`, `${file}.elsewhere`)
    await plane.restore(workspace.id)
    const { error_info } = await plane.untilStuck(workspace.id, 'ARCHIVE_MISSING')
    expect(error_info!.message).toContain(key)
    await rename(`${file}.elsewhere`, `${file}.meta`)
    await plane.retry(workspace.id)
    await plane.untilIn(workspace.id, 'RUNNING')
  })

  test('can be deleted, taken back, and restored', async () => {
    const { workspace } = await archived()
    const { id } = workspace
    await plane.remove(id)
    await plane.untilGone(id)
    expect((await plane.trash()).find((item) => item.id === id)).toMatchObject({ archived: true })
    await plane.takeBack(id)
    await untilArchived(id)
    await plane.restore(id)
    await plane.untilIn(id, 'RUNNING')
    expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
  })
})

test('restoring what is not archived, or what is no archive of it, is refused and changes nothing', async () => {
  const { id } = await withFile('precious')
  const { key } = await archived()
  const before = await plane.get(id)
  for (const wrong of [undefined, key, `${id}/01k00000000000000000000000/home.tar.zst`])
    await expect(plane.restore(id, wrong)).rejects.toMatchObject({ answer: { status: 409 } })
  await expect(plane.restore(id, '../../etc/passwd')).rejects.toMatchObject({ answer: { status: 400 } })
  expect(await plane.get(id)).toEqual(before)
})

test('opening it ends its packing, with the home as it was', async () => {
  const workspace = await withFile('precious')
  const { id } = workspace
  await writeFile(join(workspace.home_path!, 'large'), Buffer.alloc(400 * 2 ** 20, 'x'))
  await plane.archive(id)
  await plane.untilSeen(id, 'is being packed', ({ progress }) => progress?.step === 'PACKING')
  await plane.start(id)
  await plane.untilIn(id, 'RUNNING')
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
  expect(await plane.archives(id)).toEqual([])
  expect((await plane.history(id)).find(({ operation }) => operation === 'ARCHIVING')).toMatchObject({
    outcome: 'GIVEN_UP',
  })
  const left = join(plane.dataDir, 'archives', id)
  await until(
    'nothing is left of the attempt',
    async () => !existsSync(left) || (await readdir(left)).length === 0,
  )
})

test('A5 what changes while it is packed is noticed, and nothing is lost', async () => {
  const workspace = await withFile('precious')
  const { id } = workspace
  await writeFile(join(workspace.home_path!, 'large'), Buffer.alloc(300 * 2 ** 20, 'x'))
  await plane.archive(id)
  const over = new AbortController()
  const writer = (async () => {
    while (!over.signal.aborted) {
      await appendFile(fileOf(workspace), '.').catch(() => undefined)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  })()
  await plane.untilStuck(id, 'HOME_CHANGED')
  over.abort()
  await writer
  expect(await readFile(fileOf(workspace), 'utf8')).toMatch(/^precious\.+$/)
  await plane.retry(id)
  await untilArchived(id)
})

test('A5 what is written after it was packed is noticed, and nothing is lost', async () => {
  const headless = await bench.serve({
    'data-dir': await bench.dir(),
    image: tiny,
    failpoints: 'archiving.described=delay:1000',
  })
  if (!headless.ready) throw new Error(headless.stderr())
  const own = createClient(headless.ready)
  const workspace = await own.running()
  const { id } = workspace
  await own.archive(id)
  await own.untilSeen(id, 'is archived, with its home still there', ({ archive_key }) => archive_key !== null)
  await writeFile(fileOf(workspace), 'written late')
  // By itself it is packed anew or left alone, but never gone.
  await until('it has been noticed', async () =>
    (await own.history(id)).some(({ error_code }) => error_code === 'HOME_CHANGED'),
  )
  await own.start(id)
  await own.untilIn(id, 'RUNNING')
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('written late')
  expect((await readdir(dirname(workspace.home_path!))).sort()).toEqual(['home', 'workspace.json'])
})

test('A3 links in a home lead nowhere: what they name is neither packed nor touched', async () => {
  const canary = join(await bench.dir(), 'canary')
  await writeFile(canary, 'a secret of the host')
  const workspace = await withFile('precious')
  await mkdir(join(workspace.home_path!, 'links'))
  await symlink(canary, join(workspace.home_path!, 'links', 'file'))
  await symlink(dirname(canary), join(workspace.home_path!, 'links', 'directory'))
  await plane.archive(workspace.id)
  await untilArchived(workspace.id)
  await plane.restore(workspace.id)
  await plane.untilIn(workspace.id, 'RUNNING')
  expect(await readFile(canary, 'utf8')).toBe('a secret of the host')
  expect(await readFile(join(workspace.home_path!, 'links', 'file'), 'utf8')).toBe('a secret of the host')
})

test('the archives being away is told, loses nothing, and is gone on with', async () => {
  const own = await bench.plane({ image: tiny })
  const workspace = await withFile('precious', own)
  const { id } = workspace
  await own.archive(id)
  await untilArchived(id, own)
  const archives = join(own.dataDir, 'archives')
  await rename(archives, `${archives}.away`)
  await own.restore(id)
  const stuck = await own.untilStuck(id, 'ARCHIVE_STORE_UNAVAILABLE')
  expect(stuck).toMatchObject({ archive_key: expect.any(String) as string, home_path: null })
  await rm(archives, { recursive: true, force: true })
  await rename(`${archives}.away`, archives)
  await own.retry(id)
  await own.untilIn(id, 'RUNNING')
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
})
