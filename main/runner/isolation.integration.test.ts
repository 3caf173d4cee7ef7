import { existsSync } from 'node:fs'
import { mkdir, rename, symlink, writeFile } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import type { ArchiveMeta } from '../core/archive.ts'
import { manifestOf } from '../core/manifest.ts'
import { NODE, confinementFaults, containerOf, containersOf, exec, launch } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { idOf, rowOf } from '../testing/rows.ts'
import { until } from '../testing/until.ts'
import { LABEL_PURPOSE, containerName } from './container-spec.ts'

const bench = useBench()
const { docker } = bench
const META: ArchiveMeta = {
  format: 1,
  workspace_id: idOf(1),
  op_id: 'op',
  created_at: '2026-01-01T00:00:00Z',
  image_ref: 'image:1',
  sha256: '0'.repeat(64),
  bytes: 1,
  content_bytes: 1,
  disk_bytes: 1,
  entries: 1,
  skipped: 0,
  newest_change_ms: 0,
  workspace: manifestOf(rowOf(idOf(1))),
}

let plane: Plane
let mine: Workspace
let sibling: Workspace
let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
  plane = await bench.plane({ image: tiny })
  ;[mine, sibling] = await Promise.all([plane.running(), plane.running()])
})

/** The container's only network, as the engine tells it. */
async function networkOf({ id }: Workspace): Promise<{ IPAddress: string; Gateway: string }> {
  const container = await containerOf(docker, id)
  return Object.values(container!.NetworkSettings.Networks)[0]!
}

/** The ports of `host` on which a container gets a connection: all are tried. */
async function openPorts({ id }: Workspace, host: string): Promise<number[]> {
  const scan = `
    const { connect } = require('node:net')
    const found = []
    const one = (port) => new Promise((resolve) => {
      const socket = connect({ port, host: process.argv[1] })
      const end = () => (socket.destroy(), resolve())
      socket.setTimeout(1_500, end).on('error', end).on('connect', () => (found.push(port), end()))
    })
    const all = async () => {
      for (let from = 1; from < 65_536; from += 5_000)
        await Promise.all(Array.from({ length: Math.min(5_000, 65_536 - from) }, (_, n) => one(from + n)))
      console.log(JSON.stringify(found))
    }
    require('node:dns').lookup(process.argv[1], (error, address) => {
      if (error) throw error
      process.argv[1] = address
      all()
    })`
  const { stdout, stderr } = await exec(docker, id, ['sh', '-c', `exec ${NODE} -e "$0" ${host}`, scan])
  return JSON.parse(stdout || stderr) as number[]
}

/** The status that a container gets from an address; 0 when it gets no connection. */
async function asks({ id }: Workspace, url: string): Promise<number> {
  const { stdout } = await exec(docker, id, `curl -s -o /dev/null -m 2 -w '%{http_code}' ${url}`)
  return Number(stdout)
}

test('C1: every container is confined, as the engine tells it', async () => {
  for (const { id, home_path } of [mine, sibling]) {
    const container = await containerOf(docker, id)
    expect(confinementFaults(container!, false)).toEqual([])
    expect(container!.NetworkSettings.Ports).toEqual({})
    const runDir = join(plane.dataDir, 'run', id)
    expect(container!.Mounts.map(({ Source }) => Source).sort()).toEqual(
      [home_path, join(runDir, 'config'), join(runDir, 'socket')].sort(),
    )
  }
})

test('C1: every container is confined, as its kernel tells it', async () => {
  const { stdout } = await exec(
    docker,
    mine.id,
    'grep -E "^(Uid|Cap(Eff|Prm|Bnd)|NoNewPrivs|Seccomp):" /proc/self/status',
  )
  const told = Object.fromEntries(stdout.split('\n').map((line) => line.split(':\t') as [string, string]))
  const none = '0000000000000000'
  expect(told).toMatchObject({ CapEff: none, CapPrm: none, CapBnd: none, NoNewPrivs: '1', Seccomp: '2' })
  expect(told['Uid']!.split('\t')).not.toContain('0')
  expect((await exec(docker, mine.id, 'sudo -n true || su -c true root < /dev/null')).code).not.toBe(0)
  expect((await exec(docker, mine.id, 'touch /etc/mine')).code).not.toBe(0)
  expect((await exec(docker, mine.id, 'ls /var/run/docker.sock')).code).not.toBe(0)
})

