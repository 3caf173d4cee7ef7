import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { BrowserWindow, Session } from 'electron'
import type { Page } from '@playwright/test'
import type { Shared, Workspace } from '../main/core/api.ts'
import {
  card,
  create,
  expect,
  launch,
  only,
  open,
  picture,
  test as base,
  workbench,
  type Berth,
} from './app.ts'

const root = join(import.meta.dirname, '..')

// --- every window that this run opens

const MARK = 'window opened: '
type Preferences = Record<string, unknown>
const seen: Preferences[] = []

/** Notes the preferences of each window that there is and will be. */
async function watch({ electron }: Berth): Promise<void> {
  electron.on('console', (message) => {
    const text = message.text()
    if (text.startsWith(MARK)) seen.push(JSON.parse(text.slice(MARK.length)) as Preferences)
  })
  await electron.evaluate(({ app, webContents }, mark) => {
    const note = (contents: Electron.WebContents): void => {
      const { getLastWebPreferences } = contents as unknown as { getLastWebPreferences: () => unknown }
      console.log(mark + JSON.stringify(getLastWebPreferences.call(contents)))
    }
    webContents.getAllWebContents().forEach(note)
    app.on('web-contents-created', (_event, contents) =>
      contents.once('did-start-loading', () => note(contents)),
    )
  }, MARK)
}

const ON = ['sandbox', 'contextIsolation', 'webSecurity']
const OFF = [
  'nodeIntegration',
  'nodeIntegrationInWorker',
  'nodeIntegrationInSubFrames',
  'webviewTag',
  'allowRunningInsecureContent',
  'experimentalFeatures',
  'enableBlinkFeatures',
  'plugins',
]

function expectShutIn(preferences: Preferences): void {
  for (const name of ON) expect(preferences[name], name).toBe(true)
  for (const name of OFF) expect(preferences[name] || false, name).toBe(false)
}

const test = base.extend<{ berth: Berth }>({
  berth: async ({ berth }, use) => {
    const before = seen.length
    await watch(berth)
    await use(berth)
    expect(seen.length).toBeGreaterThan(before)
    seen.slice(before).forEach(expectShutIn)
  },
})

// --- tools

/** A workspace whose window shows a page of ours, without an editor. */
async function withoutEditor(berth: Berth, name: string): Promise<{ id: string; page: Page; own: string }> {
  const answer = await berth.api('POST', '/workspaces', { name, image_ref: 'berth-e2e.invalid/none:1' })
  const { id } = (await answer.json()) as Workspace
  await expect(card(berth.main, name)).toBeVisible()
  const [page] = await Promise.all([
    berth.electron.waitForEvent('window'),
    berth.main.evaluate((id) => window.berth!.openWorkspace(id), id),
  ])
  await expect(page.getByRole('heading')).toBeVisible()
  const own = `http://${id}.localhost:${new URL(berth.url).port}`
  expect(new URL(page.url()).origin).toBe(own)
  return { id, page, own }
}

/** From now on nothing opens in the person's browser; what would have is told. */
async function browserOf({ electron }: Berth): Promise<() => Promise<string[]>> {
  await electron.evaluate(({ shell }) => {
    const opened: string[] = []
    Object.assign(globalThis, { opened })
    shell.openExternal = (url) => Promise.resolve(void opened.push(url))
  })
  return () => electron.evaluate(() => (globalThis as unknown as { opened: string[] }).opened)
}

/** A page may lead out of its window only so often: as if that time had passed. */
const later = ({ electron }: Berth): Promise<void> =>
  electron.evaluate(() => {
    const at = performance.now() + 1_000
    const now = Performance.prototype.now.bind(performance)
    const ahead = at - now()
    performance.now = () => now() + ahead
  })

const partitionOf = (id: string): string => `persist:workspace-${id}`

/** Another window of the same browser, as nobody but a test makes one. */
async function strange(
  { electron }: Berth,
  url: string,
  webPreferences: { partition: string; preload?: string },
): Promise<Page> {
  const [page] = await Promise.all([
    electron.waitForEvent('window'),
    electron.evaluate(
      ({ BrowserWindow }, { url, webPreferences }) => {
        void new BrowserWindow({ webPreferences }).loadURL(url).catch(() => undefined)
      },
      { url, webPreferences },
    ),
  ])
  await page.waitForLoadState()
  return page
}

/** Says in settings.json what a person has chosen. */
const choose = (dataDir: string, chosen: object): void =>
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify(chosen))

test('kept in the tray, closing the window is not quitting, and its size is remembered', async ({
  dataDir,
}) => {
  choose(dataDir, { close_to_tray: true })
  const first = await launch(dataDir)
  await watch(first)
  const bounds = await first.electron.evaluate(async ({ BrowserWindow }) => {
    const window = BrowserWindow.getAllWindows()[0]!
    window.setBounds({ x: 40, y: 50, width: 900, height: 640 })
    await new Promise((resolve) => setTimeout(resolve, 0))
    window.close()
    return { visible: window.isVisible(), destroyed: window.isDestroyed() }
  })
  expect(bounds).toEqual({ visible: false, destroyed: false })
  expect((await first.api('GET', '/session')).status).toBe(200)

  const quit = first.electron.waitForEvent('close')
  await first.electron.evaluate(({ app }) => app.quit())
  await quit
  await expect(first.api('GET', '/session')).rejects.toThrow()

  const second = await launch(dataDir)
  const size = await second.electron.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()[0]!.getNormalBounds(),
  )
  expect(size).toMatchObject({ width: 900, height: 640 })
  // The same origin again: browsers find their storage.
  expect(second.url).toBe(first.url)
  await second.electron.close()
})

test('closing the last window quits, and until then closing the dashboard hides it', async ({ dataDir }) => {
  const berth = await launch(dataDir)
  await watch(berth)
  const { page } = await withoutEditor(berth, 'Ketch')
  const close = (title: string): Promise<void> =>
    berth.electron.evaluate(
      ({ BrowserWindow }, title) =>
        BrowserWindow.getAllWindows()
          .find((window) => window.getTitle().includes(title))!
          .close(),
      title,
    )
  const quit = berth.electron.waitForEvent('close')
  await berth.electron.evaluate(({ BrowserWindow }) =>
    BrowserWindow.getAllWindows()
      .find(({ webContents }) => new URL(webContents.getURL()).hostname === '127.0.0.1')!
      .close(),
  )
  await expect(page.getByRole('heading')).toBeVisible()
  expect((await berth.api('GET', '/session')).status).toBe(200)
  await close('Ketch').catch(() => undefined) // the app may be gone before it answers
  await quit
  await expect(berth.api('GET', '/session')).rejects.toThrow()
})

test('started hidden and at login, it shows no window until a second start, and says so to the desktop', async ({
  dataDir,
}) => {
  const config = join(dataDir, 'config')
  choose(dataDir, { start_hidden: true, start_at_login: true })
  const before = process.env['XDG_CONFIG_HOME']
  process.env['XDG_CONFIG_HOME'] = config
  try {
    const berth = await launch(dataDir)
    await watch(berth)
    const visible = () =>
      berth.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.isVisible())
    await expect(berth.main.getByRole('heading', { name: 'No workspaces yet' })).toBeVisible()
    expect(await visible()).toBe(false)
    const entries = () => readdirSync(join(config, 'autostart'))
    expect(entries()).toHaveLength(1)
    expect(readFileSync(join(config, 'autostart', entries()[0]!), 'utf8')).toContain(
      `"--data-dir" "${dataDir}"`,
    )
    await expect(launch(dataDir)).rejects.toThrow()
    await expect.poll(visible).toBe(true)
    expect((await berth.api('PATCH', '/settings', { start_at_login: false })).status).toBe(200)
    expect(entries()).toEqual([])
    await berth.electron.close()
  } finally {
    if (before === undefined) delete process.env['XDG_CONFIG_HOME']
    else process.env['XDG_CONFIG_HOME'] = before
  }
})

