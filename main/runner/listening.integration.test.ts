import { beforeAll, describe, expect, test } from 'vitest'
import { containerOf, launch } from '../testing/containers.ts'
import { useBench } from '../testing/harness.ts'
import { idOf } from '../testing/rows.ts'
import { until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench
const never = new AbortController().signal

type TestRunner = Awaited<ReturnType<typeof bench.runner>>
const random = (): string => idOf(Math.floor(Math.random() * 2 ** 48))

/** Starts servers inside and waits until `listening` tells just of them. */
async function serves(runner: TestRunner, id: string, where: [port: number, host: string][]): Promise<void> {
  for (const [port, host] of where)
    await launch(docker, id, `require('net').createServer().listen(${port}, '${host}')`)
  let told: unknown
  await until(
    `${id} tells of its servers`,
    async () => {
      told = await runner.listening(id)
      return JSON.stringify(told) === JSON.stringify(where.map(([port]) => port))
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
      [3000, '127.0.0.1'],
      [3001, '0.0.0.0'],
      [5173, '::'],
      [8080, '127.0.0.1'],
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
  await serves(runner, id, [[3000, '127.0.0.1']])
})

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
    const { default: Docker } = await import('dockerode')
    const away = await bench.runner({ docker: new Docker({ socketPath: `${await bench.dir()}/none` }) })
    expect(await away.risks()).toEqual([])
    await expect(away.listening(random())).rejects.toMatchObject({ code: 'DOCKER_UNREACHABLE' })
  })
})
