import { existsSync } from 'node:fs'
import { mkdir, readdir, rename, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { tempDir } from '../testing/temp-dir.ts'
import { createSourceCheck } from './sources.ts'

let dir: string
let store: string
let home: string
let check: (source: string) => Promise<void>
beforeEach(async () => {
  dir = tempDir()
  store = join(dir, 'store')
  home = join(store, 'users/u/workspaces/w/home')
  for (const path of [home, join(dir, 'run/w/config'), join(dir, 'elsewhere/w/home')])
    await mkdir(path, { recursive: true })
  check = createSourceCheck([store, join(dir, 'run')])
})

const refused = { code: 'NOT_SUPPORTED', message: expect.stringContaining('not mounted') as string }

test('C4: a directory of Berth’s may be mounted', async () => {
  await check(home)
  await check(join(dir, 'run/w/config'))
})

test('C4: a store may itself be reached by a link, as on another disk', async () => {
  await rename(store, join(dir, 'disk'))
  await symlink(join(dir, 'disk'), store)
  await check(home)
})

describe('C4: what is not Berth’s own is not mounted', () => {
  const sockets = [
    '/var/run/docker.sock',
    '/run/docker.sock',
    '/run/containerd/containerd.sock',
    '/run/podman/podman.sock',
  ]
  const system = [
    '/',
    '/etc',
    '/etc/shadow',
    '/proc',
    '/proc/1/root',
    '/sys',
    '/dev',
    '/dev/sda',
    '/root',
    '/home',
    '/var/lib/docker',
    '/boot',
    '/mnt',
    '/media',
    '/opt',
    '/usr',
    '/var',
    '/tmp',
    '/var/run',
    '/run',
  ]
  const odd = [
    '',
    '.',
    '..',
    'home',
    './home',
    '../store/users',
    '~',
    '~/.ssh',
    '$HOME',
    'C:\\',
    '\\\\server\\share',
    'file:///etc',
    '\0',
    'store\0/etc',
    '//etc',
    'users/u/workspaces/w/home',
  ]
  const ways = [
    '..',
    '../..',
    '../elsewhere/w/home',
    '../store2',
    '.',
    '',
    'users/../..',
    'users/../../elsewhere/w/home',
    'users/u/workspaces/w/home/..',
    'users/u/workspaces/w/home/.',
    'users/u/workspaces/w/home/',
    'users//u/workspaces/w/home',
    './users/u/workspaces/w/home',
    'users/u/workspaces/../../../..',
    '..\\..\\elsewhere',
  ]
  const targets = [...sockets, ...system]

  const sources = [
    ...[...targets, ...odd].map((path): [string, () => string] => [JSON.stringify(path), () => path]),
    ...ways.map((way): [string, () => string] => [
      `the store and ${JSON.stringify(way)}`,
      () => `${store}/${way}`,
    ]),
    ...targets.map((path): [string, () => string] => [
      `up to ${path}`,
      () => `${home}/${'../'.repeat(30)}${path}`,
    ]),
  ]
  const links: [string, () => string][] = [
    ['another workspace’s home', () => join(store, 'users/u/workspaces/v/home')],
    ['a directory outside', () => join(dir, 'elsewhere/w/home')],
    ['Berth’s own directory of sockets', () => join(dir, 'run')],
  ]

  test.each(sources)('%s', async (_, source) => {
    const before = await readdir(dir, { recursive: true })
    await expect(check(source())).rejects.toMatchObject(refused)
    expect(await readdir(dir, { recursive: true })).toEqual(before)
  })

  test.each(targets)('a home that is a link to %s', async (target) => {
    await rename(home, `${home}-kept`)
    await symlink(target, home)
    const code = existsSync(target) ? 'NOT_SUPPORTED' : 'DOCKER_FAILED'
    await expect(check(home)).rejects.toMatchObject({ code })
  })

  test.each(links)('a home that is a link to %s', async (_, target) => {
    await mkdir(target(), { recursive: true })
    await rename(home, `${home}-kept`)
    await symlink(target(), home)
    await expect(check(home)).rejects.toMatchObject(refused)
  })

  const levels = [1, 2, 3, 4]
  test.each(levels)('a home %i below a link', async (levels) => {
    let above = home
    for (let level = 0; level < levels; level++) above = dirname(above)
    const moved = join(dir, 'moved')
    await rename(above, moved)
    await symlink(moved, above)
    await expect(check(home)).rejects.toMatchObject(refused)
  })

  test('in a hundred ways and more', () => {
    const ways = [...sources, ...targets, ...links, ...levels]
    expect(new Set(ways.map((one) => (Array.isArray(one) ? one[0] : `link ${one}`))).size).toBe(ways.length)
    expect(ways.length).toBeGreaterThanOrEqual(100)
  })
})

test('C4: what is not there is an error, and is not made', async () => {
  const never = join(store, 'users/u/workspaces/never/home')
  await expect(check(never)).rejects.toMatchObject({
    code: 'DOCKER_FAILED',
    message: expect.stringContaining(never),
  })
  expect(existsSync(dirname(never))).toBe(false)
  await symlink(join(dir, 'nowhere'), join(store, 'dangling'))
  await expect(check(join(store, 'dangling'))).rejects.toMatchObject({ code: 'DOCKER_FAILED' })
})
