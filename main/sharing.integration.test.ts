import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { CreateShare, Guest, Shared, Workspace } from './core/api.ts'
import {
  createNetwork,
  startGuestMachine,
  type GuestAnswer,
  type GuestMachine,
} from './testing/guest-machine.ts'
import { IMAGE, useBench, type Plane } from './testing/harness.ts'
import { launch } from './testing/containers.ts'
import { send } from './testing/send.ts'
import { PATIENCE_MS, until } from './testing/until.ts'

const bench = useBench()
const { docker } = bench
const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }

/** Berth on a local network with two other machines, each in a network namespace of its own. */
let plane: Plane
let colleague: GuestMachine
let stranger: GuestMachine
let workspace: Workspace
let other: Workspace
beforeAll(async () => {
  const network = await createNetwork(docker, { name: `${bench.label}-lan`, labels: bench.labels })
  plane = await bench.plane({ 'share-address': network.address })
  const machine = { image: IMAGE, network: `${bench.label}-lan`, labels: bench.labels }
  ;[colleague, stranger] = await Promise.all([
    startGuestMachine(docker, machine),
    startGuestMachine(docker, machine),
  ])
  ;[workspace, other] = await Promise.all([
    plane.running({ name: 'shared' }),
    plane.running({ name: 'mine' }),
  ])
})

const share = (wish: Partial<CreateShare> = {}): Promise<Shared> =>
  plane.call('POST', `/workspaces/${workspace.id}/shares`, {
    mode: 'LINK',
    expires_in_seconds: 3_600,
    ...wish,
  })
afterEach(async () => {
  const { sharing } = await plane.get(workspace.id)
  for (const { id } of sharing?.shares ?? []) await stop(id)
})
const stop = (shareId: string): Promise<void> => plane.call('DELETE', `/shares/${shareId}`)
const guests = async (): Promise<Guest[]> =>
  (await plane.get(workspace.id)).sharing?.shares.flatMap((one) => one.guests) ?? []

/** A link, as the page that it leads to takes it apart. */
function partsOf(link: string): { page: string; origin: string; secret: string; port: number } {
  const { origin, pathname, hash, port } = new URL(link)
  return { page: origin + pathname, origin, secret: hash.slice(1), port: Number(port) }
}

/** From the call to the last close that the other machine sees. */
const AT_ONCE_MS = 1_000

/** When the last of these WebSockets was closed, as the other side saw it. */
async function closedAt({ closed }: { closed: () => number }, count: number): Promise<number> {
  const signal = AbortSignal.timeout(PATIENCE_MS)
  while (closed() < count) await sleep(5, undefined, { signal })
  return performance.now()
}

/** Enters by a link; the cookie, when there is one. */
async function enter(
  machine: GuestMachine,
  link: string,
  name = 'Kim',
): Promise<{ answer: GuestAnswer; cookie: string }> {
  const { page, origin, secret } = partsOf(link)
  const [answer] = await machine.ask({
    url: `${page}.berth/enter`,
    method: 'POST',
    headers: { 'content-type': 'application/json', origin },
    body: JSON.stringify({ link: secret, name }),
  })
  const [cookie = ''] = [answer!.headers['set-cookie'] ?? []].flat()
  return { answer: answer!, cookie: cookie.split(';')[0]! }
}
const get = async (
  machine: GuestMachine,
  url: string,
  headers: Record<string, string> = {},
): Promise<GuestAnswer> => (await machine.ask({ url, headers }))[0]!

