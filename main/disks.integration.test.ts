import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { Workspace } from './core/api.ts'
import { useBench, type Plane } from './testing/harness.ts'

const bench = useBench()
const MIB = 2 ** 20

let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
})

/** A disk of its own at `path`, of so many MiB. */
async function disk(path: string, mib: number): Promise<void> {
  await mkdir(path, { recursive: true })
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${mib}m`, 'tmpfs', path])
  bench.atEnd(() => {
    execFileSync('umount', ['--lazy', path])
    return Promise.resolve()
  })
}

const remount = (path: string, mode: 'ro' | 'rw'): Buffer =>
  execFileSync('mount', ['-o', `remount,${mode}`, path])
const fileOf = ({ home_path }: Workspace): string => join(home_path!, 'precious.txt')

async function stopped(plane: Plane): Promise<Workspace> {
  const workspace = await plane.running()
  await writeFile(fileOf(workspace), 'precious')
  await plane.stop(workspace.id)
  await plane.untilIn(workspace.id, 'STANDBY')
  return workspace
}

test('A9 a disk too full for an archive is told with what is needed, and the home is as it was', async () => {
  const dataDir = join(await bench.dir(), 'data')
  await disk(join(dataDir, 'archives'), 100)
  const plane = await bench.plane({ image: tiny, 'data-dir': dataDir })
  const workspace = await stopped(plane)
  const ballast = join(workspace.home_path!, 'ballast')
  await writeFile(ballast, Buffer.alloc(120 * MIB, 'x'))
  await plane.archive(workspace.id)
  const { error_info } = await plane.untilStuck(workspace.id, 'DISK_FULL')
  expect(error_info!.message).toMatch(/\d+(\.\d+)? [KMG]i?B/)
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
  expect(await plane.archives(workspace.id)).toEqual([])

  await rm(ballast)
  await plane.retry(workspace.id)
  expect(await plane.untilIn(workspace.id, 'PENDING')).toMatchObject({ display_status: 'ARCHIVED' })
})

test('A9 a disk too full for a home leaves the archive as it was', async () => {
  const dataDir = join(await bench.dir(), 'data')
  const store = join(dataDir, 'homes')
  await disk(store, 300)
  const plane = await bench.plane({ image: tiny, 'data-dir': dataDir, 'home-store': store })
  const workspace = await stopped(plane)
  await writeFile(join(workspace.home_path!, 'large'), Buffer.alloc(120 * MIB, 'x'))
  await plane.archive(workspace.id)
  await plane.untilIn(workspace.id, 'PENDING')
  const ballast = join(store, 'ballast')
  await writeFile(ballast, Buffer.alloc(200 * MIB, 'x'))
  await plane.restore(workspace.id)
  await plane.untilStuck(workspace.id, 'DISK_FULL')
  expect(existsSync(workspace.home_path!)).toBe(false)

  await rm(ballast)
  await plane.retry(workspace.id)
  await plane.untilIn(workspace.id, 'RUNNING')
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
})

test('A9 a read-only home store is told, loses nothing, and is gone on with when it can be written again', async () => {
  const dataDir = join(await bench.dir(), 'data')
  const store = join(dataDir, 'homes')
  await disk(store, 300)
  const plane = await bench.plane({ image: tiny, 'data-dir': dataDir, 'home-store': store })
  const workspace = await stopped(plane)
  remount(store, 'ro')
  await plane.archive(workspace.id)
  await plane.untilStuck(workspace.id, 'HOME_NOT_WRITABLE')
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
  const made = await plane.create()
  await plane.untilStuck(made.id, 'HOME_NOT_WRITABLE')

  remount(store, 'rw')
  await plane.retry(made.id)
  await plane.untilIn(made.id, 'RUNNING')
  await plane.retry(workspace.id)
  expect(await plane.untilIn(workspace.id, 'PENDING')).toMatchObject({ display_status: 'ARCHIVED' })
  await plane.restore(workspace.id)
  await plane.untilIn(workspace.id, 'RUNNING')
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
})

test('A9 archives that cannot be written are told, and the home is as it was', async () => {
  const dataDir = join(await bench.dir(), 'data')
  const archives = join(dataDir, 'archives')
  await disk(archives, 300)
  const plane = await bench.plane({ image: tiny, 'data-dir': dataDir })
  const workspace = await stopped(plane)
  remount(archives, 'ro')
  await plane.archive(workspace.id)
  const { error_info } = await plane.untilStuck(workspace.id, 'ARCHIVE_FAILED')
  expect(error_info!.message).toContain(archives)
  expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
  remount(archives, 'rw')
  await plane.retry(workspace.id)
  await plane.untilIn(workspace.id, 'PENDING')
})

test('a place for sockets that cannot be written is told by name, and gone on with', async () => {
  const dataDir = join(await bench.dir(), 'data')
  const run = join(dataDir, 'run')
  await disk(run, 20)
  const plane = await bench.plane({ image: tiny, 'data-dir': dataDir })
  remount(run, 'ro')
  const { id } = await plane.create()
  const { error_info } = await plane.untilStuck(id, 'SOCKET_FAILED')
  expect(error_info!.message).toContain(run)
  remount(run, 'rw')
  await plane.retry(id)
  await plane.untilIn(id, 'RUNNING')
})