test('a second start shows the first one', async ({ dataDir }) => {
  choose(dataDir, { close_to_tray: true })
  const berth = await launch(dataDir)
  await watch(berth)
  await berth.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.close())
  await expect(launch(dataDir)).rejects.toThrow()
  await expect
    .poll(() => berth.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.isVisible()))
    .toBe(true)
  await berth.electron.close()
})

test('the tray lists the workspaces, can open and stop them, and quits once it was said what runs on', async ({
  berth,
}) => {
  // The real tray's menus, from now on.
  await berth.electron.evaluate(({ Tray }) => {
    const original = Tray.prototype.setContextMenu
    Tray.prototype.setContextMenu = function (this: Electron.Tray, menu) {
      Object.assign(globalThis, { trayMenu: menu })
      original.call(this, menu)
    }
  })
  const click = (...labels: string[]): Promise<void> =>
    berth.electron.evaluate((_, path) => {
      let items = (globalThis as unknown as { trayMenu: Electron.Menu }).trayMenu.items
      for (const label of path.slice(0, -1))
        items = items.find((item) => item.label.startsWith(label))!.submenu!.items
      const last = items.find((item) => item.label === path.at(-1))!
      const click = last.click as () => void
      click()
    }, labels)

  const labels = (): Promise<string[]> =>
    berth.electron.evaluate(() =>
      (globalThis as unknown as { trayMenu: Electron.Menu }).trayMenu.items.map(({ label }) => label),
    )

  await create(berth.main, 'Dinghy')
  await expect(card(berth.main, 'Dinghy')).toContainText('Running', { timeout: 120_000 })
  await expect.poll(labels).toContain('Quit Berth (running workspaces go on)')
  const [window] = await Promise.all([berth.electron.waitForEvent('window'), click('Dinghy', 'Open')])
  await workbench(window)
  await click('Dinghy', 'Keep awake for 1 h')
  await expect.poll(async () => (await only(berth)).keep_awake_until).not.toBeNull()
  await click('Dinghy', 'Let it sleep')
  await expect.poll(async () => (await only(berth)).keep_awake_until).toBeNull()

  // Closing what is left while it runs is asked about, once.
  await window.close()
  await berth.electron.evaluate(({ BrowserWindow, dialog }) => {
    const asked: string[][] = []
    Object.assign(globalThis, { asked })
    Object.assign(dialog, {
      showMessageBox: (...all: unknown[]) => {
        asked.push((all.at(-1) as Electron.MessageBoxOptions).buttons!)
        return Promise.resolve({ response: 1, checkboxChecked: false })
      },
    })
    BrowserWindow.getAllWindows()[0]!.close()
  })
  const toTray = async () => {
    const answer = await berth.api('GET', '/settings')
    return ((await answer.json()) as { close_to_tray: boolean }).close_to_tray
  }
  await expect.poll(toTray).toBe(true)
  expect(await berth.electron.evaluate(() => (globalThis as unknown as { asked: string[][] }).asked)).toEqual(
    [['Quit', 'Keep in tray', 'Cancel']],
  )

  await click('Dinghy', 'Stop')
  await expect.poll(async () => (await only(berth)).status).toBe('STANDBY')
  await expect.poll(labels).toContain('Open “Dinghy”')
  const quit = berth.electron.waitForEvent('close')
  await click('Quit Berth')
  await quit
})

test('X1 X2 X5: a workspace window is shut in', async ({ berth }) => {
  await create(berth.main, 'Hull')
  await expect(card(berth.main, 'Hull')).toContainText('Running', { timeout: 120_000 })
  const { id } = await only(berth)
  const page = await open(berth, 'Hull')
  const own = new URL(page.url())
  expect(own.hostname).toBe(`${id}.localhost`)
  expect(own.search).not.toContain('berth-code')

  const windows = await berth.electron.evaluate(
    ({ BrowserWindow, session }, partition) =>
      BrowserWindow.getAllWindows().map(({ webContents }: BrowserWindow) => {
        const contents = webContents as unknown as { getLastWebPreferences: () => { preload?: string } }
        return {
          ownStorage: webContents.session === session.fromPartition(partition),
          preload: Boolean(contents.getLastWebPreferences().preload),
          url: webContents.getURL(),
        }
      }),
    partitionOf(id),
  )
  expect(windows.find(({ url }) => url.includes(id))).toMatchObject({ preload: false, ownStorage: true })

  const inPage = await page.evaluate(() =>
    ['process', 'Buffer', 'require', 'module', 'global', 'berth'].map(
      (name) => typeof Reflect.get(globalThis, name),
    ),
  )
  // `require` is the editor's own loader, where there is one; it knows nothing of Node.
  expect(inPage.filter((type) => type !== 'undefined')).toEqual([])

  // Its page can neither read nor use the API.
  const status = await page.evaluate(
    (url) =>
      fetch(`${url}/api/v1/session`).then(
        (answer) => String(answer.status),
        () => 'refused',
      ),
    berth.url,
  )
  expect(status).toBe('refused')
  expect(await page.evaluate(() => fetch('/api/v1/session').then((answer) => answer.status))).toBe(404)

  // Links and pop-ups to elsewhere go to the person's browser; the window stays.
  const opened = await browserOf(berth)
  await page.evaluate(() => {
    for (const url of ['file:///etc/passwd', 'smb://host/share', 'https://example.com/']) globalThis.open(url)
  })
  await expect.poll(opened).toEqual(['https://example.com/'])
  await later(berth)
  await page.evaluate(() => void (location.href = 'https://example.org/'))
  await expect.poll(opened).toEqual(['https://example.com/', 'https://example.org/'])
  expect(new URL(page.url()).origin).toBe(own.origin)

  // A workspace that is gone leaves nothing in the browser.
  const cookies = (): Promise<number> =>
    berth.electron.evaluate(async ({ session }, partition) => {
      const { length } = await session.fromPartition(partition).cookies.get({})
      return length
    }, partitionOf(id))
  expect(await cookies()).toBeGreaterThan(0)
  await berth.api('DELETE', `/workspaces/${id}`)
  await expect.poll(cookies).toBe(0)
  expect(page.isClosed()).toBe(true)
})

