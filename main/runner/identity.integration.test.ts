import { existsSync } from 'node:fs'
import { chown, readdir, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { createClient, type Client } from '../testing/client.ts'
import { exec } from '../testing/containers.ts'
import { useBench } from '../testing/harness.ts'

const bench = useBench()
const { docker } = bench

/** As root the control plane is run by somebody else; others run it themselves. */
const asRoot = process.getuid?.() === 0
const uid = asRoot ? 1234 : process.getuid!()
const gid = asRoot ? 1234 : process.getgid!()

let plane: Client
let workspace: Workspace
beforeAll(async () => {
  const dir = await bench.dir()
  await chown(dir, uid, gid)
  const engine = await stat('/var/run/docker.sock')
  const headless = await bench.serve(
    { 'data-dir': join(dir, 'data'), image: await bench.image('tiny') },
    asRoot ? { as: { uid, gid, groups: [engine.gid] }, env: { HOME: dir } } : {},
  )
  if (!headless.ready) throw new Error(headless.stderr())
  plane = createClient(headless.ready)
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
  expect(existsSync(dirname(home_path!))).toBe(false)
  expect(await readdir(dirname(dirname(home_path!)))).toEqual([workspace.id])
})
