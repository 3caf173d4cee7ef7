import { existsSync } from 'node:fs'
import { cp, readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { containerName } from '../runner/container-spec.ts'
import { containerOf, containersOf, exec, startsOf } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { stays, until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench
/** A registry where nobody listens. */
const NO_IMAGE = '127.0.0.1:1/none:1'

let plane: Plane
let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
  plane = await bench.plane({ image: tiny })
})

const containerIdOf = async (id: string): Promise<string | undefined> => (await containerOf(docker, id))?.Id

/** A running workspace with a file in its home. */
async function withFile(on: Plane = plane): Promise<Workspace & { file: string }> {
  const workspace = await on.running()
  const file = join(workspace.home_path!, 'precious.txt')
  await writeFile(file, 'precious')
  return { ...workspace, file }
}

/** Waits until it runs, in a container other than `before`. */
async function untilRunsAnew(id: string, before: string, on: Plane = plane): Promise<Workspace> {
  await until(`${id} has another container`, async () => {
    const now = await containerIdOf(id)
    return now !== undefined && now !== before
  })
  return on.untilIn(id, 'RUNNING')
}

describe.concurrent('what is done to a running container is mended', () => {
  test.each<[string, (name: string) => Promise<unknown>]>([
    ['docker kill', (name) => docker.getContainer(name).kill()],
    ['docker stop', (name) => docker.getContainer(name).stop({ t: 5 })],
    ['docker rm -f', (name) => docker.getContainer(name).remove({ force: true })],
  ])('%s', async (_, harm) => {
    const { id, file } = await withFile()
    const before = await containerIdOf(id)
    await harm(containerName(id))
    const mended = await untilRunsAnew(id, before!)
    // A container is seen on its way down, or when it is.
    expect([undefined, 'INSTANCE_DIED']).toContain(mended.error_info?.code)
    expect(await containersOf(docker, id)).toHaveLength(1)
    expect(await readFile(file, 'utf8')).toBe('precious')
  })

  test('docker pause', async () => {
    const { id } = await withFile()
    const before = await containerOf(docker, id)
    await docker.getContainer(containerName(id)).pause()
    await until('it goes on', async () => (await containerOf(docker, id))?.State.Paused === false)
    await plane.untilIn(id, 'RUNNING')
    expect((await plane.visit(id, '/healthz')).status).toBe(200)
    expect(await containerIdOf(id)).toBe(before!.Id)
  })

  test('docker restart', async () => {
    const { id } = await withFile()
    await docker
      .getContainer(containerName(id))
      .restart()
      .catch(() => undefined) // it may be replaced on the way
    await until('it answers', async () => (await plane.visit(id, '/healthz')).status === 200)
    await plane.untilIn(id, 'RUNNING')
    expect(await containersOf(docker, id)).toHaveLength(1)
  })

  test('docker rename', async () => {
    const { id } = await withFile()
    const renamed = `renamed-${id}`
    await docker.getContainer(containerName(id)).rename({ name: renamed })
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    expect(await containersOf(docker, id)).toEqual([])
    await plane.start(id)
    await plane.untilIn(id, 'RUNNING')
    await docker.getContainer(containerName(id)).rename({ name: renamed })
    await plane.remove(id)
    await plane.untilGone(id)
    expect(await containersOf(docker, id)).toEqual([])
  })
})

describe.concurrent('while Berth is down', () => {
  test('what was removed is made again, and what runs on is left alone', async () => {
    const dataDir = await bench.dir()
    const earlier = await bench.plane({ image: tiny, 'data-dir': dataDir })
    const [removed, stopped, kept] = [
      await withFile(earlier),
      await withFile(earlier),
      await withFile(earlier),
    ]
    const before = await Promise.all([removed, stopped, kept].map(({ id }) => containerIdOf(id)))
    await earlier.close()
    await docker.getContainer(before[0]!).remove({ force: true })
    await docker.getContainer(before[1]!).stop({ t: 5 })

    const later = await bench.plane({ image: tiny, 'data-dir': dataDir })
    await untilRunsAnew(removed.id, before[0]!, later)
    await untilRunsAnew(stopped.id, before[1]!, later)
    await later.untilIn(kept.id, 'RUNNING')
    await until('the gateway knows it', async () => (await later.visit(kept.id, '/healthz')).status === 200)
    expect(await containerIdOf(kept.id)).toBe(before[2])
    expect(await readFile(removed.file, 'utf8')).toBe('precious')
  })
})

