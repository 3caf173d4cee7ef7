import { existsSync } from 'node:fs'
import { cp, mkdir, open, readFile, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { Workspace } from './core/api.ts'
import { containerName } from './runner/container-spec.ts'
import { containerOf } from './testing/containers.ts'
import { useBench, type Plane } from './testing/harness.ts'
import { until } from './testing/until.ts'

const bench = useBench()
const { docker } = bench

let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
})

const fileOf = ({ home_path }: Workspace): string => join(home_path!, 'precious.txt')

interface World {
  dataDir: string
  /** One of each kind. */
  running: Workspace
  asleep: Workspace
  archived: Workspace
}

/** A data directory with three workspaces, whose Berth has ended. */
async function world(): Promise<World> {
  const dataDir = join(await bench.dir(), 'data')
  const plane = await bench.plane({ image: tiny, 'data-dir': dataDir })
  const all = [await plane.running({ name: 'Running' }), await plane.running({ name: 'Asleep' })]
  const packed = await plane.running({ name: 'Archived', memo: 'for later', standby_ttl_seconds: 77 })
  for (const workspace of [...all, packed]) await writeFile(fileOf(workspace), workspace.name)
  await plane.stop(all[1]!.id)
  await plane.untilIn(all[1]!.id, 'STANDBY')
  await plane.archive(packed.id)
  await plane.untilIn(packed.id, 'PENDING')
  await plane.close()
  return { dataDir, running: all[0]!, asleep: all[1]!, archived: packed }
}

async function removeDatabase(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) if (name.startsWith('berth.db')) await rm(join(dataDir, name))
  await rm(join(dataDir, 'backups'), { recursive: true, force: true })
}

async function takesAllIn(plane: Plane, { running, asleep, archived }: World): Promise<void> {
  const all = [running, asleep, archived]
  const found = await plane.found()
  expect(found.map(({ name, home, adoptable }) => [name, home, adoptable]).toSorted()).toEqual([
    ['Archived', 'archived', true],
    ['Asleep', 'present', true],
    ['Running', 'present', true],
  ])
  await plane.adopt(all.map(({ id }) => id))
  expect(await plane.found()).toEqual([])
  await plane.untilIn(asleep.id, 'STANDBY')
  expect(await plane.untilIn(archived.id, 'PENDING')).toMatchObject({
    display_status: 'ARCHIVED',
    memo: 'for later',
    standby_ttl_seconds: 77,
  })
  await plane.restore(archived.id)
  await plane.start(asleep.id)
  await plane.start(running.id)
  for (const { id, name } of all) {
    const back = await plane.untilIn(id, 'RUNNING')
    expect(await readFile(fileOf(back), 'utf8')).toBe(name)
    expect((await plane.visit(id, '/healthz')).status).toBe(200)
  }
}

test('D5 with the database lost, homes, archives and running containers are found and taken in', async () => {
  const before = await world()
  await removeDatabase(before.dataDir)
  const plane = await bench.plane({ image: tiny, 'data-dir': before.dataDir })
  // Its container is still ours: it ran on, and is not started anew.
  expect((await plane.found()).find(({ id }) => id === before.running.id)).toMatchObject({ container: true })
  const container = await containerOf(docker, before.running.id)
  await takesAllIn(plane, before)
  expect((await containerOf(docker, before.running.id))!.Id).toBe(container!.Id)
})

test('a home store that was moved to another machine is found there', async () => {
  const before = await world()
  await docker.getContainer(containerName(before.running.id)).remove({ force: true })
  const elsewhere = join(await bench.dir(), 'elsewhere')
  await mkdir(elsewhere)
  await cp(join(before.dataDir, 'home-store'), join(elsewhere, 'homes'), {
    recursive: true,
    preserveTimestamps: true,
  })
  await cp(join(before.dataDir, 'archives'), join(elsewhere, 'data', 'archives'), { recursive: true })
  const plane = await bench.plane({
    image: tiny,
    'data-dir': join(elsewhere, 'data'),
    'home-store': join(elsewhere, 'homes'),
  })
  await takesAllIn(plane, before)
})