describe('from another machine', () => {
  test('L1: nothing listens before something is shared, and nothing after', async () => {
    expect((await plane.get(workspace.id)).sharing).toBeNull()
    const { share: made, link } = await share()
    const { page, port } = partsOf(link)
    expect((await get(stranger, page)).status).toBe(401)
    await stop(made.id)
    await until('the listener is gone', async () => (await get(stranger, page)).error === 'ECONNREFUSED')
    // The owner's own listener never was there.
    const [own] = await stranger.ask({ url: `http://${new URL(page).hostname}:${new URL(plane.url).port}/` })
    expect(own!.status).toBe(0)
    expect(port).not.toBe(Number(new URL(plane.url).port))
  })

  test('L1: a listener serves one workspace and nothing else', async () => {
    const { link } = await share()
    const { origin } = partsOf(link)
    const { cookie } = await enter(colleague, link)
    const paths = [
      '/',
      '/api/v1/workspaces',
      '/api/v1/system',
      '/api/v1/openapi.json',
      '/index.html',
      '/assets/',
      `/w/${other.id}/`,
      `/w/${other.id}/.berth/events`,
      `/w/${workspace.id}/../${other.id}/`,
      `/w/${workspace.id}/%2e%2e/${other.id}/`,
      `/w/${workspace.id}/proxy/8080/`,
      `/w/${workspace.id}/.berth/ports`,
    ]
    const bearer = { authorization: `Bearer ${plane.token}` }
    const answers = await colleague.ask(
      ...paths.map((path) => ({ url: origin + path, headers: { cookie, ...bearer } })),
    )
    for (const [index, answer] of answers.entries())
      expect([401, 403, 404], `${paths[index]}`).toContain(answer.status)
    // The token of the owner opens nothing there.
    expect((await get(stranger, `${origin}/w/${workspace.id}/healthz`, bearer)).status).toBe(401)
  })

  test('L2: a link lets in, by a cookie, and is nowhere to be read', async () => {
    const { share: made, link } = await share()
    const { page, secret } = partsOf(link)
    expect(Buffer.from(secret, 'base64url').length).toBeGreaterThanOrEqual(16)
    // In an address it is worth nothing.
    expect((await get(colleague, `${page}?link=${secret}`, NAVIGATION)).status).toBe(401)
    const { answer, cookie } = await enter(colleague, link)
    expect(answer.status).toBeLessThan(300)
    expect(String(answer.headers['set-cookie'])).toMatch(/; HttpOnly/)
    expect(String(answer.headers['set-cookie'])).toMatch(/; Secure/)
    const editor = await get(colleague, `${page}?folder=/home/coder`, { ...NAVIGATION, cookie })
    expect(editor).toMatchObject({ status: 200, body: expect.stringContaining('vscode-workbench-web') })
    expect((await get(stranger, page, NAVIGATION)).status).toBe(401)
    for (const name of ['berth.db', 'berth.db-wal'])
      expect((await readFile(join(plane.dataDir, name))).includes(secret), name).toBe(false)
    await stop(made.id)
    expect((await enter(stranger, link)).answer.status).not.toBe(200)
  })

  test('L3: a guest who is thrown out is out at once, and so is everybody when the share ends', async () => {
    const { share: made, link } = await share()
    const { page } = partsOf(link)
    const origin = new URL(page).origin
    const [one, two] = await Promise.all([enter(colleague, link, 'Kim'), enter(stranger, link, 'Lee')])
    const sockets = (cookie: string, count: number) =>
      Array.from({ length: count }, () => ({
        url: `${page}?reconnectionToken=00000000-0000-4000-8000-000000000000&reconnection=false&skipWebSocketFrames=false`,
        headers: { cookie, origin },
        upgrade: true as const,
      }))
    const kims = await colleague.hold(...sockets(one.cookie, 25))
    const lees = await stranger.hold(...sockets(two.cookie, 25))
    expect(new Set([...kims.statuses, ...lees.statuses])).toEqual(new Set([101]))
    const kim = (await guests()).find(({ name }) => name === 'Kim')!
    expect(kim.connections).toBe(25)
    const from = performance.now()
    await plane.call('DELETE', `/guests/${kim.id}`)
    const thrownOut = await closedAt(kims, 25)
    expect(thrownOut - from).toBeLessThan(AT_ONCE_MS)
    expect(lees.closed()).toBe(0)
    expect((await get(colleague, `${page}healthz`, { cookie: one.cookie })).status).toBe(401)
    const stopping = performance.now()
    await stop(made.id)
    const stopped = await closedAt(lees, 25)
    console.log(
      `L3: out after ${Math.round(thrownOut - from)} ms, all after ${Math.round(stopped - stopping)} ms`,
    )
    expect(stopped - stopping).toBeLessThan(AT_ONCE_MS)
    expect((await get(stranger, page)).error).toBe('ECONNREFUSED')
  })

  test('a doorbell: nobody is in before the owner opens', async () => {
    const { link } = await share({ mode: 'DOORBELL' })
    const { page } = partsOf(link)
    const { seen, close } = await plane.follow()
    const kim = await enter(colleague, link, 'Kim')
    await until('it rings', () => seen.some(({ name }) => name === 'ring'))
    close()
    expect((await get(colleague, `${page}healthz`, { cookie: kim.cookie })).status).toBe(401)
    const [ringing] = await guests()
    expect(ringing).toMatchObject({ name: 'Kim', state: 'RINGING' })
    await plane.call('POST', `/guests/${ringing!.id}:allow`)
    await until(
      'Kim is in',
      async () => (await get(colleague, `${page}healthz`, { cookie: kim.cookie })).status === 200,
    )
    // Another one is not, by the same link.
    const lee = await enter(stranger, link, 'Lee')
    const second = (await guests()).find(({ name }) => name === 'Lee')!
    await plane.call('DELETE', `/guests/${second.id}`)
    expect((await get(stranger, `${page}healthz`, { cookie: lee.cookie })).status).toBe(401)
  })

  test('L5: the certificate is of an authority that a guest can check and trust', async () => {
    const { link } = await share()
    const { page } = partsOf(link)
    const [answer] = await colleague.ask({ url: `${page}.berth/ca.crt` })
    expect(answer!.status).toBe(200)
    const trusted = await colleague.ask({ url: page, ca: answer!.body, headers: NAVIGATION })
    expect(trusted[0]).toMatchObject({ status: 401, body: expect.stringContaining('<!doctype html>') })
    // In the clear there is an explanation and nothing else.
    const plain = await get(stranger, page.replace('https:', 'http:'), NAVIGATION)
    const { sharing } = await plane.get(workspace.id)
    expect(plain.body).toContain(sharing!.fingerprint)
    expect((await enter(colleague, link.replace('https:', 'http:'))).cookie).toBe('')
  })

  test('L6: only its own address is answered', async () => {
    const { link } = await share()
    const { page } = partsOf(link)
    const { cookie } = await enter(colleague, link)
    for (const host of ['evil.example', `evil.example:${new URL(page).port}`, 'localhost', '127.0.0.1'])
      expect((await get(colleague, page, { host, cookie })).status, host).toBe(403)
  })

  test('a server inside is reached through the share when its port is allowed', async () => {
    await launch(
      docker,
      workspace.id,
      `require('node:http').createServer((q, s) => s.end('from the inside: ' + q.url)).listen(4321, '127.0.0.1')`,
    )
    const { link } = await share({ ports: [4321] })
    const { page } = partsOf(link)
    const { cookie } = await enter(colleague, link)
    const served = (await plane.get(workspace.id)).sharing!.ports.find(({ port }) => port === 4321)!
    expect(new URL(served.url).port).not.toBe(new URL(page).port)
    expect((await get(stranger, served.url)).status).toBe(401)
    const door = await get(colleague, `${page}.berth/port?port=4321&next=/hello`, { ...NAVIGATION, cookie })
    expect(door.status).toBe(302)
    const entry = await get(colleague, String(door.headers.location), NAVIGATION)
    expect(entry.status).toBe(302)
    const [portCookie = ''] = [entry.headers['set-cookie'] ?? []].flat()
    const inside = await get(colleague, new URL('/hello?a=1', served.url).href, {
      cookie: portCookie.split(';')[0]!,
    })
    expect(inside).toMatchObject({ status: 200, body: 'from the inside: /hello?a=1' })
    expect(
      (await get(colleague, `${page}.berth/port?port=22&next=/`, { ...NAVIGATION, cookie })).status,
    ).toBe(404)
  })
})

