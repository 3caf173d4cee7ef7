import { readFile } from 'node:fs/promises'
import { createConnection } from 'node:net'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { confinementFaults, containerOf, exec } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { idOf } from '../testing/rows.ts'
import { connect, send } from '../testing/send.ts'
import { until } from '../testing/until.ts'
import { CONFIG_NAME, PORT, containerName } from './container-spec.ts'

const bench = useBench()
const { docker } = bench
const PATH = '/?folder=/home/coder'
const EDITOR = 'vscode-workbench-web'

type Bindings = Record<string, { HostIp: string; HostPort: string }[]>
const randomId = (): string => idOf(Math.floor(Math.random() * 2 ** 48))

let plane: Plane
let workspace: Workspace
let sibling: Workspace
beforeAll(async () => {
  plane = await bench.plane({ upstream: 'port' })
  ;[workspace, sibling] = await Promise.all([plane.running(), plane.running()])
})

/** Where the engine has published it. */
async function publishedAt({ id }: Workspace): Promise<{ HostIp: string; HostPort: string }[]> {
  const container = await containerOf(docker, id)
  return container!.NetworkSettings.Ports[`${PORT}/tcp`]!
}
const directUrl = async (of: Workspace): Promise<string> =>
  `http://127.0.0.1:${(await publishedAt(of))[0]!.HostPort}`

/** The cookie that opens it: what the gateway alone should know. */
async function cookieOf({ id }: Workspace): Promise<string> {
  const config = JSON.parse(await readFile(join(plane.dataDir, 'run', id, 'config', CONFIG_NAME), 'utf8'))
  return `code-server-session=${encodeURIComponent(String(config['hashed-password']))}`
}

test('C3: it is published on this machine only, and confined like any other', async () => {
  expect(await publishedAt(workspace)).toEqual([{ HostIp: '127.0.0.1', HostPort: expect.any(String) }])
  const container = await containerOf(docker, workspace.id)
  expect(confinementFaults(container!, false)).toEqual([])
})

test('C3: no other address of this machine answers on its port', async () => {
  const port = Number(new URL(await directUrl(workspace)).port)
  const opens = (host: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = createConnection({ host, port, timeout: 2_000 })
      const end = (open: boolean) => () => (socket.destroy(), resolve(open))
      socket.on('connect', end(true)).on('error', end(false)).on('timeout', end(false))
    })
  expect(await opens('127.0.0.1')).toBe(true)
  const others = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address, scopeid }) => (scopeid ? `${address}%${scopeid}` : address))
    .filter((address) => address !== '127.0.0.1')
  for (const address of others) expect([address, await opens(address)]).toEqual([address, false])
})

describe('through the gateway', () => {
  test('the editor and its WebSockets open', async () => {
    expect((await plane.visit(workspace.id, PATH)).text).toContain(EDITOR)
    const socket = await plane.connect(workspace.id, { origin: plane.url })
    if (typeof socket === 'number') throw new Error(`refused with ${socket}`)
    socket.terminate()
    expect(await plane.connect(workspace.id, { origin: 'http://evil.example' })).toBe(403)
  })

  test('the secret stays on its side', async () => {
    const [, secret = ''] = (await cookieOf(workspace)).split('=')
    for (const path of [PATH, '/login', '/logout']) {
      const { headers, text } = await plane.visit(workspace.id, path)
      expect(JSON.stringify(headers) + text).not.toContain(secret)
    }
  })
})

describe('P9: past the gateway', () => {
  test('there is a login page and no editor', async () => {
    const url = await directUrl(workspace)
    const answer = await send(url + PATH, { headers: { accept: 'text/html' } })
    expect(answer.status).toBe(302)
    expect(answer.headers.location).toMatch(/^\.\/login/)
    for (const path of [
      '/vscode-remote-resource?path=/home/coder/.bashrc',
      '/proxy/8080/',
      '/absproxy/8080/',
    ])
      expect((await send(url + path)).status).toBeGreaterThanOrEqual(300)
    const guesses: Record<string, string>[] = [
      {},
      { cookie: 'code-server-session=' },
      { cookie: 'code-server-session=true' },
      { cookie: `code-server-session=${encodeURIComponent(`$argon2id$${'0'.repeat(64)}`)}` },
      { authorization: `Bearer ${plane.token}` },
    ]
    const doors = [
      '/',
      '/stable-0123456789012345678901234567890123456789?reconnectionToken=x',
      '/proxy/8080/',
    ]
    for (const headers of guesses) {
      expect((await send(url + PATH, { headers })).text).not.toContain(EDITOR)
      for (const door of doors)
        for (const greeting of [{ headers, origin: url }, { headers }])
          expect([headers, door, await connect(url + door, greeting)]).toEqual([
            headers,
            door,
            expect.any(Number),
          ])
    }
  })

  test('the same doors open with the secret, which is what their being shut means', async () => {
    const url = await directUrl(workspace)
    const socket = await connect(`${url}/`, { headers: { cookie: await cookieOf(workspace) }, origin: url })
    if (typeof socket === 'number') throw new Error(`refused with ${socket}`)
    socket.terminate()
  })

  test("another workspace's secret is of no use", async () => {
    const url = (await directUrl(workspace)) + PATH
    expect((await send(url, { headers: { cookie: await cookieOf(sibling) } })).status).toBe(302)
    expect((await send(url, { headers: { cookie: await cookieOf(workspace) } })).text).toContain(EDITOR)
  })

  test('a sibling cannot so much as connect', async () => {
    const container = await containerOf(docker, workspace.id)
    const { IPAddress, Gateway } = Object.values(container!.NetworkSettings.Networks)[0]!
    const { port } = new URL(await directUrl(workspace))
    const ask = (url: string): string => `curl -s -o /dev/null -m 2 ${url}/healthz`
    expect((await exec(docker, workspace.id, ask(`http://${IPAddress}:${PORT}`))).code).toBe(0)
    for (const url of [`http://${IPAddress}:${PORT}`, `http://${Gateway}:${port}`])
      expect([url, (await exec(docker, sibling.id, ask(url))).code]).not.toEqual([url, 0])
    const upgrade = (url: string): string =>
      `curl -s -o /dev/null -m 2 -w '%{http_code}' -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' -H 'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==' ${url}/`
    expect((await exec(docker, workspace.id, upgrade(`http://127.0.0.1:${PORT}`))).stdout).toMatch(/^[34]/)
    for (const url of [
      `http://${IPAddress}:${PORT}`,
      `http://${Gateway}:${port}`,
      `http://127.0.0.1:${port}`,
    ])
      expect([url, (await exec(docker, sibling.id, upgrade(url))).stdout]).toEqual([url, '000'])
  })

  test('the engine tells no secret', async () => {
    const told = JSON.stringify(await containerOf(docker, workspace.id))
    const [, secret = ''] = (await cookieOf(workspace)).split('=')
    expect(told).toContain(workspace.id)
    for (const one of [secret, decodeURIComponent(secret)]) expect(told).not.toContain(one)
  })
})

