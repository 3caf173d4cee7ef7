import { randomBytes } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { request } from 'node:https'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Shared, SignedIn, Workspace } from '../core/api.ts'
import { createClient, type Client } from '../testing/client.ts'
import { containerOf, containersOf } from '../testing/containers.ts'
import { useBench, type Flags } from '../testing/harness.ts'
import type { Headless } from '../testing/headless.ts'
import { sendRaw } from '../testing/raw.ts'
import { send, type Answer, type Ask } from '../testing/send.ts'
import { commandLines, listenersOf } from './processes.ts'

const bench = useBench()
const { docker } = bench
const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate' }
const JSON_TYPE = { 'content-type': 'application/json' }
/** The longest line of a log, in bytes. */
const MAX_LINE = 4_096

let dataDir: string
let headless: Headless
let plane: Client
let workspace: Workspace
let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
  dataDir = join(await bench.dir(), 'data')
  // With a published port there is one secret more: what opens that port.
  headless = await serve({ upstream: 'port', 'share-address': '127.0.0.1' })
  plane = createClient(headless.ready!)
  workspace = await plane.running()
})

const serve = (flags: Flags): Promise<Headless> => bench.serve({ 'data-dir': dataDir, image: tiny, ...flags })

test('E1: while nothing is shared it listens on loopback alone', async () => {
  const { port } = new URL(plane.url)
  expect(listenersOf(headless.ready!.pid)).toEqual([`127.0.0.1:${port}`])
  // The published port of the workspace is the engine's, and on loopback as well.
  const { NetworkSettings } = (await containerOf(docker, workspace.id))!
  const published = Object.values(NetworkSettings.Ports).flatMap(
    (bindings) => (bindings as { HostIp: string }[] | null) ?? [],
  )
  expect(published.map(({ HostIp }) => HostIp)).toEqual(['127.0.0.1'])
})