test('X4: every channel refuses whoever is not the dashboard, and what it does not know', async ({
  berth,
  dataDir,
}) => {
  const bridge = readFileSync(join(root, 'preload/index.ts'), 'utf8')
  const offered = [...bridge.matchAll(/ipcRenderer\.\w+\('([^']+)'/g)].map(([, name]) => name!)
  const handled = await berth.electron.evaluate(({ ipcMain }) => [
    // Of Electron's insides: there is no other way to ask.
    ...(ipcMain as unknown as { _invokeHandlers: Map<string, unknown> })._invokeHandlers.keys(),
    ...ipcMain
      .eventNames()
      .map(String)
      .filter((name) => name !== 'error'), // Electron's own
  ])
  expect(handled.toSorted()).toEqual(offered.toSorted())
  expect(offered.length).toBeGreaterThan(0)

  // All that a page could send if it had broken out of its own world.
  const preload = join(dataDir, 'hostile.cjs')
  writeFileSync(
    preload,
    `const { contextBridge, ipcRenderer } = require('electron')
     contextBridge.exposeInMainWorld('raw', {
       invoke: (name, ...rest) => ipcRenderer.invoke(name, ...rest),
       send: (name, ...rest) => ipcRenderer.send(name, ...rest),
     })`,
  )
  const { id } = (await (
    await berth.api('POST', '/workspaces', { name: 'Keel', image_ref: 'berth-e2e.invalid/none:1' })
  ).json()) as Workspace
  await expect(card(berth.main, 'Keel')).toBeVisible()

  // Another page that has got hold of it: of the dashboard's own address, of another, and in a frame.
  for (const url of [berth.url, 'data:text/html,elsewhere']) {
    const foreign = await strange(berth, url, { partition: 'foreign', preload })
    for (const name of offered)
      for (const rest of [[id], [], [{ id }]])
        expect(await foreign.evaluate(invoke, { name, rest }), `${url} ${name}`).toContain('not allowed')
    await foreign.close()
  }

  // The dashboard itself, gone mad.
  await berth.electron.evaluate(({ session }, preload) => {
    // An older Electron, where it stands in, does not know the first yet.
    const dashboard = session.fromPartition('persist:dashboard') as unknown as {
      registerPreloadScript?: (script: { type: 'frame'; filePath: string }) => void
      setPreloads: (paths: string[]) => void
    }
    if (dashboard.registerPreloadScript) dashboard.registerPreloadScript({ type: 'frame', filePath: preload })
    else dashboard.setPreloads([preload])
  }, preload)
  await berth.main.reload()
  await expect(card(berth.main, 'Keel')).toBeVisible()
  const { answered, done } = await berth.main.evaluate(fuzz, { names: offered, count: 10_000, seed: 1 })
  expect(answered).toBe(10_000)
  expect(done).toEqual([])
  expect((await berth.api('GET', '/session')).status).toBe(200)
  expect(berth.electron.windows()).toHaveLength(1)

  for (const port of [0, -1, 65_536, 1.5, NaN, '3000', null, true, {}, [3000], 3000n])
    expect(
      await berth.main.evaluate(invoke, { name: 'open-workspace', rest: [id, port] }),
      typeof port,
    ).toContain('no such port')
  expect(berth.electron.windows()).toHaveLength(1)

  // And what it may: as before.
  const [page] = await Promise.all([
    berth.electron.waitForEvent('window'),
    berth.main.evaluate((id) => window.berth!.openWorkspace(id), id),
  ])
  await expect(page.getByRole('heading')).toBeVisible()
})

interface Raw {
  raw: {
    invoke: (name: string, ...rest: unknown[]) => Promise<unknown>
    send: (name: string, ...rest: unknown[]) => void
  }
}

/** In a page: what became of a call. */
function invoke({ name, rest }: { name: string; rest: unknown[] }): Promise<string> {
  return (window as unknown as Raw).raw.invoke(name, ...rest).then(
    () => 'done',
    (error: unknown) => String(error),
  )
}

/** In a page: calls with whatever can be cloned. Tells how many were answered, and which were not refused. */
async function fuzz({ names, count, seed }: { names: string[]; count: number; seed: number }) {
  const { raw } = window as unknown as Raw
  let state = seed
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const word = (): string => {
    const alphabet = [
      'a',
      '0',
      '-',
      '/',
      '..',
      '\u0000',
      '\u202e',
      '\ud800',
      '%2e',
      '<',
      '"',
      '{',
      '\n',
      '🛶',
    ]
    return Array.from({ length: random(40) }, () => alphabet[random(alphabet.length)]).join('')
  }
  const value = (depth: number): unknown => {
    const makers: (() => unknown)[] = [
      word,
      () => word().repeat(random(2_000)),
      () => random(2 ** 31) - 2 ** 30,
      () => [NaN, Infinity, -0, 2 ** 53, 1e308][random(5)],
      () => [undefined, null, true, false][random(4)],
      () => BigInt(random(2 ** 31)) ** 9n,
      () => new Date(random(2) ? NaN : random(2 ** 31)),
      () => new Uint8Array(random(500)),
      () => ['__proto__', 'constructor', 'toString', 'then'][random(4)],
    ]
    const deep: (() => unknown)[] = [
      () => Array.from({ length: random(5) }, () => value(depth - 1)),
      () => JSON.parse(`{"__proto__":{"id":1},"toString":1,"then":2}`) as unknown,
      () => Object.fromEntries(Array.from({ length: random(5) }, () => [word(), value(depth - 1)])),
      () => new Map([[value(depth - 1), value(depth - 1)]]),
      () => new Set([value(depth - 1)]),
      () => new Error(word()),
    ]
    const all = depth > 0 ? [...makers, ...deep] : makers
    return all[random(all.length)]!()
  }
  let answered = 0
  const done: string[] = []
  const one = async (): Promise<void> => {
    const name = random(10) > 0 ? names[random(names.length)]! : word()
    const rest = Array.from({ length: 1 + random(4) }, () => value(3))
    raw.send(name, ...rest)
    await raw.invoke(name, ...rest).then(
      () => done.push(name),
      () => undefined,
    )
    answered++
  }
  for (let sent = 0; sent < count; sent += 250) await Promise.all(Array.from({ length: 250 }, one))
  return { answered, done }
}

test('a session of the main window that ends is followed by another', async ({ berth }) => {
  await berth.main.evaluate(() => {
    localStorage.setItem('berth.session', 'worn-out')
    location.reload()
  })
  await expect(berth.main.getByRole('button', { name: 'New workspace' })).toBeVisible()
  expect(await berth.main.evaluate(() => localStorage.getItem('berth.session'))).not.toBe('worn-out')
})

test('the main window that could not be signed in by itself is by a click', async ({ berth }) => {
  const { main } = berth
  await main.route('**/api/v1/login', (route) => route.abort())
  await main.evaluate(() => {
    localStorage.setItem('berth.session', 'worn-out')
    location.reload()
  })
  const button = main.getByRole('button', { name: 'Sign in' })
  await expect(button).toBeFocused()
  await expect(main.getByText('There is nothing to type')).toBeVisible()
  await main.unroute('**/api/v1/login')
  await button.press('Enter')
  await expect(main.getByRole('button', { name: 'New workspace' })).toBeVisible()
})

test('the dashboard works in a browser too', async ({ berth }) => {
  const address = await berth.electron.evaluate(async ({ BrowserWindow, session }, url) => {
    // A window without Berth's bridge and session is a browser like any other.
    const window = new BrowserWindow({ webPreferences: { session: session.fromPartition('browser') } })
    window.webContents.setWindowOpenHandler(() => ({ action: 'allow' }))
    await window.loadURL(url)
    return window.webContents.getURL()
  }, berth.url)
  expect(address).toBe(`${berth.url}/`)
  const browser = berth.electron.windows().at(-1)!
  await expect(browser.getByRole('button', { name: 'New workspace' })).toHaveCount(0)
  await browser.getByRole('button', { name: 'Use the token instead' }).click()
  await browser
    .getByLabel('Token', { exact: true })
    .fill(readFileSync(join(berth.dataDir, 'token'), 'utf8').trim())
  await browser.getByRole('button', { name: 'Sign in' }).click()
  await create(browser, 'Seen twice')
  // What one window does, the other shows.
  await expect(card(berth.main, 'Seen twice')).toBeVisible()
  await expect(card(browser, 'Seen twice')).toContainText('Running', { timeout: 120_000 })
  // Opening gives a page of its own, on the workspace's own origin.
  const [page] = await Promise.all([
    berth.electron.waitForEvent('window'),
    card(browser, 'Seen twice').getByRole('button', { name: 'Open' }).click(),
  ])
  await workbench(page)
  expect(new URL(page.url()).hostname).toMatch(/^[0-9a-z]{26}\.localhost$/)
})

test('X3: what a workspace keeps is in its own storage and nowhere else', async ({ berth }) => {
  await create(berth.main, 'Anchor')
  await expect(card(berth.main, 'Anchor')).toContainText('Running', { timeout: 120_000 })
  const { id } = await only(berth)
  const page = await open(berth, 'Anchor')
  const { origin } = new URL(page.url())
  await page.evaluate(async () => {
    document.cookie = 'mine=1; path=/'
    localStorage.setItem('mine', '1')
    await caches.open('mine')
    await new Promise((resolve) => (indexedDB.open('mine').onsuccess = resolve))
    await navigator.serviceWorker.ready
  })
  const other = await withoutEditor(berth, 'Buoy')

  const kept = (where: Page) =>
    where.evaluate(async () => ({
      cookies: document.cookie.includes('mine'),
      local: localStorage.getItem('mine') !== null,
      caches: await caches.has('mine'),
      databases: (await indexedDB.databases()).some(({ name }) => name === 'mine'),
      workers: (await navigator.serviceWorker.getRegistrations()).length > 0,
    }))
  const all = { cookies: true, local: true, caches: true, databases: true, workers: true }
  const nothing = { cookies: false, local: false, caches: false, databases: false, workers: false }
  // Its address in its own storage, and in that of another workspace, of the dashboard, and of nobody.
  const places = [partitionOf(id), partitionOf(other.id), 'persist:dashboard', 'nobody']
  for (const each of places) {
    const there = await strange(berth, `${origin}/nothing`, { partition: each })
    expect(new URL(there.url()).origin).toBe(origin)
    expect(await kept(there), each).toEqual(each === partitionOf(id) ? all : nothing)
    await there.close()
  }
  // And what is at other addresses.
  expect(await kept(other.page)).toEqual(nothing)
  expect(await kept(berth.main)).toEqual(nothing)
  const cookies = await berth.electron.evaluate(
    async ({ session }, partitions) =>
      Promise.all(
        partitions.map(async (each) => {
          const found = await session.fromPartition(each).cookies.get({})
          return found.map(({ domain }) => domain)
        }),
      ),
    [partitionOf(other.id), 'persist:dashboard'],
  )
  expect(cookies.flat()).not.toContain(`${id}.localhost`)
})

test('X3: of a workspace that is gone nothing stays in the files of the browser', async ({ dataDir }) => {
  const first = await launch(dataDir)
  await watch(first)
  const { id: gone, page } = await withoutEditor(first, 'Wreck')
  const { id: kept } = await withoutEditor(first, 'Hulk')
  const dirOf = (id: string): string => join(dataDir, 'electron/Partitions', `workspace-${id}`)
  await first.api('DELETE', `/workspaces/${gone}`)
  await expect.poll(() => page.isClosed()).toBe(true)
  const ended = first.electron.waitForEvent('close')
  await first.electron.evaluate(({ app }) => app.quit())
  await ended
  expect(existsSync(dirOf(kept))).toBe(true)

  const second = await launch(dataDir)
  await watch(second)
  await expect(card(second.main, 'Hulk')).toBeVisible()
  await expect.poll(() => existsSync(dirOf(gone))).toBe(false)
  expect(existsSync(dirOf(kept))).toBe(true)
  await second.electron.close()
})

/** Where a page may want to go, none of it here. */
const elsewhere = (port: string): string[] => [
  'https://localhost.evil.example/',
  `http://127.0.0.1.evil.example:${port}/`,
  `http://127.0.0.1:${port}@evil.example/`,
  `http://127.0.0.1%3a${port}@evil.example/`,
  `http://evil.example/#@127.0.0.1:${port}/`,
  `http://evil.example/?http://127.0.0.1:${port}/`,
  `http://evil.example\\@127.0.0.1:${port}/`,
  `http://localhost.:${port}/`,
  `http://[::1]:${port}/`,
  `http://0.0.0.0:${port}/`,
  `https://127.0.0.1:${port}/`,
  'http://127.0.0.1:1/',
  'http://127.0.0.1/',
  'http://192.168.0.1/',
  `http://3000--01k.localhost:${port}/?berth-code=secret`,
  'https://example.com/?next=/?berth-code=secret',
  'https://example.com/',
  'https://user:word@example.com/',
  'https://xn--bcher-kva.example/',
  'https://example.com/%00',
  'HTTPS://EXAMPLE.COM/UPPER',
  '//example.com/relative',
  'javascript:document.title="x"',
  'JaVaScRiPt:alert(1)',
  'javascript://example.com/%0aalert(1)',
  'vbscript:msgbox(1)',
  'data:text/html,<script>1</script>',
  'data:text/html;base64,PHNjcmlwdD4=',
  'file:///etc/passwd',
  'file://localhost/etc/passwd',
  'file://server/share/x.exe',
  'file:c:/windows/system32/calc.exe',
  'FILE:///etc/passwd',
  'smb://server/share',
  'smb:server',
  'nfs://server/share',
  'afp://server/share',
  'ftp://server/x',
  'sftp://server/x',
  'ssh://server',
  'telnet://server',
  'ldap://server',
  'vscode://file/etc/passwd',
  'vscode-insiders://file/x',
  'ms-msdt:/id PCWDiagnostic',
  'ms-settings:',
  'ms-officecmd:{}',
  'search-ms:query=x&crumb=location:\\\\server',
  'shell:startup',
  'mailto:a@example.com?attach=/etc/passwd',
  'tel:112',
  'steam://run/1',
  'slack://open',
  'zoommtg://join',
  'intent://x#Intent;end',
  'chrome://settings/',
  'chrome://gpu/',
  'chrome-extension://aaaa/x.html',
  'devtools://devtools/bundled/inspector.html',
  'view-source:https://example.com/',
  'blob:https://example.com/1b4e28ba-2fa1-11d2-883f-0016d3cca427',
  'filesystem:https://example.com/temporary/x',
  'ws://example.com/',
  'wss://example.com/',
  'x-apple.systempreferences:',
]

test('X5: a page leads nowhere but into the browser, and only to the web', async ({ berth }) => {
  const { id, page, own } = await withoutEditor(berth, 'Compass')
  // Until it has nothing more to go to by itself.
  await expect.poll(async () => (await only(berth)).error_count, { timeout: 60_000 }).toBe(3)
  await expect(page.locator('body')).toHaveAttribute(
    'data-shows',
    `error ${(await only(berth)).error_info!.at}`,
  )
  const { port } = new URL(berth.url)
  const opened = await browserOf(berth)
  const urls = elsewhere(port)
  expect(urls.length).toBeGreaterThanOrEqual(60)

  for (const [where, home] of [
    [page, own],
    [berth.main, berth.url],
  ] as const) {
    const stays = where.url()
    // Of Berth itself a workspace opens nothing.
    const isOurs = (href: string) => {
      const { hostname, port: at } = new URL(href)
      return where === page && at === port && /^127\.0\.0\.1$|(^|\.)localhost\.?$/.test(hostname)
    }
    for (const way of ['location', 'open'] as const) {
      let after = 0
      for (const url of urls) {
        const href = URL.canParse(url, stays) ? new URL(url, stays).href : ''
        const before = (await opened()).length
        await later(berth)
        await where.evaluate(
          ({ url, way }) => {
            try {
              if (way === 'open') window.open(url)
              else location.href = url
            } catch {
              // The browser itself would not.
            }
          },
          { url, way },
        )
        // One that surely leads out, after it: what is before it in the queue has been dealt with then.
        const last = `https://after-${way}-${after++}.example/`
        const lastOpened = async (): Promise<string | undefined> => {
          await later(berth)
          await where.evaluate((last) => void window.open(last), last)
          return (await opened()).at(-1)
        }
        await expect.poll(lastOpened).toBe(last)
        const now = (await opened()).slice(before).filter((each) => each !== last)
        const leadsOut = /^https?:/.test(href) && !isOurs(href) && !href.includes('berth-code')
        expect(now, `${way} ${url}`).toEqual(leadsOut ? [href] : [])
      }
    }
    expect(new URL(where.url()).origin).toBe(home)
    expect(where.url()).toBe(stays)
  }
  expect(berth.electron.windows()).toHaveLength(2)

  // Nor do frames lead out: what they hold is of the web, and never the dashboard.
  await berth.electron.evaluate(
    ({ session, webContents }, { partition, id }) => {
      const tried: { url: string; refused: boolean }[] = []
      Object.assign(globalThis, { tried })
      const contents = webContents.getAllWebContents().find((each) => each.getURL().includes(id))!
      contents.on('will-frame-navigate', ({ url, defaultPrevented: refused, isMainFrame }) => {
        if (!isMainFrame) tried.push({ url, refused })
      })
      contents.on('will-redirect', ({ url, defaultPrevented: refused }) => tried.push({ url, refused }))
      // Our own page would not have any frame.
      session.fromPartition(partition).webRequest.onHeadersReceived(({ responseHeaders = {} }, answer) => {
        const kept = Object.entries(responseHeaders).filter(([name]) => !/^content-security/i.test(name))
        answer({ responseHeaders: Object.fromEntries(kept) })
      })
    },
    { partition: partitionOf(id), id },
  )
  await page.reload()
  const framed = [
    'data:text/html,a',
    'http://127.0.0.1:1/',
    'vscode://file/x',
    'smb://host/share',
    'mailto:a@b.c',
  ]
  const tried = (): Promise<{ url: string; refused: boolean }[]> =>
    berth.electron.evaluate(() => (globalThis as unknown as { tried: [] }).tried)
  for (const url of [...framed, `${berth.url}/`]) {
    await page.evaluate((url) => {
      const frame = document.createElement('iframe')
      frame.src = url
      document.body.append(frame)
    }, url)
    await expect.poll(tried).toContainEqual({ url, refused: !/^data:|:1\/$/.test(url) })
  }
  for (const frame of page.frames())
    expect(frame.url()).not.toMatch(/^(vscode|smb|mailto):|127\.0\.0\.1:\d\d/)

  // Redirects, which a server inside the workspace may send.
  await berth.electron.evaluate(
    ({ session }, { partition, own }) => {
      session.fromPartition(partition).webRequest.onBeforeRequest((details, answer) => {
        const to = details.url.startsWith(`${own}/`) && new URL(details.url).searchParams.get('redirect-to')
        answer(to ? { redirectURL: to } : {})
      })
    },
    { partition: partitionOf(id), own },
  )
  const targets = ['https://redirected.example/', 'http://127.0.0.1:1/x', `${berth.url}/api/v1/openapi.json`]
  for (const target of targets) {
    const before = (await opened()).length
    await later(berth)
    await page.evaluate(
      (to) => (location.href = `${location.pathname}?redirect-to=${encodeURIComponent(to)}`),
      target,
    )
    await expect.poll(tried).toContainEqual({ url: target, refused: true })
    expect((await opened()).slice(before)).toEqual(target.startsWith(berth.url) ? [] : [target])
    expect(new URL(page.url()).origin).toBe(own)
  }
})

test('X5: a workspace leads the person to no other, and not to many places at once', async ({ berth }) => {
  const said: string[] = []
  berth.electron.process().stderr!.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  const { id, page, own } = await withoutEditor(berth, 'Lighter')
  const answer = await berth.api('POST', '/workspaces', {
    name: 'Prey',
    image_ref: 'berth-e2e.invalid/none:1',
  })
  const { id: prey } = (await answer.json()) as Workspace
  const { port } = new URL(berth.url)
  const opened = await browserOf(berth)
  const out = (url: string, times = 1) =>
    page.evaluate(
      ({ url, times }) => {
        for (let n = 0; n < times; n++) window.open(url)
      },
      { url, times },
    )
  /** After all that came before. */
  async function after(url: string): Promise<void> {
    await expect
      .poll(async () => {
        await later(berth)
        await out(url)
        return (await opened()).at(-1)
      })
      .toBe(url)
  }

  // In the browser these would be visits that no page has begun.
  const others = [`http://${prey}.localhost:${port}/`, `http://3000--${prey}.localhost:${port}/`]
  const dashboard = [`${berth.url}/#open=${prey}&next=/`, `http://localhost:${port}/w/${prey}/`]
  for (const url of [...others, ...dashboard]) {
    await later(berth)
    await out(url)
  }
  await page.evaluate(() => Object.assign(globalThis, { stays: true }))
  for (const url of others) await page.evaluate((url) => void (location.href = url), url)
  await after('https://after.example/')

  // Nor does a page have itself signed in again where that would wake what it is of.
  const isShown = () =>
    berth.electron.evaluate(({ BrowserWindow }, url) => {
      const main = BrowserWindow.getAllWindows().find(({ webContents }) => webContents.getURL() === url)
      return main!.isVisible()
    }, `${berth.url}/`)
  await berth.electron.evaluate(({ BrowserWindow }, url) => {
    const main = BrowserWindow.getAllWindows().find(({ webContents }) => webContents.getURL() === url)
    main!.hide()
  }, `${berth.url}/`)
  await later(berth)
  await page.evaluate((url) => void (location.href = url), `${berth.url}/#open=${id}&next=/`)
  await expect.poll(isShown).toBe(true)
  expect(await page.evaluate(() => 'stays' in globalThis)).toBe(true)

  await later(berth)
  await out('https://many.example/', 20)
  await after('https://after.example/many')
  expect(await opened()).toEqual([
    'https://after.example/',
    'https://many.example/',
    'https://after.example/many',
  ])
  expect(berth.electron.windows()).toHaveLength(2)
  await later(berth)
  await out(`${own}/w/${id}/`, 20)
  await after('https://after.example/windows')
  await expect.poll(() => berth.electron.windows().length).toBe(3)
  expect(said.join('').split('Lighter opens links and windows too often')).toHaveLength(2)
})

/** All that Electron's own documentation names. */
function permissionNames(): string[] {
  const types = readFileSync(join(root, 'node_modules/electron/electron.d.ts'), 'utf8')
  const union =
    /setPermissionRequestHandler\(handler: \(\(webContents: WebContents, permission: ([^,]+),/.exec(types)
  return [...union![1]!.matchAll(/'([^']+)'/g)].map(([, name]) => name!)
}

test('X6: pages are denied what they are not named for, whoever asks', async ({ berth }) => {
  const names = permissionNames()
  expect(names).toEqual(
    expect.arrayContaining(['media', 'geolocation', 'notifications', 'usb', 'openExternal']),
  )
  // What the app tells its sessions, from now on.
  await berth.electron.evaluate(({ app }) => {
    type Ask = (contents: unknown, name: string, answer: (yes: boolean) => void, details: object) => void
    type Check = (contents: unknown, name: string, origin: string, details: object) => boolean
    const handlers = new Map<Session, { ask: Ask; check: Check }>()
    Object.assign(globalThis, { handlers })
    app.prependListener('session-created', (session: Session) => {
      const own = { ask: session.setPermissionRequestHandler, check: session.setPermissionCheckHandler }
      const noted = { ask: () => undefined, check: () => true } as unknown as { ask: Ask; check: Check }
      handlers.set(session, noted)
      session.setPermissionRequestHandler = (ask) => {
        noted.ask = ask as Ask
        own.ask.call(session, ask)
      }
      session.setPermissionCheckHandler = (check) => {
        noted.check = check as Check
        own.check.call(session, check)
      }
    })
  })
  const granted = (partition: string, url: string) =>
    berth.electron.evaluate(
      ({ session }, { partition, url, names }) => {
        const { handlers } = globalThis as unknown as {
          handlers: Map<
            unknown,
            {
              ask: (c: null, name: string, answer: (yes: boolean) => void, details: object) => void
              check: (c: null, name: string, origin: string, details: object) => boolean
            }
          >
        }
        const { ask, check } = handlers.get(session.fromPartition(partition))!
        const details = { requestingUrl: url, isMainFrame: true }
        const asked = names.filter((name) => {
          const answers: boolean[] = []
          ask(null, name, (yes) => answers.push(yes), details)
          return answers[0] !== false
        })
        return { asked, checked: names.filter((name) => check(null, name, url, details)) }
      },
      { partition, url, names },
    )

  const { id, page, own } = await withoutEditor(berth, 'Davit')
  const named = ['clipboard-read', 'clipboard-sanitized-write', 'fullscreen', 'pointerLock']
  const partition = partitionOf(id)
  const ours = await granted(partition, `${own}/w/${id}/`)
  expect({ asked: ours.asked.toSorted(), checked: ours.checked.toSorted() }).toEqual({
    asked: named,
    checked: named,
  })
  const none = { asked: [], checked: [] }
  for (const url of ['https://evil.example/', berth.url, 'about:srcdoc', '', `http://3000--${id}.localhost/`])
    expect(await granted(partition, url), url).toEqual(none)
  await strange(berth, 'data:text/html,', { partition: 'nobody' })
  for (const url of [own, berth.url, 'data:text/html,', ''])
    expect(await granted('nobody', url), url).toEqual(none)

  // The same, asked by the pages themselves.
  const asked = (where: Page) =>
    where.evaluate(async () => {
      const no = (error: unknown) => `no: ${(error as Error).name}`
      const yes = () => 'granted'
      const media = (what: MediaStreamConstraints) => navigator.mediaDevices.getUserMedia(what).then(yes, no)
      const any = navigator as unknown as Record<
        string,
        Record<string, (options: object) => Promise<unknown>>
      >
      return {
        microphone: await media({ audio: true }),
        camera: await media({ video: true }),
        screen: await navigator.mediaDevices.getDisplayMedia().then(yes, no),
        place: await new Promise((resolve) =>
          navigator.geolocation.getCurrentPosition(
            () => resolve('granted'),
            () => resolve('no'),
          ),
        ),
        notifications: (await Notification.requestPermission()) === 'granted' ? 'granted' : 'no',
        midi: await navigator.requestMIDIAccess({ sysex: true }).then(yes, no),
        serial: await any['serial']!['requestPort']!({}).then(yes, no),
        usb: await any['usb']!['requestDevice']!({ filters: [] }).then(yes, no),
        hid: await any['hid']!['requestDevice']!({ filters: [] }).then(
          (found) => ((found as unknown[]).length > 0 ? 'granted' : 'no'),
          no,
        ),
        wake: await navigator.wakeLock.request().then(yes, no),
        storage: (await navigator.storage.persist()) ? 'granted' : 'no',
      }
    })
  for (const where of [page, berth.main])
    for (const [name, answer] of Object.entries(await asked(where))) expect(answer, name).toMatch(/^no/)
  const state = (where: Page, name: string) =>
    where.evaluate(
      async (name) => (await navigator.permissions.query({ name: name as PermissionName })).state,
      name,
    )
  expect(await state(page, 'clipboard-read')).toBe('granted')
  expect(await state(berth.main, 'clipboard-read')).not.toBe('granted')
  for (const name of ['geolocation', 'camera', 'microphone', 'notifications', 'midi', 'persistent-storage'])
    for (const where of [page, berth.main]) expect(await state(where, name), name).toBe('denied')
})

test('X7: the dashboard comes over HTTP, with a policy, and nothing else does', async ({ berth }) => {
  expect(berth.main.url()).toBe('http://127.0.0.1:' + new URL(berth.url).port + '/')
  const { headers } = await fetch(berth.url)
  const policy = headers.get('content-security-policy')!
  expect(policy).toContain("default-src 'none'")
  expect(policy).toContain("script-src 'self'")
  expect(policy).toContain("frame-ancestors 'none'")
  expect(policy).not.toMatch(/unsafe|\*|https?:|blob:/)
  // In force: what would be text turned into a program is none.
  expect(
    await berth.main.evaluate(() => {
      const script = document.createElement('script')
      script.textContent = 'document.title = "changed"'
      document.head.append(script)
      return document.title
    }),
  ).not.toBe('changed')

  const bundle = join(root, 'out/renderer')
  const files = readdirSync(bundle, { recursive: true, encoding: 'utf8' })
    .filter((name) => statSync(join(bundle, name)).isFile())
    .map((name) => readFileSync(join(bundle, name)))
  const up = ['..', '%2e%2e', '%2E%2e', '.%2e', '%252e%252e', '..%00', '..;', '%c0%ae%c0%ae', '.%00.', '...']
  const between = ['/', '%2f', '%5c', '\\', '//', '/./', '%252f', '/.//', '%c0%af', '/%09/']
  const variants = up.flatMap((dots, index) =>
    between.map((slash) => {
      const target = ['etc/passwd', 'package.json', 'out/main/index.js', 'main/index.js'][index % 4]!
      return `/${index % 3 === 0 ? 'assets/' : ''}${`${dots}${slash}`.repeat(1 + (index % 8))}${target}`
    }),
  )
  variants.push('/main/index.js', '//etc/passwd', '/assets/../../main/index.js', '/~/token', '/.env')
  expect(new Set(variants).size).toBeGreaterThanOrEqual(100)
  for (const path of variants) {
    const { status, body } = await get(berth.url, path)
    if (status === 200)
      expect(
        files.some((file) => file.equals(body)),
        path,
      ).toBe(true)
    else expect([400, 403, 404], path).toContain(status)
    expect(body.toString('latin1'), path).not.toMatch(/root:x:|"devDependencies"|requestSingleInstanceLock/)
  }
})

/** A GET whose path is sent as it is: clients put such paths right before they ask. */
function get(url: string, path: string): Promise<{ status: number; body: Buffer }> {
  const { hostname, port, host } = new URL(url)
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname)
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
    socket.on('end', () => {
      const all = Buffer.concat(chunks)
      const head = all.indexOf('\r\n\r\n')
      resolve({ status: Number(all.toString('latin1', 9, 12)), body: all.subarray(head + 4) })
    })
    socket.write(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`, 'latin1')
  })
}

test('P5: more headers than Node keeps are refused, and what follows them is no request', async ({
  berth,
}) => {
  const { id } = await withoutEditor(berth, 'Crowded')
  const { port, host } = new URL(berth.url)
  const token = readFileSync(join(berth.dataDir, 'token'), 'utf8').trim()
  const crowd = 'a:\r\n'.repeat(2_000)
  const head = `Host: ${host}\r\nAuthorization: Bearer ${token}\r\n`
  const inner = `GET /api/v1/session HTTP/1.1\r\n${head}\r\n`
  const upgrade = 'Connection: Upgrade\r\nUpgrade: websocket\r\n'
  for (const text of [
    `POST /w/${id}/ HTTP/1.1\r\n${head}${crowd}Content-Length: ${inner.length}\r\n\r\n${inner}`,
    `POST /api/v1/workspaces HTTP/1.1\r\n${head}${crowd}Origin: http://evil.example\r\n\r\n`,
    `GET /w/${id}/ HTTP/1.1\r\n${head}${upgrade}${crowd}Origin: http://evil.example\r\n\r\n`,
  ]) {
    const socket = connect(Number(port), '127.0.0.1')
    socket.write(text)
    // Ends when the connection is closed.
    const said = await buffer(socket)
    expect(said.toString().split('HTTP/1.1 ').slice(1)).toEqual([expect.stringMatching(/^431 /)])
  }
})

test('X9: a second start touches neither the data nor the port, also after a crash', async ({ dataDir }) => {
  const first = await launch(dataDir)
  await watch(first)
  const made = await first.api('POST', '/workspaces', { name: 'Once', image_ref: 'berth-e2e.invalid/none:1' })
  expect(made.status).toBe(201)
  const state = () => ({
    lock: readFileSync(join(dataDir, 'berth.lock'), 'utf8'),
    inode: statSync(join(dataDir, 'berth.lock')).ino,
    token: readFileSync(join(dataDir, 'token'), 'utf8'),
    database: statSync(join(dataDir, 'berth.db')).ino,
    ready: readFileSync(join(dataDir, 'logs/berth.log'), 'utf8').split('"ready"').length,
  })
  const before = state()
  await expect(launch(dataDir)).rejects.toThrow()
  expect(state()).toEqual(before)
  expect((await first.api('GET', '/session')).status).toBe(200)

  const ended = first.electron.waitForEvent('close')
  first.electron.process().kill('SIGKILL')
  await ended
  await expect(first.api('GET', '/session')).rejects.toThrow()

  const second = await launch(dataDir)
  await watch(second)
  expect(second.url).toBe(first.url)
  await expect(card(second.main, 'Once')).toBeVisible()
  const again = state()
  await expect(launch(dataDir)).rejects.toThrow()
  expect(state()).toEqual(again)
  expect((await second.api('GET', '/session')).status).toBe(200)
  await second.electron.close()
})

test('X1: every window that this run has opened is shut in', async ({ berth }) => {
  await withoutEditor(berth, 'Ensign')
  await expect.poll(() => seen.length).toBeGreaterThan(1)
  seen.forEach(expectShutIn)
})

test('accounts are kept in the dashboard, and their people sign in with a password', async ({ berth }) => {
  const { main } = berth
  const menu = async (page: Page, item: string): Promise<void> => {
    await page.getByTitle('Account').click()
    await page.getByRole('button', { name: item, exact: true }).click()
  }
  await create(main, 'Mine')

  await menu(main, 'Accounts…')
  const accounts = main.getByRole('dialog', { name: 'Accounts' })
  await accounts.getByRole('button', { name: 'New account' }).click()
  const add = main.getByRole('dialog', { name: 'New account' })
  await add.getByLabel('Name').fill('grace')
  await add.getByLabel('Password').fill('short')
  await add.getByRole('button', { name: 'Add' }).click()
  await expect(add.getByRole('alert')).toHaveText('At least 8 characters.')
  await add.getByLabel('Password').fill('correct horse')
  await add.getByRole('button', { name: 'Add' }).click()
  await expect(accounts.getByRole('listitem').filter({ hasText: 'grace' })).toContainText('no workspaces')
  await picture(main, 'accounts')
  await accounts.getByRole('button', { name: 'Close' }).click()
  // The app signs its own user in: there is nothing to sign out of.
  await main.getByTitle('Account').click()
  await expect(main.getByRole('button', { name: 'Rotate everything…' })).toBeVisible()
  await expect(main.getByRole('button', { name: 'Sign out' })).toHaveCount(0)
  await picture(main, 'account-menu')
  await main.keyboard.press('Escape')

  const browser = await strange(berth, berth.url, { partition: 'browser' })
  const signIn = async (password: string): Promise<void> => {
    await browser.getByLabel('Name').fill('grace')
    await browser.getByLabel('Password').fill(password)
    await browser.getByRole('button', { name: 'Sign in' }).click()
  }
  await signIn('wrong')
  await expect(browser.getByRole('alert')).toContainText('The name or the password is wrong')
  await picture(browser, 'sign-in')
  await signIn('correct horse')
  await expect(browser.getByRole('heading', { name: 'No workspaces yet' })).toBeVisible()
  await browser.getByTitle('Account').click()
  await expect(browser.getByRole('group', { name: 'Account' })).toContainText('grace')
  await expect(browser.getByRole('button', { name: 'Accounts…' })).toHaveCount(0)
  await browser.getByRole('button', { name: 'Change password…' }).click()
  const change = browser.getByRole('dialog', { name: 'Change password' })
  await change.getByLabel('Current password').fill('wrong')
  await change.getByLabel('New password', { exact: true }).fill('battery staple')
  await change.getByLabel('New password again').fill('battery staple')
  await change.getByRole('button', { name: 'Save' }).click()
  await expect(change.getByRole('alert')).toContainText('wrong')
  await change.getByLabel('Current password').fill('correct horse')
  await change.getByRole('button', { name: 'Save' }).click()
  await expect(change).toBeHidden()

  // A page that begins anew asks for its session to be renewed.
  const kept = (): Promise<string | null> => browser.evaluate(() => localStorage.getItem('berth.session'))
  const renewed = browser.waitForResponse((answer) => answer.url().endsWith('/api/v1/session:renew'))
  await browser.reload()
  expect((await renewed).status()).toBe(200)
  await expect(browser.getByTitle('Account')).toContainText('grace')
  await menu(browser, 'Sign out')
  await expect(browser.getByLabel('Name')).toBeVisible()
  expect(await kept()).toBeNull()
  await signIn('battery staple')
  await create(browser, 'Hers')
  // On a narrow screen everything above is still in reach.
  await berth.electron.evaluate(({ BrowserWindow, session }) => {
    const own = session.fromPartition('browser')
    const window = BrowserWindow.getAllWindows().find(({ webContents }) => webContents.session === own)
    window!.setContentSize(420, 700)
  })
  await expect.poll(() => browser.evaluate(() => innerWidth)).toBe(420)
  const header = browser.getByRole('banner')
  for (const name of ['Trash', 'New workspace', 'grace']) {
    const { x, width } = (await header.getByRole('button', { name }).boundingBox())!
    expect(x, name).toBeGreaterThanOrEqual(0)
    expect(x + width, name).toBeLessThanOrEqual(420)
  }
  await picture(browser, 'narrow')
  await expect(card(browser, 'Mine')).toHaveCount(0)
  await expect(card(main, 'Hers')).toHaveCount(0)

  // Nothing that she made goes with her account.
  await menu(main, 'Accounts…')
  await accounts.getByRole('button', { name: 'Remove grace' }).click()
  const removal = main.getByRole('dialog', { name: 'Remove the account of grace?' })
  await removal.getByRole('button', { name: 'Remove' }).click()
  await expect(removal.getByRole('alert')).toContainText('still has workspaces')
  await removal.getByRole('button', { name: 'Cancel' }).click()
  await accounts.getByRole('button', { name: 'Close' }).click()

  // New secrets for everything: the dashboard goes on, whoever else was there is out.
  const file = join(berth.dataDir, 'token')
  const token = readFileSync(file, 'utf8')
  await menu(main, 'Rotate everything…')
  const rotation = main.getByRole('dialog', { name: 'Rotate everything?' })
  await expect(rotation).toContainText('Running workspaces go on')
  await picture(main, 'rotate')
  await rotation.getByRole('button', { name: 'Rotate everything' }).click()
  await expect(rotation).toBeHidden()
  await expect(browser.getByLabel('Name')).toBeVisible()
  expect(readFileSync(file, 'utf8')).not.toBe(token)
  expect((await berth.api('GET', '/session')).status).toBe(401)
  await expect(card(main, 'Mine')).toBeVisible()
  await create(main, 'After')
  await expect(card(main, 'After')).toBeVisible()
})

/** The real notifications from now on, which no machine of the tests shows: their titles, and what a person does with the last. */
async function notificationsOf({ electron }: Berth) {
  await electron.evaluate(({ Notification }) => {
    const told: Electron.Notification[] = []
    Object.assign(globalThis, { told })
    Notification.prototype.show = function (this: Electron.Notification) {
      told.push(this)
    }
    Notification.isSupported = () => true
  })
  const titles = () =>
    electron.evaluate(() =>
      (globalThis as unknown as { told: Electron.Notification[] }).told.map(({ title }) => title),
    )
  const happens = (event: 'click' | 'action', details: object) =>
    electron.evaluate(
      (_, { event, details }) =>
        (globalThis as unknown as { told: Electron.Notification[] }).told.at(-1)!.emit(event, details),
      { event, details },
    )
  return { titles, happens }
}

test('what a workspace does by itself is told, as far as the person wants to hear it', async ({ berth }) => {
  const { titles, happens } = await notificationsOf(berth)
  await create(berth.main, 'Dinghy')
  await expect(card(berth.main, 'Dinghy')).toContainText('Running', { timeout: 120_000 })
  const { id } = await only(berth)
  const change = async (part: object): Promise<void> =>
    expect((await berth.api('PATCH', `/workspaces/${id}`, part)).ok).toBe(true)
  expect(await titles()).toEqual([])

  await change({ standby_ttl_seconds: 20, busy_shield: false })
  const soon = '“Dinghy” goes to sleep soon'
  await expect.poll(titles, { timeout: 60_000 }).toEqual([soon])
  await happens('click', {})
  await expect.poll(async () => (await only(berth)).keep_awake_until).not.toBeNull()

  expect((await berth.api('PATCH', '/settings', { notify_will_sleep: false })).ok).toBe(true)
  await change({ keep_awake_until: null, standby_ttl_seconds: 1 })
  await expect.poll(titles, { timeout: 60_000 }).toEqual([soon, '“Dinghy” was put to sleep'])

  // No attempt could make this one.
  await change({ image_ref: 'berth-e2e.invalid/none:1', desired_state: 'RUNNING' })
  await expect.poll(async () => (await titles()).at(-1), { timeout: 60_000 }).toBe('“Dinghy” has failed')
})

test('a guest at the door is told of, once, and can be let in there and then', async ({ dataDir }) => {
  writeFileSync(join(dataDir, 'settings.json'), JSON.stringify({ share_address: '127.0.0.1' }))
  const berth = await launch(dataDir)
  await watch(berth)
  const { titles, happens } = await notificationsOf(berth)
  const made = await berth.api('POST', '/workspaces', { name: 'Quay', image_ref: 'berth-e2e.invalid/none:1' })
  const { id } = (await made.json()) as Workspace
  const shared = await berth.api('POST', `/workspaces/${id}/shares`, {
    mode: 'DOORBELL',
    expires_in_seconds: 3_600,
  })
  expect(shared.status).toBe(201)
  const link = new URL(((await shared.json()) as Shared).link)
  const ring = (name: string) => enter(link, name)
  const guests = async () => (await only(berth)).sharing!.shares.flatMap((share) => share.guests)

  expect(await ring('Grace')).toBe(200)
  await expect.poll(titles).toEqual(['Grace rings'])
  await berth.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.hide())
  await happens('click', {})
  await expect
    .poll(() => berth.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.isVisible()))
    .toBe(true)
  await happens('action', { actionIndex: 0 })
  await expect
    .poll(async () => (await guests()).map(({ name, state }) => [name, state]))
    .toEqual([['Grace', 'IN']])

  expect(await ring('Mallory')).toBe(200)
  await expect.poll(titles).toEqual(['Grace rings', 'Mallory rings'])
  await happens('action', { actionIndex: 1 })
  await expect.poll(async () => (await guests()).map(({ name }) => name)).toEqual(['Grace'])

  // A link that somebody else has stopped is shown no longer.
  await card(berth.main, 'Quay').getByRole('button', { name: 'Share', exact: true }).click()
  const dialog = berth.main.getByRole('dialog')
  await dialog.getByRole('button', { name: 'New link' }).click()
  await dialog.getByRole('button', { name: 'Share', exact: true }).click()
  const invitation = dialog.getByRole('region', { name: 'Link for your guest' })
  await expect(invitation).toBeVisible()
  const shares = async () => (await only(berth)).sharing!.shares
  await expect.poll(async () => (await shares()).length).toBe(2)
  const newest = (await shares()).find(({ guests }) => guests.length === 0)!
  expect((await berth.api('DELETE', `/shares/${newest.id}`)).ok).toBe(true)
  await expect(invitation).toBeHidden()
  await berth.electron.close()
})

/** Says a name at the door that a link leads to; the status of the answer. */
function enter({ origin, pathname, hash }: URL, name: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const call = request(
      `${origin}${pathname}.berth/enter`,
      { method: 'POST', rejectUnauthorized: false, headers: { 'content-type': 'application/json', origin } },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode ?? 0)
      },
    )
    call.on('error', reject)
    call.end(JSON.stringify({ link: hash.slice(1), name }))
  })
}
