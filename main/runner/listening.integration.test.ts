import { connect } from 'node:net'
import { isDeepStrictEqual } from 'node:util'
import Docker from 'dockerode'
import { beforeAll, describe, expect, test } from 'vitest'
import { containerOf, launch } from '../testing/containers.ts'
import { useBench } from '../testing/harness.ts'
import { idOf } from '../testing/rows.ts'
import { send } from '../testing/send.ts'
import { until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench
const never = new AbortController().signal

type TestRunner = Awaited<ReturnType<typeof bench.runner>>
const random = (): string => idOf(Math.floor(Math.random() * 2 ** 48))

/** Starts servers inside and waits until `listening` tells just of them, and which is exposed. */
async function serves(
  runner: TestRunner,
  id: string,
  where: [port: number, host: string, exposed: boolean][],
): Promise<void> {
  const wanted = where.map(([port, , exposed]) => ({ port, exposed }))
  for (const [port, host] of where)
    await launch(docker, id, `require('net').createServer().listen(${port}, '${host}')`)
  let told: unknown
  await until(
    `${id} tells of its servers`,
    async () => {
      told = await runner.listening(id)
      return isDeepStrictEqual(told, wanted)
    },
    { last: () => told },
  )
}

describe('in an instance with a socket', () => {
  const id = random()
  let runner: TestRunner
  beforeAll(async () => {
    runner = await bench.runner()
    await runner.start(id)
  })

  test('P9: no TCP port of code-server is open at all', async () => {
    expect(runner.upstream(id)).toEqual({ socketPath: expect.any(String) as string })
    expect(await runner.listening(id)).toEqual([])
    const { NetworkSettings, Config, HostConfig } = (await containerOf(docker, id))!
    expect(NetworkSettings.Ports).toEqual({})
    expect(HostConfig.PortBindings ?? {}).toEqual({})
    // What an image exposes is published by nobody.
    expect(HostConfig.PublishAllPorts).toBe(false)
    expect(Config.Env.join()).not.toMatch(/bind-addr/)
  })

  test('servers on loopback, on every address and on those of IPv6 are told of', async () => {
    await serves(runner, id, [
      [3000, '127.0.0.1', false],
      [3001, '0.0.0.0', true],
      [5173, '::', true],
      [8080, '127.0.0.1', false],
    ])
  })

  test('VS Code knows where they are reached', async () => {
    const { Config } = (await containerOf(docker, id))!
    expect(Config.Env).toContain(`VSCODE_PROXY_URI=http://{{port}}--${id}.localhost:1/`)
  })

  test('that is paused, stopped or unknown there are none', async () => {
    const container = docker.getContainer(`ws-${id}`)
    await container.pause()
    expect(await runner.listening(id)).toEqual([])
    await container.unpause()
    await container.kill()
    expect(await runner.listening(id)).toEqual([])
    await runner.stop(id, never)
    expect(await runner.listening(id)).toEqual([])
    expect(await runner.listening(random())).toEqual([])
  })
})

test('code-server’s own port is none of them, which is published', async () => {
  const id = random()
  const runner = await bench.runner({ upstream: 'port' })
  await runner.start(id)
  expect(await runner.listening(id)).toEqual([])
  await serves(runner, id, [
    [3000, '127.0.0.1', false],
    [3001, '0.0.0.0', true],
  ])
})

test('of an engine in a machine of its own nothing is exposed to this one', async () => {
  const id = random()
  const elsewhere = new Docker()
  elsewhere.info = async () => ({ ...((await docker.info()) as object), OperatingSystem: 'Docker Desktop' })
  const runner = await bench.runner({ docker: elsewhere })
  await runner.start(id)
  await serves(runner, id, [[3000, '0.0.0.0', false]])
})

test('P9: a server on loopback inside is reached through Berth alone, one on every address past it too', async () => {
  const plane = await bench.plane()
  const { id } = await plane.running()
  const where = { 3000: '127.0.0.1', 3001: '0.0.0.0' }
  for (const [port, host] of Object.entries(where))
    await launch(
      docker,
      id,
      `require('http').createServer((q, s) => s.end('inside')).listen(${port}, '${host}')`,
    )
  const wanted = [3000, 3001].map((port) => ({
    port,
    exposed: port === 3001,
    url: `http://${port}--${plane.hostOf(id)}/`,
  }))
  let told: unknown
  await until(
    'both are told of',
    async () =>
      isDeepStrictEqual((told = await plane.call('GET', `/workspaces/${id}/ports`)), { items: wanted }),
    { last: () => told },
  )
  const headers = { authorization: `Bearer ${plane.token}` }
  for (const { url } of wanted)
    expect(await send(`${plane.url}/`, { host: new URL(url).host, headers })).toMatchObject({
      status: 200,
      text: 'inside',
    })
  // As anybody on this machine may.
  const [network] = Object.values((await containerOf(docker, id))!.NetworkSettings.Networks)
  expect([await knock(network!.IPAddress, 3000), await knock(network!.IPAddress, 3001)]).toEqual([
    'ECONNREFUSED',
    'open',
  ])
})

/** Opens a connection: `open`, or the system's error. */
function knock(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ host, port })
    socket.on('connect', () => {
      socket.destroy()
      resolve('open')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
  })
}

describe('C8: the risks of an engine', () => {
  test('that is there are told as it tells of itself', async () => {
    const runner = await bench.runner()
    for (const { message, hint } of await runner.risks())
      expect([message, hint].join()).not.toMatch(/undefined|null/)
    const { Components } = await docker.version()
    const old = Components.some(({ Name, Version }) => Name === 'Engine' && Number.parseInt(Version) < 28)
    const ports = await bench.runner({ upstream: 'port' })
    expect((await ports.risks()).some(({ message }) => message.includes('same network'))).toBe(old)
    expect((await runner.risks()).some(({ message }) => message.includes('same network'))).toBe(false)
  })

  test('that is away are not known', async () => {
    const away = await bench.runner({ docker: new Docker({ socketPath: `${await bench.dir()}/none` }) })
    expect(await away.risks()).toEqual([])
    await expect(away.listening(random())).rejects.toMatchObject({ code: 'DOCKER_UNREACHABLE' })
  })
})