test('guests wake a workspace only where the owner says so, and are activity', async () => {
  const asleep = await share()
  const { page } = partsOf(asleep.link)
  const { cookie } = await enter(colleague, asleep.link)
  await plane.stop(workspace.id)
  await plane.untilIn(workspace.id, 'STANDBY')
  expect((await get(colleague, page, { ...NAVIGATION, cookie })).status).toBe(200)
  expect((await plane.get(workspace.id)).desired_state).toBe('STANDBY')
  await plane.call('PATCH', `/shares/${asleep.share.id}`, { wakes: true })
  expect((await get(colleague, page, { ...NAVIGATION, cookie })).status).toBe(200)
  await plane.untilIn(workspace.id, 'RUNNING')
  const before = (await plane.get(workspace.id)).activity.connections
  const held = await colleague.hold({
    url: `${page}?reconnectionToken=00000000-0000-4000-8000-000000000001&reconnection=false&skipWebSocketFrames=false`,
    headers: { cookie, origin: new URL(page).origin },
    upgrade: true,
  })
  expect(held.statuses).toEqual([101])
  expect((await plane.get(workspace.id)).activity.connections).toBe(before + 1)
  await stop(asleep.share.id)
  await until('it is closed', () => held.closed() === 1)
})

test('L4: the owner is not signed in or out by a share', async () => {
  const { link } = await share()
  const { answer } = await enter(colleague, link)
  const cookies = [answer.headers['set-cookie'] ?? []].flat()
  expect(cookies).toHaveLength(1)
  expect(cookies[0]).toContain(`Path=/w/${workspace.id}/`)
  expect(cookies[0]).not.toMatch(/domain/i)
  // What a guest holds is nothing to this machine's own listener.
  const own = await send(`${plane.url}/w/${workspace.id}/healthz`, {
    host: plane.hostOf(workspace.id),
    headers: { cookie: cookies[0]!.split(';')[0]! },
  })
  expect(own.status).toBe(401)
})
