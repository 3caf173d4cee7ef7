import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Workspace } from '../main/core/api.ts'
import { card, create, docker, expect, only, picture, type Berth } from './app.ts'
import { ask, follow, go, test } from './browsing.ts'

const PORT = 5173
const MODULES = resolve(import.meta.dirname, '../node_modules')

/** Copies a package and all that it needs. */
function install(name: string, into: string, done = new Set<string>()): void {
  if (done.has(name)) return
  done.add(name)
  const from = join(MODULES, name)
  let text
  try {
    text = readFileSync(join(from, 'package.json'), 'utf8')
  } catch {
    return // of another platform
  }
  cpSync(from, join(into, name), { recursive: true })
  const needs = JSON.parse(text) as Record<'dependencies' | 'optionalDependencies', object | undefined>
  for (const need of Object.keys({ ...needs.dependencies, ...needs.optionalDependencies }))
    install(need, into, done)
}

/** A workspace in which Vite serves a page, on loopback inside. Returns where its module is on this machine. */
async function serve(berth: Berth, name: string): Promise<{ id: string; module: string; address: string }> {
  await create(berth.main, name)
  await expect(card(berth.main, name)).toHaveAttribute('data-state', 'RUNNING', { timeout: 120_000 })
  const { id, home_path: home } = await only(berth)
  const project = join(home!, 'site')
  mkdirSync(project)
  install('vite', join(project, 'node_modules'))
  writeFileSync(
    join(project, 'index.html'),
    '<div id="app"></div><script type="module" src="/main.js"></script>',
  )
  const module = join(project, 'main.js')
  writeFileSync(module, source('as it was'))
  const vite = await docker.getContainer(`ws-${id}`).exec({
    Cmd: [
      'sh',
      '-c',
      `exec "$(command -v node || echo /usr/lib/code-server/lib/node)" node_modules/vite/bin/vite.js --host 127.0.0.1 --port ${PORT} --strictPort`,
    ],
    WorkingDir: '/home/coder/site',
    Env: ['CHOKIDAR_USEPOLLING=1'],
  })
  await vite.start({ Detach: true })
  await expect
    .poll(() => ask(berth, 'GET', `/workspaces/${id}/ports`), { timeout: 60_000 })
    .toMatchObject({ items: [{ port: PORT }] })
  const { port } = new URL(berth.url)
  return { id, module, address: `http://${PORT}--${id}.localhost:${port}/` }
}

const source = (text: string): string => `
document.querySelector('#app').textContent = ${JSON.stringify(text)}
import.meta.hot?.accept()
`

test('a dev server inside a workspace is reached at its own address, with hot reload, from the dashboard and the editor', async ({
  berth,
  browsing,
}) => {
  const { main } = berth
  const { id, module, address } = await serve(berth, 'Site')

  // As the dashboard shows it.
  await card(main, 'Site').getByRole('button', { name: 'Details' }).click()
  const dialog = main.getByRole('dialog')
  await dialog.getByRole('tab', { name: 'Ports' }).click()
  await expect(dialog.getByText(`Port ${PORT}`)).toBeVisible()
  await picture(main, 'ports')

  // In the desktop app, in a window of the workspace; the browser, whose command line others can read, has no part in it.
  await berth.electron.evaluate(({ shell }) => {
    const handed: string[] = []
    Object.assign(globalThis, { handed })
    shell.openExternal = (url) => Promise.resolve(void handed.push(url))
  })
  const [window] = await Promise.all([
    berth.electron.waitForEvent('window'),
    dialog.getByRole('button', { name: `Open port ${PORT}` }).click(),
  ])
  await expect(window.locator('#app')).toHaveText('as it was')
  expect(window.url()).toBe(address)
  const shown = await berth.electron.evaluate(
    ({ BrowserWindow, session }, { address, partition }) => {
      const found = BrowserWindow.getAllWindows().find(({ webContents }) => webContents.getURL() === address)!
      const ownStorage = found.webContents.session === session.fromPartition(partition)
      const { handed } = globalThis as unknown as { handed: string[] }
      return { title: found.getTitle(), ownStorage, handed }
    },
    { address, partition: `persist:workspace-${id}` },
  )
  expect(shown).toEqual({ title: `Site :${PORT} – Berth`, ownStorage: true, handed: [] })
  // A second click finds the window that is there.
  const again = window.waitForEvent('framenavigated')
  await dialog.getByRole('button', { name: `Open port ${PORT}` }).click()
  await again
  await expect(window.locator('#app')).toHaveText('as it was')
  expect(berth.electron.windows()).toHaveLength(2)
  // Its session ends; it goes on where it was.
  await berth.electron.evaluate(
    ({ session }, partition) => session.fromPartition(partition).clearStorageData({ storages: ['cookies'] }),
    `persist:workspace-${id}`,
  )
  await window.evaluate(() => void (location.href = '/deep/path?a=b&c=%2F'))
  await expect.poll(() => window.url()).toBe(`${address}deep/path?a=b&c=%2F`)
  await expect(window.locator('#app')).toHaveText('as it was')
  await window.close()

  // Of a browser that may enter the workspace, and was never at that address.
  const editor = await follow(berth, browsing, id, '/healthz')
  await expect(editor.locator('body')).toContainText('lastHeartbeat', { timeout: 60_000 })
  const page = await browsing.newPage()
  await go(page, () => `${address}?from=here`)
  await expect(page.locator('#app')).toHaveText('as it was')
  expect(page.url()).toBe(`${address}?from=here`)
  await page.evaluate(() => Object.assign(globalThis, { stays: true }))
  writeFileSync(module, source('as it is now'))
  await expect(page.locator('#app')).toHaveText('as it is now', { timeout: 30_000 })
  expect(await page.evaluate(() => 'stays' in globalThis)).toBe(true)

  // In a frame of the editor, as its own browser shows pages.
  await editor.evaluate((url) => {
    const frame = document.createElement('iframe')
    frame.src = url
    document.body.append(frame)
  }, address)
  await expect(editor.frameLocator('iframe').locator('#app')).toHaveText('as it is now', { timeout: 30_000 })

  // Where the editor's Ports view leads.
  const opened = await browsing.newPage()
  const { port } = new URL(berth.url)
  await go(opened, () => `http://${id}.localhost:${port}/w/${id}/proxy/${PORT}/`)
  await expect(opened.locator('#app')).toHaveText('as it is now')
  expect(opened.url()).toBe(address)
})

test('a server’s address wakes its workspace, and goes on when the workspace runs', async ({
  berth,
  browsing,
}) => {
  const { id, address } = await serve(berth, 'Sleeper')
  const editor = await follow(berth, browsing, id, '/healthz')
  await expect(editor.locator('body')).toContainText('lastHeartbeat', { timeout: 60_000 })
  await editor.close()
  await ask(berth, 'POST', `/workspaces/${id}:stop`)
  await expect
    .poll(async () => (await ask<Workspace>(berth, 'GET', `/workspaces/${id}`)).status, { timeout: 60_000 })
    .toBe('STANDBY')
  const page = await browsing.newPage()
  await go(page, () => `${address}deep/path?a=b`)
  // The server itself was not started again: the page says so, in words.
  await expect(page.getByText(String(PORT))).toBeVisible({ timeout: 120_000 })
  expect(page.url()).toBe(`${address}deep/path?a=b`)
  expect((await ask<Workspace>(berth, 'GET', `/workspaces/${id}`)).status).toBe('RUNNING')
})