test('D5 a damaged database is put aside and comes back from its backup', async () => {
  const before = await world()
  // One that knows them: an older one was made when there was nothing yet.
  await rm(join(before.dataDir, 'backups'), { recursive: true })
  const first = await bench.plane({ image: tiny, 'data-dir': before.dataDir })
  const backups = join(before.dataDir, 'backups')
  await until('there is a backup', async () => existsSync(backups) && (await readdir(backups)).length > 0)
  await first.close()
  const handle = await open(join(before.dataDir, 'berth.db'), 'r+')
  await handle.write(Buffer.alloc(4_096, 0xff), 0, 4_096, 0)
  await handle.close()

  const plane = await bench.plane({ image: tiny, 'data-dir': before.dataDir })
  const { recovered } = await plane.system()
  expect(recovered).toMatchObject({
    from: expect.any(String) as string,
    damaged: expect.any(String) as string,
  })
  expect((await readdir(before.dataDir)).some((name) => name.startsWith('berth.db.damaged-'))).toBe(true)
  await plane.untilIn(before.running.id, 'RUNNING')
  await plane.untilIn(before.asleep.id, 'STANDBY')
  expect(await plane.untilIn(before.archived.id, 'PENDING')).toMatchObject({ display_status: 'ARCHIVED' })
})

test('a backup that does not know of an archive yet is told by what stands beside the home', async () => {
  const dataDir = join(await bench.dir(), 'data')
  const first = await bench.plane({ image: tiny, 'data-dir': dataDir })
  const workspace = await first.running()
  await writeFile(fileOf(workspace), 'precious')
  await first.close()
  const backups = join(dataDir, 'backups')
  await rm(backups, { recursive: true })
  const second = await bench.plane({ image: tiny, 'data-dir': dataDir })
  await until('there is a backup', async () => (await readdir(backups)).some((name) => name.endsWith('.db')))
  await second.archive(workspace.id)
  await second.untilIn(workspace.id, 'PENDING')
  await second.close()
  await writeFile(join(dataDir, 'berth.db'), 'not a database any more')
  for (const name of ['berth.db-wal', 'berth.db-shm']) await rm(join(dataDir, name), { force: true })

  const plane = await bench.plane({ image: tiny, 'data-dir': dataDir })
  await plane.start(workspace.id)
  // It was running when the backup was made, and says so until it was looked at.
  await until('its home is back', () => existsSync(fileOf(workspace)))
  await plane.untilIn(workspace.id, 'RUNNING')
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
})

test('C7: a container without a row is reported and removed only when somebody says so; one of others never', async () => {
  const before = await world()
  await removeDatabase(before.dataDir)
  await rename(join(before.dataDir, 'home-store'), join(before.dataDir, 'home-store.lost'))
  const plane = await bench.plane({ image: tiny, 'data-dir': before.dataDir })
  const found = await plane.found()
  const item = found.find(({ id }) => id === before.running.id)
  expect(item).toMatchObject({ home: 'absent', container: true, adoptable: false })
  // What is archived is found by its archive, which says what it is of.
  expect(found.filter((each) => each !== item)).toMatchObject([
    { id: before.archived.id, home: 'archived', adoptable: true },
  ])
  await expect(plane.adopt([before.running.id])).rejects.toMatchObject({ answer: { status: 404 } })
  expect(await containerOf(docker, before.running.id)).toBeDefined()

  // Another installation sees nothing of it.
  const other = await bench.plane({ image: tiny })
  expect(await other.found()).toEqual([])
  await expect(other.call('DELETE', `/found/${before.running.id}`)).rejects.toMatchObject({
    answer: { status: 404 },
  })
  expect(await containerOf(docker, before.running.id)).toBeDefined()

  await plane.call('DELETE', `/found/${before.running.id}`)
  expect(await containerOf(docker, before.running.id)).toBeUndefined()
  await plane.adopt([before.archived.id])
  expect(await plane.found()).toEqual([])
  await plane.restore(before.archived.id)
  const back = await plane.untilIn(before.archived.id, 'RUNNING')
  expect(await readFile(fileOf(back), 'utf8')).toBe('Archived')
})
