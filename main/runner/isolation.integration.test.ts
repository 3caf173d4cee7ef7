import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { confinementFaults, containerOf, exec, launch } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { until } from '../testing/until.ts'
import { containerName } from './container-spec.ts'

const bench = useBench()
const { docker } = bench

let plane: Plane
let mine: Workspace
let sibling: Workspace
beforeAll(async () => {
  plane = await bench.plane({ image: await bench.image('tiny') })
  ;[mine, sibling] = await Promise.all([plane.running(), plane.running()])
})

/** The container's only network, as the engine tells it. */
async function networkOf({ id }: Workspace): Promise<{ IPAddress: string; Gateway: string }> {
  const container = await containerOf(docker, id)
  return Object.values(container!.NetworkSettings.Networks)[0]!
}

/** The status that a container gets from an address; 0 when it gets no connection. */
async function asks({ id }: Workspace, url: string): Promise<number> {
  const { stdout } = await exec(docker, id, `curl -s -o /dev/null -m 2 -w '%{http_code}' ${url}`)
  return Number(stdout)
}

test('every container is confined, as the engine tells it', async () => {
  for (const { id, home_path } of [mine, sibling]) {
    const container = await containerOf(docker, id)
    expect(confinementFaults(container!)).toEqual([])
    expect(container!.NetworkSettings.Ports).toEqual({})
    const runDir = join(plane.dataDir, 'run', id)
    expect(container!.Mounts.map(({ Source }) => Source).sort()).toEqual(
      [home_path, join(runDir, 'config'), join(runDir, 'socket')].sort(),
    )
  }
})

test('every container is confined, as its kernel tells it', async () => {
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
  test('a sibling, by its address or its name', async () => {
    await launch(docker, mine.id, `require('http').createServer((_, r) => r.end('mine')).listen(7000)`)
    const { IPAddress } = await networkOf(mine)
    const urls = [`http://${IPAddress}:7000/`, `http://${containerName(mine.id)}:7000/`]
    for (const url of urls) {
      // That it is there to be reached is what makes the rest mean something.
      await until(`it reaches itself at ${url}`, async () => (await asks(mine, url)) === 200)
      expect(await asks(sibling, url)).toBe(0)
    }
  })

  test('the control plane, which is on this machine only', async () => {
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
      for (const host of new Set([Gateway, ...own, 'host.docker.internal']))
        expect([host, await asks(mine, `http://${host}:${port}/api/v1/healthz`)]).toEqual([host, 0])
    } finally {
      open.close()
    }
  })
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
