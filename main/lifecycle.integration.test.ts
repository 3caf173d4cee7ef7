import { chown, readFile, readdir, stat, writeFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { Workspace } from './core/api.ts'
import { containersOf, exec, fileOfImage, seedsOf } from './testing/containers.ts'
import { IMAGE, useBench, type Plane } from './testing/harness.ts'
import { until } from './testing/until.ts'

const bench = useBench()
const { docker } = bench
/** Whose files homes are: as root, the image's `coder`. */
const OWNER = process.getuid?.() === 0 ? 1000 : process.getuid?.()

let plane: Plane
beforeAll(async () => {
  plane = await bench.plane()
})

const runDirOf = ({ id }: Workspace): string => join(plane.dataDir, 'run', id)
const inHome = (workspace: Workspace, name: string): string => join(workspace.home_path!, name)
const networksOf = (): Promise<string[]> =>
  docker
    .listNetworks({ filters: { label: [`io.berth.label=${bench.label}`] } })
    .then((networks) => networks.map(({ Name }) => Name))

test('a new workspace runs, with a home on the host that the image has seeded', async () => {
  const created = await plane.create({ name: 'Notes', description: 'of the harbour' })
  expect(created).toMatchObject({
    name: 'Notes',
    status: 'PENDING',
    desired_state: 'RUNNING',
    home_path: null,
  })

  const workspace = await plane.untilIn(created.id, 'RUNNING')
  expect(workspace).toMatchObject({ error_count: 0, error_info: null, progress: null, image_ref: IMAGE })
  expect(workspace.home_path).toMatch(
    new RegExp(`^${plane.homeStore}/users/[0-9a-z]{26}/workspaces/${workspace.id}/home$`),
  )
  const seeded = await readFile(inHome(workspace, '.bashrc'), 'utf8')
  expect(seeded).toBe(
    await fileOfImage(docker, { ref: IMAGE, path: '/home/coder/.bashrc', labels: bench.labels }),
  )
  expect((await stat(inHome(workspace, '.bashrc'))).uid).toBe(OWNER)

  await exec(docker, workspace.id, 'mkdir src && echo "ahoy" > src/hello.txt && chmod 640 src/hello.txt')
  expect(await readFile(inHome(workspace, 'src/hello.txt'), 'utf8')).toBe('ahoy\n')
  const { uid, mode } = await stat(inHome(workspace, 'src/hello.txt'))
  expect([uid, mode & 0o777]).toEqual([OWNER, 0o640])

  await writeFile(inHome(workspace, 'from-the-host.txt'), 'land in sight')
  await chown(inHome(workspace, 'from-the-host.txt'), OWNER!, OWNER!)
  const changed = await exec(docker, workspace.id, 'echo "!" >> from-the-host.txt && cat from-the-host.txt')
  expect(changed.stdout).toBe('land in sight!')

  expect((await stat(runDirOf(workspace))).mode & 0o077).toBe(0)
  expect((await readdir(dirname(workspace.home_path!))).sort()).toEqual(['home', 'workspace.json'])
  expect(await seedsOf(docker, bench.label)).toEqual([])
})

test('it sleeps without its container and wakes with its files, which are not seeded again', async () => {
  const workspace = await plane.running()
  await exec(docker, workspace.id, 'echo mine > .bashrc; rm .profile; echo kept > kept.txt')

  await plane.stop(workspace.id)
  const asleep = await plane.untilIn(workspace.id, 'STANDBY')
  expect(asleep).toMatchObject({ error_count: 0, home_path: workspace.home_path })
  expect(await containersOf(docker, workspace.id)).toEqual([])
  expect(existsSync(runDirOf(workspace))).toBe(false)
  expect(await readFile(inHome(workspace, 'kept.txt'), 'utf8')).toBe('kept\n')

  await writeFile(inHome(workspace, 'meanwhile.txt'), 'written while it slept')
  await plane.start(workspace.id)
  await plane.untilIn(workspace.id, 'RUNNING')
  const { stdout } = await exec(docker, workspace.id, 'cat .bashrc kept.txt meanwhile.txt; ls -A .profile')
  expect(stdout).toBe('mine\nkept\nwritten while it slept')
})

test('it is started with the variables that a person gave it', async () => {
  const { id } = await plane.running({ env: { GREETING: "it's $HOME = ahoy\n⚓", GONE_SOON: 'x' } })
  const told = async () =>
    (await exec(docker, id, 'printf "%s|%s" "$GREETING" "${GONE_SOON-unset}"; echo "|$HOME"')).stdout
  expect(await told()).toBe("it's $HOME = ahoy\n⚓|x|/home/coder")

  await plane.patch(id, { env: { GREETING: 'again' } })
  await plane.stop(id)
  await plane.untilIn(id, 'STANDBY')
  await plane.start(id)
  await plane.untilIn(id, 'RUNNING')
  expect(await told()).toBe('again|unset|/home/coder')
})

test('deleting takes the container and the run directory, then the home, and leaves the network', async () => {
  const workspace = await plane.running()
  const sibling = await plane.running()
  await exec(
    docker,
    workspace.id,
    'mkdir -p deep/er && touch deep/er/file && chmod 500 deep/er && ln -s / root',
  )

  await plane.remove(workspace.id)
  await plane.untilGone(workspace.id)
  expect(await containersOf(docker, workspace.id)).toEqual([])
  expect(existsSync(workspace.home_path!)).toBe(false)
  await plane.purge(workspace.id)
  await until('the home is gone', () => !existsSync(dirname(workspace.home_path!)))
  expect(existsSync(runDirOf(workspace))).toBe(false)
  expect(existsSync('/etc/passwd')).toBe(true)
  expect(await networksOf()).toEqual([expect.stringMatching(/^berth-[0-9a-f]{16}$/)])
  expect(await plane.get(sibling.id)).toMatchObject({ status: 'RUNNING' })
  expect(existsSync(sibling.home_path!)).toBe(true)
})

test('its place on this machine may have any name, of any length', async () => {
  // Longer than the path of a Unix socket may be.
  const dataDir = join(await bench.dir(), 'a directory with spaces, ümlauts, "quotes" and no end '.repeat(3))
  const distant = await bench.plane({ 'data-dir': dataDir, image: await bench.image('tiny') })
  const { id, home_path } = await distant.running()
  expect(home_path).toContain(dataDir)
  expect((await distant.visit(id, '/healthz')).status).toBe(200)
  expect((await exec(docker, id, 'touch made-here && cat .bashrc')).code).toBe(0)
  expect(await readdir(home_path!)).toContain('made-here')
})
