import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { BrowserContext, Page } from '@playwright/test'
import type { HistoryEntry, Workspace } from '../main/core/api.ts'
import { docker, expect, type Berth } from './app.ts'
import { ask, follow, go, test, untilIn } from './browsing.ts'

/** Where a server of the hostile workspace listens, inside. */
const INSIDE = 3000
/** Cookies of ours, as it would have them for all of this machine. */
const COOKIES = ['berth-port', 'berth-workspace', 'berth-guest'].flatMap((name) =>
  [`; Domain=localhost`, '', '; Secure; SameSite=None; Partitioned'].map(
    (more) => `${name}=x; Path=/${more}`,
  ),
)
const HOSTILE = `require('node:http').createServer(({ url }, answer) => {
  if (url === '/cookies') answer.setHeader('set-cookie', ${JSON.stringify(COOKIES)})
  answer.setHeader('content-type', 'text/html').end('<!doctype html><title>Hostile</title>')
}).listen(${INSIDE}, '127.0.0.1')`

/** The hostile workspace, which runs, and the one it is after, which sleeps. The person's browser is signed in to both. */
interface Scene {
  hostile: string
  victim: string
  /** What a hostile page may reach for. */
  prey: Prey
}

/** Plain data: it is handed to the page. */
interface Prey {
  api: string
  id: string
  editor: string
  server: string
}

async function setUp(berth: Berth, browsing: BrowserContext): Promise<Scene> {
  const { port } = new URL(berth.url)
  const [{ id: hostile }, { id: victim }] = (await Promise.all(
    ['Hostile', 'Victim'].map((name) => ask<Workspace>(berth, 'POST', '/workspaces', { name })),
  )) as [Workspace, Workspace]
  await untilIn(berth, victim, 'RUNNING')
  const seen = await follow(berth, browsing, victim, '/healthz')
  await expect(seen.locator('body')).toContainText('lastHeartbeat', { timeout: 60_000 })
  await seen.close()
  await ask(berth, 'POST', `/workspaces/${victim}:stop`)
  await untilIn(berth, victim, 'STANDBY')
  await untilIn(berth, hostile, 'RUNNING')
  const inside = await docker.getContainer(`ws-${hostile}`).exec({
    Cmd: ['sh', '-c', 'exec "$(command -v node || echo /usr/lib/code-server/lib/node)" -e "$0"', HOSTILE],
  })
  await inside.start({ Detach: true })
  const editor = `http://${victim}.localhost:${port}`
  const server = `http://${INSIDE}--${victim}.localhost:${port}`
  return { hostile, victim, prey: { api: berth.url, id: victim, editor, server } }
}

/** Everything that a page must not change. */
async function state(berth: Berth, { hostile, victim }: Scene): Promise<unknown> {
  const { items } = await ask<{ items: Workspace[] }>(berth, 'GET', '/workspaces')
  const { items: accounts } = await ask<{ items: object[] }>(berth, 'GET', '/accounts')
  const { items: history } = await ask<{ items: HistoryEntry[] }>(
    berth,
    'GET',
    `/workspaces/${victim}/history`,
  )
  const { name, desired_state, deleted_at, sharing } = items.find(({ id }) => id === hostile)!
  return [
    items.map(({ id }) => id),
    items.find(({ id }) => id === victim),
    [name, desired_state, deleted_at, sharing],
    accounts,
    history,
  ]
}

