import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { confinementFaults, containerOf, exec } from '../testing/containers.ts'
import { useBench, type Plane } from '../testing/harness.ts'
import { connect, send } from '../testing/send.ts'
import { until } from '../testing/until.ts'
import { CONFIG_NAME, PORT, containerName } from './container-spec.ts'

const bench = useBench()
const { docker } = bench
const PATH = '/?folder=/home/coder'
const EDITOR = 'vscode-workbench-web'

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

test('it is published on this machine only, and confined like any other', async () => {
  expect(await publishedAt(workspace)).toEqual([{ HostIp: '127.0.0.1', HostPort: expect.any(String) }])
  const container = await containerOf(docker, workspace.id)
  expect(confinementFaults(container!)).toEqual([])
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

describe('past the gateway', () => {
  test('there is a login page and no editor', async () => {
    const url = await directUrl(workspace)
    const answer = await send(url + PATH, { headers: { accept: 'text/html' } })
    expect(answer.status).toBe(302)
    expect(answer.headers.location).toMatch(/^\.\/login/)
    for (const path of ['/vscode-remote-resource?path=/home/coder/.bashrc', '/proxy/8080/'])
      expect((await send(url + path)).status).toBeGreaterThanOrEqual(300)
    expect(await connect(`${url}/`, { origin: url })).toBeGreaterThanOrEqual(400)
    expect(await connect(`${url}/`)).toBeGreaterThanOrEqual(400)
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
  })

  test('the engine tells no secret', async () => {
    const told = JSON.stringify(await containerOf(docker, workspace.id))
    const [, secret = ''] = (await cookieOf(workspace)).split('=')
    expect(told).toContain(workspace.id)
    for (const one of [secret, decodeURIComponent(secret)]) expect(told).not.toContain(one)
  })
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