test('P8: who comes by a port that another workspace has taken over meets a closed door', async () => {
  const [a, b] = [randomId(), randomId()]
  /** Where A was: B gets just that. */
  let port = ''
  const taking = new Docker()
  const create = taking.createContainer.bind(taking)
  taking.createContainer = ((options: Docker.ContainerCreateOptions) => {
    const [[name, bindings] = ['', []]] = Object.entries((options.HostConfig?.PortBindings ?? {}) as Bindings)
    const PortBindings = { [name]: bindings.map((binding) => ({ ...binding, HostPort: port })) }
    return create({ ...options, HostConfig: { ...options.HostConfig, PortBindings } })
  }) as typeof taking.createContainer
  const runner = await bench.runner({ upstream: 'port' })
  const other = await bench.runner({ upstream: 'port', docker: taking })
  await runner.start(a)
  const before = runner.upstream(a)
  if (!before || 'socketPath' in before) throw new Error('A is not published')
  port = String(before.port)

  // As the gateway does, which asks the runner each time; and as one would that had kept what it was told.
  const seen = { now: new Set<string>(), kept: new Set<string>() }
  const ask = async (upstream: typeof before): Promise<string> => {
    const url = `http://127.0.0.1:${upstream.port}`
    const headers = { cookie: upstream.cookie }
    const answer = await send(url + PATH, { headers }).catch(() => undefined)
    const socket = await connect(`${url}/`, { headers, origin: url }).catch(() => 'nobody')
    if (typeof socket === 'object') socket.terminate()
    const http = answer?.text.includes(EDITOR)
      ? 'the editor'
      : (answer?.headers.location ?? answer?.status ?? 'nobody')
    return `${http}, ${typeof socket === 'object' ? 'a socket' : socket}`
  }
  const load = new AbortController()
  const asking = (async () => {
    while (!load.signal.aborted) {
      const now = runner.upstream(a)
      if (now && 'port' in now) seen.now.add(await ask(now))
      seen.kept.add(await ask(before))
    }
  })()
  await until('A has been reached', () => seen.now.has('the editor, a socket'))

  await docker.getContainer(containerName(a)).remove({ force: true })
  seen.kept.clear()
  await other.start(b)
  expect(other.upstream(b)).toMatchObject({ port: before.port })
  expect(await ask(other.upstream(b) as typeof before)).toBe('the editor, a socket')
  const lookedAt = runner.observe(a, await runner.homeOf(a))
  expect(await lookedAt).toEqual({ state: 'absent' })
  await until('B was asked in place of A', () => [...seen.kept].some((answer) => answer.includes('login')))
  load.abort()
  await asking
  expect(runner.upstream(a)).toBeUndefined()
  expect([...seen.kept].filter((answer) => /editor|a socket/.test(answer))).toEqual([])
})

test('an instance that got another port is found there', async () => {
  await docker
    .getContainer(containerName(workspace.id))
    .restart()
    .catch(() => undefined)
  await until('the editor opens again', async () => {
    const { text } = await plane.visit(workspace.id, PATH)
    return text.includes(EDITOR)
  })
})

test('an instance outlives the control plane, and its secret is read again', async () => {
  const before = await containerOf(docker, workspace.id)
  await plane.close()
  plane = await bench.plane({ upstream: 'port', 'data-dir': plane.dataDir })
  await until('the editor opens', async () => (await plane.visit(workspace.id, PATH)).text.includes(EDITOR))
  expect(await plane.get(workspace.id)).toMatchObject({ status: 'RUNNING', operation: 'NONE' })
  expect((await containerOf(docker, workspace.id))!.Id).toBe(before!.Id)
  const socket = await plane.connect(workspace.id, { origin: plane.url })
  if (typeof socket === 'number') throw new Error(`refused with ${socket}`)
  socket.terminate()
})