describe('secrets', () => {
  /** What each is, and its text. */
  const secrets = new Map<string, string>()
  /** What was said to requests that failed. */
  const refusals: Answer[] = []

  async function refused(path: string, ask: Ask): Promise<void> {
    const answer = await send(plane.url + path, ask)
    expect(answer.status, path).toBeGreaterThanOrEqual(400)
    refusals.push(answer)
  }
  const post = (body: object): Ask => ({ method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) })
  const login = async (body: object): Promise<SignedIn> => {
    const answer = await send(`${plane.url}/api/v1/login`, post(body))
    expect(answer.status).toBe(200)
    return JSON.parse(answer.text) as SignedIn
  }

  beforeAll(async () => {
    const { id } = workspace
    secrets.set('the token', plane.token)

    // An account: signed in with its password, and not with another.
    const password = `canary ${randomBytes(16).toString('hex')}`
    secrets.set('a password', password)
    const account = await plane.call<{ id: string }>('POST', '/accounts', { name: 'canary', password })
    const signedIn = await login({ name: 'canary', password })
    secrets.set('a session token', signedIn.session_token)
    await refused('/api/v1/login', post({ name: 'nobody', password }))
    await refused('/api/v1/login', post({ name: 'canary', password: `${password}x` }))
    await refused('/api/v1/login', post({ name: 'canary', password: { password } }))
    await refused('/api/v1/accounts', {
      ...post({ name: 'canary', password }),
      headers: { ...JSON_TYPE, authorization: `Bearer ${plane.token}` },
    })
    const bearer = { authorization: `Bearer ${signedIn.session_token}` }
    await refused(`/api/v1/workspaces/${id}`, { headers: bearer })
    await refused(`/w/${id}/`, { headers: bearer })
    await refused(`/api/v1/accounts/${account.id}`, {
      method: 'PATCH',
      headers: { ...JSON_TYPE, ...bearer },
      body: JSON.stringify({ password: 7, current_password: password }),
    })

    // A renewed session has another token; the one before is good a little longer.
    const renewal = await send(`${plane.url}/api/v1/session:renew`, {
      ...post({}),
      headers: { ...JSON_TYPE, ...bearer },
    })
    expect(renewal.status).toBe(200)
    secrets.set('a renewed session token', (JSON.parse(renewal.text) as SignedIn).session_token)

    // A code, its cookie, and both once more where they are of no use.
    const { url } = await plane.call<{ url: string }>('POST', `/workspaces/${id}:open`)
    const { host, pathname, search, searchParams } = new URL(url)
    secrets.set('a one-time code', searchParams.get('berth-code')!)
    const visit = (ask: Ask): Promise<Answer> => send(plane.url + pathname + search, { host, ...ask })
    const [setCookie = ''] = (await visit({ headers: NAVIGATION })).headers['set-cookie'] ?? []
    const [cookie = ''] = setCookie.split(';')
    secrets.set('a workspace’s cookie', cookie.split('=')[1]!)
    expect((await send(`${plane.url}/w/${id}/healthz`, { host, headers: { cookie } })).status).toBe(200)
    const again = await visit({ headers: NAVIGATION })
    expect(again.headers['set-cookie']).toBeUndefined()
    refusals.push(again)
    await refused('/api/v1/login', post({ code: searchParams.get('berth-code') }))
    await refused('/api/v1/session', { headers: { cookie } })
    await refused(`/w/${id}/healthz`, { headers: { cookie } })

    // A link, used rightly and wrongly.
    const { share, link } = await plane.call<Shared>('POST', `/workspaces/${id}/shares`, {
      mode: 'LINK',
      expires_in_seconds: 3_600,
    })
    const page = new URL(link)
    const secret = page.hash.slice(1)
    secrets.set('a link', secret)
    const enter = (body: object): Promise<Answer> =>
      sendTls(`${page.origin}${page.pathname}.berth/enter`, {
        ...post(body),
        headers: { ...JSON_TYPE, origin: page.origin },
      })
    const [guestCookie = ''] = (await enter({ link: secret, name: 'Guest' })).headers['set-cookie'] ?? []
    secrets.set('a guest’s cookie', guestCookie.split(';')[0]!.split('=')[1]!)
    refusals.push(
      await enter({ link: `${secret}x`, name: 'Guest' }),
      await enter({ link: [secret], name: 'Guest' }),
    )
    refusals.push(
      await sendTls(`${page.origin}/?${secret}`, {}),
      await sendTls(`${page.origin}/api/v1/session`, { headers: { authorization: `Bearer ${secret}` } }),
    )
    await refused('/api/v1/login', post({ token: secret }))
    await plane.call('DELETE', `/shares/${share.id}`)

    // The port's own secret.
    const config = await readFile(join(dataDir, 'run', id, 'config/config.yaml'), 'utf8')
    secrets.set('what opens the published port', /\$argon2id\$[0-9a-f]{64}/.exec(config)![0])

    // Everywhere that foreign text can be put: much of it, with the token beside it.
    const much = 'canary'.repeat(2 ** 20 / 6)
    const { port } = new URL(plane.url)
    for (const line of ['GET /api/v1/session HTTP/1.1', `GET /w/${id}/ HTTP/1.1`, `GET /${much} HTTP/1.1`]) {
      const answer = await sendRaw(
        Number(port),
        `${line}\r\nHost: ${new URL(plane.url).host}\r\nAuthorization: Bearer ${plane.token}\r\nUser-Agent: ${much}\r\nConnection: close\r\n\r\n`,
      ).catch(() => undefined)
      expect([431, 400, undefined]).toContain(answer?.status)
    }
    await refused('/api/v1/workspaces', {
      ...post({ name: much.slice(0, 200_000) }),
      headers: { ...JSON_TYPE, authorization: `Bearer ${plane.token}`, 'user-agent': much.slice(0, 12_000) },
    })
    await refused('/api/v1/workspaces', {
      ...post({ [much.slice(0, 100_000)]: plane.token }),
      headers: { ...JSON_TYPE, authorization: `Bearer ${plane.token}` },
    })
    // What fails behind the gateway is logged.
    await docker.getContainer((await containersOf(docker, id))[0]!.Id).kill()
    await send(`${plane.url}/w/${id}/${much.slice(0, 8_000)}?token=${plane.token}`, {
      headers: { authorization: `Bearer ${plane.token}`, cookie },
    })
    await plane.untilIn(id, 'RUNNING')
  })

  /** Which of them a text or a file tells, as it is or in other letters. */
  function toldBy(told: string | Buffer): string[] {
    const bytes = told.toString('latin1')
    const forms = (secret: string): string[] => [
      secret,
      encodeURIComponent(secret),
      ...(['base64', 'hex'] as const).map((encoding) => Buffer.from(secret).toString(encoding)),
      Buffer.from(secret, 'base64url').toString('latin1'), // the very bytes of which most are made
    ]
    return [...secrets]
      .filter(([, secret]) => forms(secret).some((form) => bytes.includes(form)))
      .map(([what]) => what)
  }

  test('E14: all kinds of them were in use', () => {
    expect(secrets.size).toBe(9)
    for (const [what, secret] of secrets) expect([what, secret.length >= 32]).toEqual([what, true])
  })

  test('E14: no refusal tells one, nor what was sent to it', () => {
    for (const { text, headers } of refusals) expect(toldBy(text + JSON.stringify(headers))).toEqual([])
  })

  test('E14: no log tells one, and no line of it is long', async () => {
    const files = (await readdir(join(dataDir, 'logs'))).map((name) =>
      readFile(join(dataDir, 'logs', name), 'utf8'),
    )
    const logs = [headless.stderr(), ...(await Promise.all(files))]
    expect(logs.length).toBeGreaterThan(1)
    for (const log of logs) {
      expect(log).toContain('operation ended')
      expect(toldBy(log)).toEqual([])
      expect(
        log
          .split('\n')
          .filter((line) => Buffer.byteLength(line) >= MAX_LINE)
          .map((line) => line.slice(0, 300)),
      ).toEqual([])
    }
  })

  test('E14: the engine knows none', async () => {
    const filters = { label: [`io.berth.label=${bench.label}`] }
    const containers = await docker.listContainers({ all: true, filters })
    expect(containers).not.toEqual([])
    const told = [
      ...(await Promise.all(containers.map(({ Id }) => docker.getContainer(Id).inspect()))),
      ...(await docker.listNetworks({ filters })),
      ...(await docker.listImages({ filters })),
      await plane.log(workspace.id),
    ]
    for (const one of told) expect(toldBy(JSON.stringify(one))).toEqual([])
  })

  test('E14: no command line tells one', () => {
    const lines = commandLines()
    expect(lines.some((line) => line.includes(dataDir))).toBe(true)
    for (const line of lines) expect(toldBy(line)).toEqual([])
  })

  test('E14: the data directory keeps hashes of them, but for the files that are for them', async () => {
    const kept = async (): Promise<[string, string[]][]> => {
      const names = (await readdir(dataDir, { recursive: true, withFileTypes: true })).filter((entry) =>
        entry.isFile(),
      )
      return Promise.all(
        names.map(async ({ parentPath, name }): Promise<[string, string[]]> => {
          const path = join(parentPath, name)
          return [path.slice(dataDir.length + 1), toldBy(await readFile(path))]
        }),
      )
    }
    const told = (all: [string, string[]][]): string[][] =>
      all.flatMap(([path, what]) => (what.length > 0 ? [[path, ...what]] : [])).sort()
    const live = await kept()
    expect(live.map(([path]) => path)).toContain('berth.db-wal')
    // What opens the published port is read from `run` by the instance.
    const known = (all: [string, string[]][]): string[][] =>
      told(all).filter(([path]) => !path!.startsWith('run/'))
    expect(known(live)).toEqual([['token', 'the token']])
    headless.kill('SIGTERM')
    await headless.ended
    expect(known(await kept())).toEqual([['token', 'the token']])
  })
})

/** As `send`, over TLS, taking any certificate. */
function sendTls(url: string, { method = 'GET', headers = {}, body }: Ask): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent: false, method, headers, rejectUnauthorized: false }, (response) => {
      text(response).then(
        (text) =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.from(text),
            text,
          }),
        reject,
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}
