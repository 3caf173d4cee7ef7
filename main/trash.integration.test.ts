import { existsSync } from 'node:fs'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from './core/api.ts'
import { containersOf } from './testing/containers.ts'
import { useBench, type Plane } from './testing/harness.ts'
import { until } from './testing/until.ts'

const bench = useBench()
const { docker } = bench
/** A registry where nobody listens. */
const NO_IMAGE = '127.0.0.1:1/none:1'

let plane: Plane
beforeAll(async () => {
  plane = await bench.plane({ image: await bench.image('tiny') })
})

const fileOf = ({ home_path }: Workspace): string => join(home_path!, 'precious.txt')
const placeOf = ({ home_path }: Workspace): string => dirname(home_path!)

async function withFile(): Promise<Workspace> {
  const workspace = await plane.running()
  await writeFile(fileOf(workspace), 'precious')
  return workspace
}

async function deleted(): Promise<Workspace> {
  const workspace = await withFile()
  await plane.remove(workspace.id)
  await plane.untilGone(workspace.id)
  return workspace
}

const inTrash = async (id: string): Promise<boolean> => (await plane.trash()).some((item) => item.id === id)

describe.concurrent('a deleted workspace', () => {
  test('has no container at once, and waits in the trash for seven days', async () => {
    const workspace = await deleted()
    expect(await containersOf(docker, workspace.id)).toEqual([])
    expect((await readdir(placeOf(workspace))).sort()).toEqual(['trash', 'workspace.json'])
    const item = (await plane.trash()).find(({ id }) => id === workspace.id)!
    expect(item).toMatchObject({ name: workspace.name, archived: false })
    expect(Date.parse(item.purge_at) - Date.parse(item.deleted_at)).toBe(7 * 86_400_000)
  })

  test('is taken back asleep, with its files, and runs again', async () => {
    const workspace = await deleted()
    await plane.takeBack(workspace.id)
    const back = await plane.untilIn(workspace.id, 'STANDBY')
    expect(back).toMatchObject({ deleted_at: null, home_path: workspace.home_path, error_count: 0 })
    expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
    expect(await inTrash(workspace.id)).toBe(false)
    await plane.start(workspace.id)
    await plane.untilIn(workspace.id, 'RUNNING')
    expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
  })

  test('that is deleted for good leaves nothing, and is not taken back', async () => {
    const workspace = await deleted()
    await plane.purge(workspace.id)
    expect(await inTrash(workspace.id)).toBe(false)
    await until('it is gone', () => !existsSync(placeOf(workspace)))
    await expect(plane.takeBack(workspace.id)).rejects.toMatchObject({ answer: { status: 404 } })
    await expect(plane.purge(workspace.id)).rejects.toMatchObject({ answer: { status: 404 } })
  })

  test('can be taken back while it is still being deleted', async () => {
    const workspace = await withFile()
    await plane.remove(workspace.id)
    await plane.takeBack(workspace.id)
    await plane.untilSeen(
      workspace.id,
      'is asleep',
      ({ status, operation, deleted_at }) =>
        status === 'STANDBY' && operation === 'NONE' && deleted_at === null,
    )
    expect(await readFile(fileOf(workspace), 'utf8')).toBe('precious')
  })
})

test('what lives is not in the trash', async () => {
  const { id } = await withFile()
  await expect(plane.takeBack(id)).rejects.toMatchObject({ answer: { status: 404 } })
  await expect(plane.purge(id)).rejects.toMatchObject({ answer: { status: 404 } })
})

describe.concurrent('deleting works', () => {
  const busy = (id: string, what: string, is: (seen: Workspace) => boolean): Promise<Workspace> =>
    plane.untilSeen(id, what, is)

  test.each<[string, () => Promise<string>]>([
    ['while it is being made', async () => (await plane.create()).id],
    [
      'while it starts',
      async () => {
        const { id } = await plane.create()
        await busy(id, 'starts', ({ operation, status }) => operation === 'STARTING' || status === 'RUNNING')
        return id
      },
    ],
    ['while it runs', async () => (await plane.running()).id],
    [
      'while it stops',
      async () => {
        const { id } = await plane.running()
        await plane.stop(id)
        return id
      },
    ],
    [
      'while it sleeps',
      async () => {
        const { id } = await plane.running()
        await plane.stop(id)
        await plane.untilIn(id, 'STANDBY')
        return id
      },
    ],
    [
      'while it is being archived',
      async () => {
        const workspace = await plane.running()
        await writeFile(join(workspace.home_path!, 'large'), Buffer.alloc(200 * 2 ** 20, 'x'))
        await plane.archive(workspace.id)
        await busy(workspace.id, 'is packed', ({ progress }) => progress?.step === 'PACKING')
        return workspace.id
      },
    ],
    [
      'while it is being restored',
      async () => {
        const workspace = await plane.running()
        await writeFile(join(workspace.home_path!, 'large'), Buffer.alloc(200 * 2 ** 20, 'x'))
        await plane.archive(workspace.id)
        await plane.untilIn(workspace.id, 'PENDING')
        await plane.restore(workspace.id)
        await busy(workspace.id, 'is restored', ({ operation }) => operation === 'RESTORING')
        return workspace.id
      },
    ],
    [
      'after an error',
      async () => {
        const { id } = await plane.create({ image_ref: NO_IMAGE })
        await busy(id, 'has failed', ({ status }) => status === 'ERROR')
        return id
      },
    ],
  ])('%s', async (_, make) => {
    const id = await make()
    await plane.remove(id)
    await plane.untilGone(id)
    await until('no container is left', async () => (await containersOf(docker, id)).length === 0)
    if (await inTrash(id)) {
      await plane.purge(id)
      const users = join(plane.homeStore, 'users')
      const [user = ''] = await readdir(users)
      await until('nothing is left', () => !existsSync(join(users, user, 'workspaces', id)))
    }
  })
})