/** In a page: reaches for all of it in all ways that a browser has. Resolves to what could be read or was opened: nothing, one hopes. */
async function attack({ api, id, editor, server }: Prey): Promise<string[]> {
  const loot: string[] = []
  const within = `/api/v1/workspaces/${id}`
  const addresses = [
    `${api}/`,
    `${api}/api/v1/session`,
    `${api}/api/v1/workspaces`,
    `${api}/api/v1/openapi.json`,
    `${api}/api/v1/events`,
    `${api}${within}`,
    `${api}/w/${id}/`,
    `${editor}/`,
    `${editor}/w/${id}/`,
    `${editor}/w/${id}/healthz`,
    `${editor}/w/${id}/.berth/events`,
    `${editor}/w/${id}/.berth/port?port=3000&next=/`,
    `${editor}${within}`,
    `${server}/`,
    `${server}/.berth/events`,
  ]
  const json = { 'content-type': 'application/json' }
  const asks: [address: string, ask: RequestInit][] = [
    ...addresses.flatMap((address): [string, RequestInit][] => [
      [address, {}],
      [address, { mode: 'no-cors' }],
      [address, { mode: 'no-cors', method: 'HEAD' }],
      [address, { mode: 'no-cors', method: 'POST', body: '{}' }],
      [address, { headers: { accept: 'text/html' } }],
      [address, { method: 'OPTIONS' }],
      [address, { headers: { authorization: 'Bearer x' } }],
    ]),
    ...[
      `${api}${within}:start`,
      `${api}${within}:stop`,
      `${api}/api/v1/workspaces`,
      `${api}/api/v1/secrets:rotate`,
      `${api}/api/v1/accounts`,
      `${api}${within}/shares`,
      `${editor}/w/${id}/.berth/start`,
      `${editor}/w/${id}/.berth/cancel`,
    ].flatMap((address): [string, RequestInit][] => [
      [address, { method: 'POST', body: '{"name":"Loot","password":"of the hostile"}', mode: 'no-cors' }],
      [address, { method: 'POST', body: '{"name":"Loot","password":"of the hostile"}', headers: json }],
      [address, { method: 'POST', body: new URLSearchParams({ name: 'Loot' }), mode: 'no-cors' }],
    ]),
    [
      `${api}${within}`,
      { method: 'PATCH', body: '{"name":"Loot","desired_state":"RUNNING"}', headers: json },
    ],
    [`${api}${within}`, { method: 'DELETE' }],
  ]
  for (const [address, init] of asks) {
    const given = new AbortController()
    try {
      const answer = await fetch(address, { credentials: 'include', signal: given.signal, ...init })
      if (answer.type !== 'opaque') loot.push(`read ${init.method ?? 'GET'} ${address}: ${answer.status}`)
    } catch {
      // refused, as it should be
    }
    given.abort()
  }

  /** The first of two things that happen to something that loads; nothing at all counts as a refusal. */
  const outcome = (begin: (on: (what: string) => void) => void, ms = 5_000): Promise<string> =>
    new Promise((resolve) => {
      begin(resolve)
      setTimeout(() => resolve('nothing'), ms)
    })

  const sockets = [
    `${api}/`,
    `${api}/w/${id}/`,
    `${api}/api/v1/events`,
    `${editor}/w/${id}/`,
    `${editor}/w/${id}/?reconnectionToken=x&skipWebSocketFrames=false`,
    `${server}/`,
  ]
  for (const address of sockets) {
    const what = await outcome((on) => {
      const socket = new WebSocket(address.replace(/^http/, 'ws'))
      socket.onopen = () => on('open')
      socket.onerror = () => on('refused')
    })
    if (what !== 'refused') loot.push(`socket ${address}: ${what}`)
  }
  for (const address of [
    `${api}/api/v1/events`,
    `${editor}/w/${id}/.berth/events`,
    `${server}/.berth/events`,
  ]) {
    const what = await outcome((on) => {
      const stream = new EventSource(address, { withCredentials: true })
      stream.onopen = () => on('open')
      stream.onerror = () => {
        stream.close()
        on('refused')
      }
    })
    if (what !== 'refused') loot.push(`events ${address}: ${what}`)
  }

  // What a page can make the browser load without being able to read it.
  for (const address of addresses) {
    for (const name of ['img', 'script', 'iframe'] as const) {
      const element = document.createElement(name)
      await outcome((on) => {
        element.onload = () => on('loaded')
        element.onerror = () => on('refused')
        element.src = address
        document.documentElement.append(element)
      }, 2_000)
      if (element instanceof HTMLIFrameElement) {
        try {
          const text = element.contentDocument?.body.innerText ?? ''
          if (text !== '') loot.push(`frame ${address}: ${text.slice(0, 100)}`)
        } catch {
          // of another origin
        }
      }
      element.remove()
    }
    navigator.sendBeacon(address, '{"name":"Loot"}')
  }

  // Forms, which need no permission of anybody.
  for (const address of [
    `${api}/api/v1/workspaces`,
    `${api}${within}:start`,
    `${editor}/w/${id}/.berth/start`,
    `${editor}/w/${id}/`,
  ])
    for (const enctype of ['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data']) {
      const frame = document.createElement('iframe')
      frame.name = 'target'
      const form = document.createElement('form')
      Object.assign(form, { action: address, method: 'post', enctype, target: 'target' })
      const field = document.createElement('input')
      Object.assign(field, { name: '{"name":"Loot","x":"', value: '"}' })
      form.append(field)
      document.documentElement.append(frame, form)
      await outcome((on) => {
        frame.onload = () => on('loaded')
        form.submit()
      }, 2_000)
      frame.remove()
      form.remove()
    }
  return loot
}