describe('a container cannot reach', () => {
  test('C2: a sibling, by its address or its name', async () => {
    await launch(
      docker,
      mine.id,
      `require('http').createServer((_, r) => r.end('mine')).listen(7000, '0.0.0.0')`,
    )
    const { IPAddress } = await networkOf(mine)
    const urls = [`http://${IPAddress}:7000/`, `http://${containerName(mine.id)}:7000/`]
    for (const url of urls) {
      // That it is there to be reached is what makes the rest mean something.
      await until(`it reaches itself at ${url}`, async () => (await asks(mine, url)) === 200)
      expect(await asks(sibling, url)).toBe(0)
    }
  })

  test('C2: any port of a sibling', async () => {
    const { IPAddress } = await networkOf(mine)
    expect(await openPorts(mine, IPAddress)).toContain(7000)
    for (const host of [IPAddress, containerName(mine.id)]) expect(await openPorts(sibling, host)).toEqual([])
    const { NetworkSettings } = (await containerOf(docker, mine.id))!
    const told = Object.keys(NetworkSettings.Networks).map((name) => docker.getNetwork(name).inspect())
    expect(await Promise.all(told)).toEqual([
      expect.objectContaining({ Options: { 'com.docker.network.bridge.enable_icc': 'false' } }),
    ])
  })

  test('C2: a workspace of another installation', async () => {
    const other = await bench.plane({ image: tiny })
    const theirs = await other.running()
    const { IPAddress } = await networkOf(mine)
    expect(await asks(theirs, `http://${IPAddress}:7000/`)).toBe(0)
  })

  test('C5: the control plane, which is on this machine only', async () => {
    const open = createServer((_, response) => response.end())
    await new Promise<void>((resolve) => open.listen(0, '0.0.0.0', resolve))
    try {
      const { Gateway } = await networkOf(mine)
      const { port } = new URL(plane.url)
      const own = Object.values(networkInterfaces())
        .flatMap((addresses) => addresses ?? [])
        .filter(({ family, internal }) => family === 'IPv4' && !internal)
        .map(({ address }) => address)
      expect(await asks(mine, `http://${Gateway}:${(open.address() as AddressInfo).port}/`)).toBe(200)
      for (const host of new Set([
        Gateway,
        ...own,
        '127.0.0.1',
        'localhost',
        `${sibling.id}.localhost`,
        'host.docker.internal',
      ]))
        for (const path of ['/api/v1/healthz', '/api/v1/workspaces', `/w/${sibling.id}/`])
          expect([host, path, await asks(mine, `http://${host}:${port}${path}`)]).toEqual([host, path, 0])
    } finally {
      open.close()
    }
  })

  test('C5: this machine by a name that Docker has for it', async () => {
    for (const name of ['host.docker.internal', 'gateway.docker.internal'])
      expect((await exec(docker, mine.id, `getent hosts ${name}`)).code).not.toBe(0)
  })
})

describe('C4: of this machine nothing is mounted but what is Berth’s', () => {
  const never = new AbortController().signal
  const refused = { code: 'NOT_SUPPORTED', message: expect.stringContaining('not mounted') as string }

  test('whatever path a runner is given, and whatever a home is a link to', async () => {
    const runner = await bench.runner()
    const outside = join(await bench.dir(), 'outside')
    await mkdir(outside)
    await writeFile(join(outside, 'precious'), 'precious')
    const id = idOf(Math.floor(Math.random() * 2 ** 48))
    const home = await runner.homeOf(id)
    const [above, archive] = [dirname(home), join(runner.store, 'archive')]
    const links = [outside, '/', '/var/run/docker.sock', await runner.homeOf('another')].map(
      async (target, n) => {
        await symlink(target, join(above, `link-${n}`))
        return join(above, `link-${n}`)
      },
    )
    await mkdir(archive)
    await rename(await runner.homeOf('moved'), join(outside, 'home'))
    await rename(join(runner.store, 'users/somebody/workspaces/moved'), join(outside, 'moved'))
    await symlink(outside, join(runner.store, 'users/somebody/workspaces/moved'))
    const hostile = [
      ...(await Promise.all(links)),
      join(runner.store, 'users/somebody/workspaces/moved/home'),
      ...[
        outside,
        runner.store,
        `${home}/../../../../../../outside`,
        `${home}/.`,
        '/var/run/docker.sock',
        'home',
        '',
      ],
    ]
    for (const path of hostile) {
      await expect(runner.start(id, { homePath: path })).rejects.toMatchObject(refused)
      const spec = { id, imageRef: runner.specOf(id, home).imageRef, homeDir: path, archiveDir: archive }
      await expect(runner.pack(spec, () => undefined, never)).rejects.toMatchObject(refused)
      const swapped = { ...spec, homeDir: home, archiveDir: path, meta: META }
      await expect(runner.unpack(swapped, () => undefined, never)).rejects.toMatchObject(refused)
      await expect(runner.erase(path, never)).rejects.toMatchObject(refused)
    }
    expect(await containersOf(docker, id)).toEqual([])
    expect(existsSync(join(outside, 'precious'))).toBe(true)
  })

  test('what is not there is not made', async () => {
    const runner = await bench.runner()
    const id = idOf(Math.floor(Math.random() * 2 ** 48))
    const missing = join(runner.store, 'missing/home')
    await expect(runner.start(id, { homePath: missing })).rejects.toMatchObject({ code: 'DOCKER_FAILED' })
    expect(existsSync(dirname(missing))).toBe(false)
    expect(await containersOf(docker, id)).toEqual([])
  })

  test('a workspace whose directory a link leads to is not started', async () => {
    const { id, home_path } = await plane.running()
    await plane.stop(id)
    await plane.untilIn(id, 'STANDBY')
    const elsewhere = join(await bench.dir(), 'elsewhere')
    await rename(dirname(home_path!), elsewhere)
    await symlink(elsewhere, dirname(home_path!))
    await plane.start(id)
    const { error_info } = await plane.untilStuck(id, 'NOT_SUPPORTED')
    expect(error_info!.message).toContain(home_path)
    expect(await containersOf(docker, id)).toEqual([])
  })

  test('nobody says over the API what is mounted', async () => {
    for (const field of [
      'home_path',
      'home',
      'homePath',
      'mounts',
      'binds',
      'volumes',
      'HostConfig',
      'privileged',
      'devices',
      'cap_add',
    ])
      await expect(plane.create({ [field]: '/etc' })).rejects.toMatchObject({ answer: { status: 400 } })
  })
})