describe.concurrent('what cannot run ends in an error', () => {
  test('an editor that ends at once, with its last words and after three attempts', async () => {
    const { id } = await plane.create({ image_ref: await bench.image('broken') })
    const stuck = await plane.untilStuck(id, 'CONTAINER_EXITED')
    expect(stuck.error_info!.message).toContain('the editor finds no place to stand')
    expect(stuck.error_info!.message).toContain('exit code 3')
    expect(stuck.error_info!.log_tail).toContain('the editor finds no place to stand')
    expect(await plane.log(id)).toContain('the editor finds no place to stand')
    expect(stuck).toMatchObject({ error_count: 3, next_transition: null })
    expect(stuck.error_info).toMatchObject({ operation: 'STARTING', attempt: 3 })
    expect(await startsOf(docker, id)).toBe(3)
    await stays('at three attempts', 2_000, () => startsOf(docker, id))

    await plane.retry(id)
    await until('it tries again', async () => (await startsOf(docker, id)) > 3)

    await plane.stop(id)
    expect(await plane.untilIn(id, 'STANDBY')).toMatchObject({ error_count: 0, error_info: null })
    expect(await containersOf(docker, id)).toEqual([])

    await plane.patch(id, { image_ref: tiny, desired_state: 'RUNNING' })
    await plane.untilIn(id, 'RUNNING')
  })

  test('an editor that answers and then ends, again and again', async () => {
    const { id } = await plane.create({ image_ref: await bench.image('mortal') })
    const stuck = await plane.untilStuck(id, 'INSTANCE_DIED')
    expect(stuck.error_info!.message).toContain('exit code 7')
    expect(await startsOf(docker, id)).toBe(3)
    await stays('at three attempts', 2_000, () => startsOf(docker, id))
  })

  test('an image that cannot be had, which another image repairs', async () => {
    const { id, file } = await withFile()
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    await plane.patch(id, { image_ref: NO_IMAGE, desired_state: 'RUNNING' })
    const stuck = await plane.untilStuck(id, 'IMAGE_PULL_FAILED')
    expect(stuck.error_info!.message).toContain(NO_IMAGE)
    expect(stuck.error_info!.hint).toMatch(/network/)
    expect(await readFile(file, 'utf8')).toBe('precious')

    await plane.patch(id, { image_ref: tiny })
    expect(await plane.untilIn(id, 'RUNNING')).toMatchObject({ image_ref: tiny })
    expect((await exec(docker, id, 'cat precious.txt')).stdout).toBe('precious')
  })
})

describe.concurrent('a home that is gone', () => {
  test('is not replaced by an empty one, and counts again once it is back', async () => {
    const { id, home_path, file } = await withFile()
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    await rename(home_path!, `${home_path!}-elsewhere`)

    await plane.start(id)
    const lost = await plane.untilStuck(id, 'HOME_MISSING')
    expect(lost.error_info!.message).toContain(id)
    expect(existsSync(home_path!)).toBe(false)
    expect(await containersOf(docker, id)).toEqual([])

    await rename(`${home_path!}-elsewhere`, home_path!)
    await plane.retry(id)
    await plane.untilIn(id, 'RUNNING')
    expect(await readFile(file, 'utf8')).toBe('precious')
  })

  test('does not take its container along, which may hold the only way to the files', async () => {
    const { id, home_path } = await withFile()
    await rename(home_path!, `${home_path!}-elsewhere`)
    await plane.retry(id)
    await plane.untilStuck(id, 'HOME_MISSING')
    expect((await exec(docker, id, 'cat precious.txt')).stdout).toBe('precious')
    await rename(`${home_path!}-elsewhere`, home_path!)
    await plane.retry(id)
    expect(await plane.untilIn(id, 'RUNNING')).toMatchObject({ error_count: 0 })
  })
})

test('a home store that is not there lets nothing be concluded', async () => {
  const away = await bench.plane({ image: tiny })
  const [running, asleep, doomed] = [await withFile(away), await withFile(away), await withFile(away)]
  await away.stop(asleep.id)
  await away.untilIn(asleep.id, 'STANDBY')

  const elsewhere = `${away.homeStore}-elsewhere`
  await rename(away.homeStore, elsewhere)
  await away.stop(running.id)
  await away.start(asleep.id)
  await away.remove(doomed.id)
  const created = await away.create()
  // Longer than the time after which what is not known is asked again.
  const look = (): Promise<string[]> =>
    Promise.all(
      [running, asleep, created].map(async ({ id }) => {
        const { status, error_count, error_info } = await away.get(id)
        return `${status} ${error_count} ${JSON.stringify(error_info)}`
      }),
    )
  expect(await look()).toEqual(['RUNNING 0 null', 'STANDBY 0 null', 'PENDING 0 null'])
  await stays('as it was', 5_000, look)
  expect(existsSync(away.homeStore)).toBe(false)
  expect(await containersOf(docker, running.id)).toHaveLength(1)
  expect(await containersOf(docker, doomed.id)).toHaveLength(1)
  expect(await containersOf(docker, asleep.id)).toEqual([])

  await rename(elsewhere, away.homeStore)
  await Promise.all([
    away.untilIn(running.id, 'STANDBY'),
    away.untilIn(asleep.id, 'RUNNING'),
    away.untilGone(doomed.id),
    away.untilIn(created.id, 'RUNNING'),
  ])
  expect(await readFile(running.file, 'utf8')).toBe('precious')
  expect(await readFile(asleep.file, 'utf8')).toBe('precious')
  expect(existsSync(doomed.home_path!)).toBe(false)
})