/** Runs it in the page, and looks that nothing was read, opened or changed. */
async function attackFrom(page: Page, berth: Berth, scene: Scene): Promise<void> {
  const before = await state(berth, scene)
  expect(await page.evaluate(attack, scene.prey), page.url()).toEqual([])
  expect(await state(berth, scene), page.url()).toEqual(before)
}

/** A page of somebody else's, on this machine. */
async function serveHostile(): Promise<{ port: number; close: () => void }> {
  const server = createServer(({ url = '' }, answer) => {
    const [, to] = url.split('?to=')
    const script =
      to === undefined ? '' : `<script>location = ${JSON.stringify(decodeURIComponent(to))}</script>`
    answer.setHeader('content-type', 'text/html').end(`<!doctype html><title>Hostile</title>${script}`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}

test('E5 E6 E7: hostile pages on other origins read, change, wake and open nothing', async ({
  berth,
  browsing,
}) => {
  const scene = await setUp(berth, browsing)
  const hostile = await serveHostile()
  for (const host of ['evil.localhost', '127.0.0.1', 'localhost']) {
    const page = await browsing.newPage()
    await go(page, () => `http://${host}:${hostile.port}/`)
    await attackFrom(page, berth, scene)
    await page.close()
  }
  hostile.close()
  await expectWelcome(berth, browsing, scene)
})

test('E4 E5 E7 P4 C5: hostile pages inside a workspace read, change, wake and open nothing of another', async ({
  berth,
  browsing,
}) => {
  const scene = await setUp(berth, browsing)
  const { port } = new URL(berth.url)

  // On the origin of its own editor.
  const editor = await follow(berth, browsing, scene.hostile, '/healthz')
  await expect(editor.locator('body')).toContainText('lastHeartbeat')
  expect(new URL(editor.url()).hostname).toBe(`${scene.hostile}.localhost`)
  await attackFrom(editor, berth, scene)

  // Of a server inside it.
  const served = await browsing.newPage()
  const address = `http://${INSIDE}--${scene.hostile}.localhost:${port}/`
  await go(served, () => address)
  await expect(served).toHaveTitle('Hostile')
  expect(served.url()).toBe(address)
  const jar = async (): Promise<string[]> =>
    (await browsing.cookies()).map((cookie) => JSON.stringify(cookie)).sort()
  const before = await jar()
  expect(before).toContainEqual(expect.stringContaining('berth-port'))
  await go(served, () => `${address}cookies`)
  const answered = await served.evaluate(async () => (await fetch('/cookies')).status)
  expect(answered).toBe(200)
  expect(await jar()).toEqual(before)
  await go(served, () => address)
  await attackFrom(served, berth, scene)
  // Nor of the editor of its own workspace, which may be somebody else's to trust.
  const own = {
    ...scene.prey,
    id: scene.hostile,
    editor: new URL(editor.url()).origin,
    server: 'http://127.0.0.1:1',
  }
  expect(await served.evaluate(attack, own)).toEqual([])

  await expectWelcome(berth, browsing, scene)
})

test('E9: a page that leads to a workspace by itself wakes it not, and the person can', async ({
  berth,
  browsing,
}) => {
  const scene = await setUp(berth, browsing)
  const before = await state(berth, scene)
  const hostile = await serveHostile()
  const page = await browsing.newPage()
  const address = `${scene.prey.editor}/w/${scene.victim}/healthz`
  await go(page, () => `http://evil.localhost:${hostile.port}/?to=${encodeURIComponent(address)}`)
  await expect(page.getByText('It is asleep.')).toBeVisible()
  expect(await state(berth, scene)).toEqual(before)
  await page.getByRole('button', { name: 'Open it again' }).click()
  await expect(page.locator('body')).toContainText('lastHeartbeat', { timeout: 120_000 })
  hostile.close()
})

test('a page that opens another workspace in a window learns nothing of it', async ({ berth, browsing }) => {
  const scene = await setUp(berth, browsing)
  const hostile = await serveHostile()
  const page = await browsing.newPage()
  await go(page, () => `http://evil.localhost:${hostile.port}/`)
  const opening = browsing.waitForEvent('page')
  const address = `${scene.prey.editor}/w/${scene.victim}/healthz`
  await page.evaluate((url) => void Object.assign(globalThis, { opened: globalThis.open(url) }), address)
  const opened = await opening
  // It is a link like any other: the person comes to their own workspace.
  await expect(opened.locator('body')).toContainText('lastHeartbeat', { timeout: 120_000 })
  const learned = await page.evaluate(() => {
    const { opened } = globalThis as unknown as { opened: Window | null }
    return ['document', 'location.href', 'localStorage'].filter((path) => {
      try {
        let value: unknown = opened
        for (const name of path.split('.')) value = (value as Record<string, unknown>)[name]
        return value !== undefined && value !== null
      } catch {
        return false
      }
    })
  })
  expect(learned).toEqual([])
  hostile.close()
})

test.describe('a name of somebody else’s that leads to this machine', () => {
  test.use({ chromium: ['--host-resolver-rules=MAP evil.example 127.0.0.1'] })

  test('E2 E7: is not answered', async ({ berth, browsing }) => {
    const scene = await setUp(berth, browsing)
    const { port } = new URL(berth.url)
    const before = await state(berth, scene)
    const page = await browsing.newPage()
    await go(page, () => `http://evil.example:${port}/`)
    expect(new URL(page.url()).hostname).toBe('evil.example')
    // For its page everything is of one origin, so that it may read every answer.
    const statuses = await page.evaluate(async (id) => {
      const paths = ['/', '/api/v1/session', '/api/v1/login', `/w/${id}/`, `/w/${id}/.berth/events`]
      const answers = paths.flatMap((path) =>
        ['GET', 'POST', 'OPTIONS'].map((method) => fetch(path, { method })),
      )
      const sockets = [`/w/${id}/`, '/'].map(
        (path) =>
          new Promise<string>((resolve) => {
            const socket = new WebSocket(new URL(path, location.href.replace(/^http/, 'ws')))
            socket.onopen = () => resolve('open')
            socket.onerror = () => resolve('refused')
          }),
      )
      const seen = [
        ...(await Promise.all(answers)).map(({ status }) => status),
        ...(await Promise.all(sockets)),
      ]
      return [...new Set(seen)]
    }, scene.victim)
    expect(statuses).toEqual([403, 'refused'])
    expect(await state(berth, scene)).toEqual(before)
  })
})

/** The same browser, by the person's own hand, does come in: it had all it takes. */
async function expectWelcome(berth: Berth, browsing: BrowserContext, { victim, prey }: Scene): Promise<void> {
  const page = await browsing.newPage()
  await go(page, () => `${prey.editor}/w/${victim}/healthz`)
  await expect(page.locator('body')).toContainText('lastHeartbeat', { timeout: 120_000 })
  // And from there the same script does get something.
  expect(await page.evaluate(attack, prey)).not.toEqual([])
  const { items } = await ask<{ items: HistoryEntry[] }>(berth, 'GET', `/workspaces/${victim}/history`)
  expect(items.find(({ operation }) => operation === 'STARTING')).toMatchObject({
    cause: 'VISIT',
    outcome: 'SUCCEEDED',
  })
}
