import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { BrowserWindow } from 'electron'
import type { Page } from '@playwright/test'
import { card, create, expect, launch, only, open, test, workbench } from './app.ts'

test('closing the window is not quitting, and its size is remembered', async ({ dataDir }) => {
  const first = await launch(dataDir)
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

test('a second start shows the first one', async ({ berth, dataDir }) => {
  await berth.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.close())
  await expect(launch(dataDir)).rejects.toThrow()
  await expect
    .poll(() => berth.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.isVisible()))
    .toBe(true)
})

test('the tray lists the workspaces and can open, stop and quit', async ({ berth }) => {
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

  await create(berth.main, 'Dinghy')
  await expect(card(berth.main, 'Dinghy')).toContainText('Running', { timeout: 120_000 })
  const [window] = await Promise.all([berth.electron.waitForEvent('window'), click('Dinghy', 'Open')])
  await workbench(window)
  await click('Dinghy', 'Stop')
  await expect(card(berth.main, 'Dinghy')).toContainText('Standby')

  const quit = berth.electron.waitForEvent('close')
  await click('Quit')
  await quit
})

test('X1 X2 X3 X5: a workspace window is shut in', async ({ berth }) => {
  await create(berth.main, 'Hull')
  await expect(card(berth.main, 'Hull')).toContainText('Running', { timeout: 120_000 })
  const { id } = await only(berth)
  const page = await open(berth, 'Hull')
  const own = new URL(page.url())
  expect(own.hostname).toBe(`${id}.localhost`)
  expect(own.search).not.toContain('berth-code')

  const preferences = await berth.electron.evaluate(
    ({ BrowserWindow, session }, partition) =>
      BrowserWindow.getAllWindows().map(({ webContents }: BrowserWindow) => {
        const all = (
          webContents as unknown as { getLastWebPreferences: () => Record<string, unknown> }
        ).getLastWebPreferences()
        const { sandbox, contextIsolation, nodeIntegration, webSecurity, webviewTag, preload } = all
        const rest = { sandbox, contextIsolation, nodeIntegration, webSecurity, webviewTag }
        return {
          ...rest,
          ownStorage: webContents.session === session.fromPartition(partition),
          preload: Boolean(preload),
          url: webContents.getURL(),
        }
      }),
    `persist:workspace-${id}`,
  )
  const safe = {
    sandbox: true,
    contextIsolation: true,
    nodeIntegration: false,
    webSecurity: true,
    webviewTag: false,
  }
  for (const each of preferences) expect(each).toMatchObject(safe)
  const editor = preferences.find(({ url }) => url.includes(id))
  expect(editor).toMatchObject({ preload: false, ownStorage: true })

  const inPage = await page.evaluate(() =>
    ['process', 'Buffer', 'berth'].map((name) => typeof Reflect.get(globalThis, name)),
  )
  expect(inPage).toEqual(['undefined', 'undefined', 'undefined'])

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
  await berth.electron.evaluate(({ shell }) => {
    const opened: string[] = []
    Object.assign(globalThis, { opened })
    shell.openExternal = (url) => Promise.resolve(void opened.push(url))
  })
  await page.evaluate(() => {
    for (const url of ['https://example.com/', 'file:///etc/passwd', 'smb://host/share']) globalThis.open(url)
    location.href = 'https://example.org/'
  })
  const opened = (): Promise<string[]> =>
    berth.electron.evaluate(() => (globalThis as unknown as { opened: string[] }).opened)
  await expect
    .poll(async () => (await opened()).toSorted())
    .toEqual(['https://example.com/', 'https://example.org/'])
  expect(new URL(page.url()).origin).toBe(own.origin)

  // A workspace that is gone leaves nothing in the browser.
  const cookies = (): Promise<number> =>
    berth.electron.evaluate(async ({ session }, partition) => {
      const { length } = await session.fromPartition(partition).cookies.get({})
      return length
    }, `persist:workspace-${id}`)
  expect(await cookies()).toBeGreaterThan(0)
  await berth.api('DELETE', `/workspaces/${id}`)
  await expect.poll(cookies).toBe(0)
  expect(page.isClosed()).toBe(true)
})

test('X4: only the dashboard may ask for a window', async ({ berth }) => {
  const ask = (page: Page, id: string): Promise<string> =>
    page.evaluate(
      (id) =>
        window.berth!.openWorkspace(id).then(
          () => 'opened',
          (error: unknown) => String(error),
        ),
      id,
    )
  expect(await ask(berth.main, 'not-a-workspace')).toContain('no such workspace')

  await create(berth.main, 'Keel')
  const { id } = await only(berth)
  // Another page that has got hold of the bridge: of the dashboard's own address, and of another.
  for (const url of [berth.url, 'data:text/html,elsewhere']) {
    const [foreign] = await Promise.all([
      berth.electron.waitForEvent('window'),
      berth.electron.evaluate(
        ({ BrowserWindow }, { url, preload }) =>
          new BrowserWindow({ webPreferences: { preload, partition: 'foreign' } }).loadURL(url),
        { url, preload: join(import.meta.dirname, '../out/preload/index.cjs') },
      ),
    ])
    expect(await ask(foreign, id)).toContain('not allowed')
    await foreign.close()
  }
  expect(berth.electron.windows()).toHaveLength(1)
})

test('a session of the main window that ends is followed by another', async ({ berth }) => {
  await berth.main.evaluate(() => {
    localStorage.setItem('berth.session', 'worn-out')
    location.reload()
  })
  await expect(berth.main.getByRole('button', { name: 'New workspace' })).toBeVisible()
  expect(await berth.main.evaluate(() => localStorage.getItem('berth.session'))).not.toBe('worn-out')
})

test('the dashboard works in a browser too', async ({ berth }) => {
  const address = await berth.electron.evaluate(async ({ BrowserWindow, session }, url) => {
    // A window without Berth's bridge and session is a browser like any other.
    const window = new BrowserWindow({ webPreferences: { session: session.fromPartition('browser') } })
    await window.loadURL(url)
    return window.webContents.getURL()
  }, berth.url)
  expect(address).toBe(`${berth.url}/`)
  const browser = berth.electron.windows().at(-1)!
  await expect(browser.getByRole('button', { name: 'New workspace' })).toHaveCount(0)
  await browser.getByRole('textbox').fill(readFileSync(join(berth.dataDir, 'token'), 'utf8').trim())
  await browser.getByRole('button', { name: /sign in/i }).click()
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