test('C1: what a home is seeded from, and every storage job, is confined too', async () => {
  const seen = new Map<string, string[]>()
  const stream = (await docker.getEvents({
    filters: JSON.stringify({
      type: ['container'],
      event: ['create'],
      label: [`io.berth.label=${bench.label}`],
    }),
  })) as Readable
  const looks: Promise<void>[] = []
  stream.on('error', () => undefined)
  createInterface(stream).on('line', (line) => {
    const { id } = JSON.parse(line) as { id: string }
    looks.push(
      docker
        .getContainer(id)
        .inspect()
        .then((container) => {
          const purpose = container.Config.Labels[LABEL_PURPOSE]!
          const kind = /"kind":"(\w+)"/.exec(container.Config.Env.join())?.[1] ?? purpose
          seen.set(kind, [...(seen.get(kind) ?? []), ...confinementFaults(container)])
        })
        .catch(() => undefined), // it was too quick: another will be seen
    )
  })
  const { id, home_path } = await plane.running()
  await exec(docker, id, 'yes | head -c 50000000 > large')
  await plane.archive(id)
  await plane.untilIn(id, 'PENDING')
  await plane.restore(id)
  await plane.untilIn(id, 'RUNNING')
  const runner = await bench.runner()
  await runner.erase(await runner.homeOf(id), AbortSignal.timeout(60_000))
  stream.destroy()
  await Promise.all(looks)
  expect(home_path).toContain(id)
  expect(Object.fromEntries(seen)).toEqual({ instance: [], seed: [], pack: [], unpack: [], erase: [] })
})

test('C7: a network that is not ours is not used, though it has the name', async () => {
  const installation = `taken-${bench.label}`
  const theirs = await docker.createNetwork({ Name: `berth-${installation}`, Labels: bench.labels })
  const runner = await bench.runner({ installation })
  const id = idOf(Math.floor(Math.random() * 2 ** 48))
  await expect(runner.start(id)).rejects.toMatchObject({
    code: 'DOCKER_FAILED',
    message: expect.stringContaining(`berth-${installation}`) as string,
  })
  await runner.tidy(() => true)
  expect((await theirs.inspect()) as unknown).toMatchObject({ Containers: {} })
  expect(await containersOf(docker, id)).toEqual([])
})

test('a container cannot lead the gateway to another socket of this machine', async () => {
  const { id } = await plane.running()
  const targets = ['/var/run/docker.sock', join(plane.dataDir, 'run', mine.id, 'socket', 's')]
  for (const target of targets) {
    const swap = `cd /run/berth-socket && rm -f s && ln -s ${target} s`
    expect((await exec(docker, id, swap)).code).toBe(0)
    for (const path of ['/_ping', '/version', '/healthz']) {
      const answer = await plane.visit(id, path)
      expect([target, path, answer.text]).not.toEqual([
        target,
        path,
        expect.stringMatching(/^OK$|ApiVersion/),
      ])
    }
  }
})

test('no secret can be read from the engine', async () => {
  const told = JSON.stringify([
    await containerOf(docker, mine.id),
    await docker.listContainers({ all: true }),
    (await docker.getContainer(containerName(mine.id)).logs({ stdout: true, stderr: true })).toString(),
  ])
  expect(told).toContain(mine.id)
  expect(told).not.toContain(plane.token)
})
