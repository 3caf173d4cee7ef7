import { existsSync } from 'node:fs'
import { chown, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { createClient, type Client } from '../testing/client.ts'
import { exec } from '../testing/containers.ts'
import type { Headless } from '../testing/headless.ts'
import { IMAGE, useBench } from '../testing/harness.ts'
import { inLab } from '../testing/storage-lab.ts'
import { until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench

/** As root the control plane is run by somebody else; others run it themselves. */
const asRoot = process.getuid?.() === 0
const uid = asRoot ? 1234 : process.getuid!()
const gid = asRoot ? 1234 : process.getgid!()

let serve: () => Promise<Headless>
let plane: Client
let headless: Headless
let workspace: Workspace
beforeAll(async () => {
  const dir = await bench.dir()
  await chown(dir, uid, gid)
  const engine = await stat('/var/run/docker.sock')
  const image = await bench.image('tiny')
  serve = async () => {
    headless = await bench.serve(
      { 'data-dir': join(dir, 'data'), image },
      asRoot ? { as: { uid, gid, groups: [engine.gid] }, env: { HOME: dir } } : {},
    )
    if (!headless.ready) throw new Error(headless.stderr())
    plane = createClient(headless.ready)
    return headless
  }
  await serve()
  workspace = await plane.running()
})

test('inside, the person is coder, at home', async () => {
  const { stdout } = await exec(
    docker,
    workspace.id,
    'id -un; id -gn; id -u; id -g; echo $HOME; cd; pwd; whoami',
  )
  expect(stdout.split('\n')).toEqual([
    'coder',
    'coder',
    `${uid}`,
    `${gid}`,
    '/home/coder',
    '/home/coder',
    'coder',
  ])
})

test('the home was seeded with what the image has made read-only', async () => {
  const { stdout } = await exec(
    docker,
    workspace.id,
    'cat go/pkg/mod/x/x.go; stat -c "%A %U" go/pkg/mod/x/x.go',
  )
  expect(stdout).toBe('package x\n-r--r--r-- coder')
})

test('outside, the files are theirs', async () => {
  await exec(docker, workspace.id, 'mkdir -p a/b && touch a/b/c && ln -s c a/b/link')
  const home = workspace.home_path!
  for (const name of ['', '.bashrc', 'a', 'a/b', 'a/b/c']) {
    const owner = await stat(join(home, name))
    expect([name, owner.uid, owner.gid]).toEqual([name, uid, gid])
  }
})

test('there is no way to become root', async () => {
  const attempts = [
    'sudo -n id',
    'su root -c id < /dev/null',
    'cp /bin/sh own-sh && chmod u+s own-sh && ./own-sh -p -c "chown 0 /etc/passwd"',
    'mount -t tmpfs none /mnt',
    'unshare -r -m mount -t tmpfs none /mnt',
    'echo x > /proc/sys/kernel/hostname',
  ]
  for (const attempt of attempts)
    expect([attempt, (await exec(docker, workspace.id, attempt)).code]).not.toEqual([attempt, 0])
})

test('what they made read-only can be deleted all the same', async () => {
  const { id } = await plane.running()
  await exec(docker, id, 'mkdir -p made/read/only && echo x > made/read/only/x.go && chmod -R a-w made')
  const { home_path } = await plane.get(id)
  await plane.remove(id)
  await plane.untilGone(id)
  await plane.purge(id)
  await until('nothing is left', () => !existsSync(dirname(home_path!)))
  expect(await readdir(dirname(dirname(home_path!)))).toEqual([workspace.id])
})

describe('files of root in a home', () => {
  const beside = ({ home_path }: Workspace): Promise<string[]> => readdir(dirname(home_path!))

  /** An archived workspace whose home holds some, first of all, and so many bytes after them. */
  async function archivedWithRoots(bytes: number): Promise<Workspace> {
    const made = await plane.running()
    await inLab({ docker, image: IMAGE, labels: bench.labels, dir: made.home_path! }, 'grow', {
      dir: '/t/0-root',
      tree: [
        { kind: 'dir', name: 'private', uid: 0, mode: 0o700 },
        { kind: 'file', name: 'file', in: 1, data: 'x', uid: 0, mode: 0o600 },
      ],
    })
    await exec(docker, made.id, `yes | head -c ${bytes} > large`)
    await plane.archive(made.id)
    await plane.untilIn(made.id, 'PENDING')
    return made
  }
  /** Wishes it back; resolves once a part of it has been unpacked. */
  async function untilUnpacking({ id, home_path }: Workspace): Promise<void> {
    await plane.restore(id)
    await until(`${id} is being unpacked`, async () => {
      const staged = (await readdir(dirname(home_path!))).find((name) => name.startsWith('.making-'))
      return staged !== undefined && existsSync(join(dirname(home_path!), staged, '0-root'))
    })
  }

  test('are archived, come back, and go, with nothing left behind', async () => {
    const made = await archivedWithRoots(1)
    expect(await beside(made)).toEqual(['workspace.json'])
    await plane.restore(made.id)
    await plane.untilIn(made.id, 'RUNNING')
    expect(await stat(join(made.home_path!, '0-root'))).toMatchObject({ uid: 0 })
    await plane.remove(made.id)
    await plane.untilGone(made.id)
    await plane.purge(made.id)
    await until('nothing is left', () => !existsSync(dirname(made.home_path!)))
  })

  test('A6 go when their unpacking is broken off', async () => {
    const made = await archivedWithRoots(400_000_000)
    await untilUnpacking(made)
    await plane.archive(made.id)
    await plane.untilIn(made.id, 'PENDING')
    expect((await plane.history(made.id)).map(({ outcome }) => outcome)).toContain('GIVEN_UP')
    expect(await beside(made)).toEqual(['workspace.json'])
  })

  test('A6 do not keep a restore from going on that was killed', async () => {
    const made = await archivedWithRoots(400_000_000)
    await untilUnpacking(made)
    headless.kill('SIGKILL')
    await headless.ended
    expect((await beside(made)).some((name) => name.startsWith('.making-'))).toBe(true)
    await serve()
    await plane.untilIn(made.id, 'RUNNING')
    expect((await beside(made)).sort()).toEqual(['home', 'workspace.json'])
    expect(await stat(join(made.home_path!, '0-root'))).toMatchObject({ uid: 0 })
  })
})