test('a network that was removed is made again', async () => {
  const lonely = await bench.plane({ image: tiny })
  const { id } = await lonely.running()
  const { HostConfig } = (await containerOf(docker, id))!
  await lonely.stop(id)
  await lonely.untilIn(id, 'STANDBY')
  await docker.getNetwork(HostConfig.NetworkMode!).remove()
  await lonely.start(id)
  expect(await lonely.untilIn(id, 'RUNNING')).toMatchObject({ error_count: 0 })
})

describe.concurrent('C7: what is not ours is not touched', () => {
  test('a container that has the name', async () => {
    const { id, home_path } = await withFile()
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    const foreign = await docker.createContainer({
      name: containerName(id),
      Image: tiny,
      Labels: bench.labels,
      Entrypoint: ['sleep', '1000'],
    })
    await foreign.start()

    await plane.start(id)
    const stuck = await plane.untilStuck(id, 'CONTAINER_NAME_TAKEN')
    expect(stuck.error_info!.message).toContain(containerName(id))
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    expect((await foreign.inspect()).State.Running).toBe(true)

    await foreign.remove({ force: true })
    await plane.start(id)
    await plane.untilIn(id, 'RUNNING')
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')

    const another = await docker.createContainer({
      name: containerName(id),
      Image: tiny,
      Labels: bench.labels,
    })
    await plane.remove(id)
    await plane.untilGone(id)
    expect(existsSync(home_path!)).toBe(false)
    expect((await another.inspect()).Name).toBe(`/${containerName(id)}`)
  })

  test("another installation's containers, running or left by its crash", async () => {
    const { id } = await withFile()
    const before = await containerOf(docker, id)
    const { 'io.berth.installation': installation = '' } = before!.Config.Labels
    const theirSeed = await docker.createContainer({
      Image: tiny,
      Labels: { ...bench.labels, 'io.berth.installation': `not-${installation}`, 'io.berth.purpose': 'seed' },
    })

    const other = await bench.plane({ image: tiny })
    const theirs = await withFile(other)
    await other.stop(theirs.id)
    await other.untilIn(theirs.id, 'STANDBY')
    await other.remove(theirs.id)
    await other.untilGone(theirs.id)
    await other.close()

    const after = await containerOf(docker, id)
    expect([after!.Id, after!.State.StartedAt]).toEqual([before!.Id, before!.State.StartedAt])
    expect((await theirSeed.inspect()).State.Status).toBe('created')
    expect(await plane.get(id)).toMatchObject({ status: 'RUNNING', error_count: 0 })
  })
})

describe('one home, one container', () => {
  test('an instance that has another home than it should is ended, and started on the right one', async () => {
    const dataDir = join(await bench.dir(), 'data')
    const first = await bench.plane({ image: tiny, 'data-dir': dataDir })
    const { id } = await withFile(first)
    const before = await containerIdOf(id)
    await first.close()
    // As somebody does who moves the homes to another disk while Berth is closed.
    const elsewhere = join(await bench.dir(), 'homes')
    await cp(join(dataDir, 'home-store'), elsewhere, { recursive: true })
    const second = await bench.plane({ image: tiny, 'data-dir': dataDir, 'home-store': elsewhere })
    const { home_path } = await untilRunsAnew(id, before!, second)
    const home = (await containerOf(docker, id))!.Mounts.find(
      ({ Destination }) => Destination === '/home/coder',
    )
    expect(home?.Source).toBe(home_path)
    expect(home_path).toContain(elsewhere)
  })

  test('a home that somebody else’s container uses is neither started nor archived', async () => {
    const { id, home_path, file } = await withFile()
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    const other = await docker.createContainer({
      Image: tiny,
      Labels: bench.labels,
      Entrypoint: ['sleep', '600'],
      HostConfig: { Mounts: [{ Type: 'bind', Source: home_path!, Target: '/theirs' }] },
    })
    await other.start()
    await plane.start(id)
    const { error_info } = await plane.untilStuck(id, 'HOME_IN_USE')
    expect(error_info!.message).toContain((await other.inspect()).Name.slice(1))
    await plane.archive(id)
    await plane.untilStuck(id, 'HOME_IN_USE')
    expect(await readFile(file, 'utf8')).toBe('precious')
    await other.remove({ force: true })
    await plane.start(id)
    await plane.untilIn(id, 'RUNNING')
  })
})

test('D9 an image that was removed while its workspace slept is an error that says so', async () => {
  const image = await bench.image('mortal')
  const { id } = await plane.create({ image_ref: image })
  await plane.untilSeen(id, 'has run', ({ home_path }) => home_path !== null)
  await plane.stop(id)
  await plane.untilIn(id, 'STANDBY')
  await docker.getImage(image).remove({ force: true })
  await plane.start(id)
  const { error_info } = await plane.untilSeen(id, 'has failed', ({ status }) => status === 'ERROR')
  expect(['IMAGE_NOT_FOUND', 'IMAGE_PULL_FAILED']).toContain(error_info!.code)
})
