import type { Page } from '@playwright/test'
import type { Workspace } from '../main/core/api.ts'
import { card, create, docker, expect, launch, only, open, test, workbench, type Berth } from './app.ts'
import { ask, untilIn } from './browsing.ts'

/** A key of the person's, as the system hands it to the window that shows the workspace. */
const press = (berth: Berth, id: string, keyCode: string, ...modifiers: ('control' | 'shift')[]) =>
  berth.electron.evaluate(
    ({ BrowserWindow }, { id, keyCode, modifiers }) => {
      const { webContents } = BrowserWindow.getAllWindows().find((one) =>
        one.webContents.getURL().includes(id),
      )!
      for (const type of ['keyDown', 'keyUp'] as const)
        webContents.sendInputEvent({ type, keyCode, modifiers })
    },
    { id, keyCode, modifiers },
  )

/** What the windows of a workspace show in their frames. */
const frames = (berth: Berth, id: string) =>
  berth.electron.evaluate(
    ({ BrowserWindow }, id) =>
      BrowserWindow.getAllWindows()
        .filter(({ webContents }) => webContents.getURL().includes(id))
        .map((window) => ({
          title: window.getTitle(),
          zoom: window.webContents.getZoomLevel(),
          bounds: window.getBounds(),
        })),
    id,
  )

const titles = async (berth: Berth, id: string): Promise<string[]> =>
  (await frames(berth, id)).map(({ title }) => title)

/** A workspace whose window shows a page of ours, without an editor. */
async function withoutEditor(berth: Berth, name: string): Promise<{ id: string; page: Page }> {
  const { id } = await ask<Workspace>(berth, 'POST', '/workspaces', {
    name,
    image_ref: 'berth-e2e.invalid/none:1',
  })
  await expect(card(berth.main, name)).toBeVisible()
  return { id, page: await enter(berth, id) }
}

async function enter(berth: Berth, id: string): Promise<Page> {
  const [page] = await Promise.all([
    berth.electron.waitForEvent('window'),
    berth.main.evaluate((id) => window.berth!.openWorkspace(id), id),
  ])
  await expect(page.getByRole('heading')).toBeVisible()
  return page
}

async function quit({ electron }: Berth): Promise<void> {
  const gone = electron.waitForEvent('close')
  await electron.evaluate(({ app }) => app.quit())
  await gone
}

test('keys belong to the editor, but for those that zoom; zoom and place are remembered', async ({
  dataDir,
}) => {
  const first = await launch(dataDir)
  const { id, page } = await withoutEditor(first, 'Keys')
  await page.evaluate(() => {
    const seen: string[] = []
    Object.assign(globalThis, { seen })
    addEventListener('keydown', ({ key, ctrlKey, shiftKey }) => {
      if (key !== 'Control' && key !== 'Shift')
        seen.push([ctrlKey && 'C', shiftKey && 'S', key.toLowerCase()].filter(Boolean).join('-'))
    })
  })
  const seen = () => page.evaluate(() => (globalThis as unknown as { seen: string[] }).seen)
  expect(await first.electron.evaluate(({ Menu }) => Menu.getApplicationMenu())).toBeNull()
  const zoom = async () => (await frames(first, id))[0]!.zoom
  await press(first, id, '=', 'control')
  await expect.poll(zoom).toBe(0.5)
  await press(first, id, '0', 'control')
  await expect.poll(zoom).toBe(0)
  await press(first, id, '-', 'control')
  await expect.poll(zoom).toBe(-0.5)
  await press(first, id, 'W', 'control')
  await press(first, id, 'N', 'control')
  await press(first, id, 'P', 'control', 'shift')
  await press(first, id, 'F1')
  await press(first, id, 'W', 'control', 'shift')
  await expect.poll(seen).toEqual(['C-w', 'C-n', 'C-S-p', 'f1', 'C-S-w'])
  expect(await titles(first, id)).toHaveLength(1)

  const bounds = { x: 120, y: 90, width: 800, height: 620 }
  await first.electron.evaluate(
    ({ BrowserWindow }, { id, bounds }) => {
      const window = BrowserWindow.getAllWindows().find((one) => one.webContents.getURL().includes(id))!
      window.setBounds(bounds)
    },
    { id, bounds },
  )
  await expect.poll(async () => (await frames(first, id))[0]!.bounds).toEqual(bounds)
  await quit(first)

  const second = await launch(dataDir)
  await enter(second, id)
  expect((await frames(second, id))[0]).toMatchObject({ zoom: -0.5, bounds })
  await second.electron.close()
})

test('an editor that was cut is back when its workspace runs again, without a click', async ({ berth }) => {
  await create(berth.main, 'Phoenix')
  await expect(card(berth.main, 'Phoenix')).toContainText('Running', { timeout: 120_000 })
  const { id } = await only(berth)
  const page = await open(berth, 'Phoenix')
  await expect.poll(() => titles(berth, id)).toEqual(['Phoenix – Berth'])

  await page.evaluate(() => Object.assign(globalThis, { before: true }))
  await ask(berth, 'POST', `/workspaces/${id}:stop`)
  await untilIn(berth, id, 'STANDBY')
  await expect.poll(() => titles(berth, id)).toEqual(['Phoenix – Standby – Berth'])
  expect(await page.evaluate(() => 'before' in globalThis)).toBe(true)
  await ask(berth, 'POST', `/workspaces/${id}:start`)
  await untilIn(berth, id, 'RUNNING')
  await expect.poll(() => page.evaluate(() => 'before' in globalThis).catch(() => true)).toBe(false)
  await workbench(page)
  await expect.poll(() => titles(berth, id)).toEqual(['Phoenix – Berth'])
  await expect(page.getByText(/reconnect/i)).toHaveCount(0)

  // An instance that dies is started anew, by itself; so is what is seen of it.
  await page.evaluate(() => Object.assign(globalThis, { before: true }))
  await docker.getContainer(`ws-${id}`).kill()
  await expect
    .poll(() => page.evaluate(() => 'before' in globalThis).catch(() => true), { timeout: 120_000 })
    .toBe(false)
  await workbench(page)

  // The waiting page goes on by itself.
  await ask(berth, 'POST', `/workspaces/${id}:stop`)
  await untilIn(berth, id, 'STANDBY')
  await page.close()
  await expect.poll(() => titles(berth, id)).toEqual([])
  await workbench(await open(berth, 'Phoenix'))
})

test('windows that were open are there after a restart, and nothing that sleeps is woken', async ({
  dataDir,
}) => {
  const first = await launch(dataDir)
  const { id: asleep } = await ask<Workspace>(first, 'POST', '/workspaces', { name: 'Asleep' })
  const { id } = await ask<Workspace>(first, 'POST', '/workspaces', { name: 'Awake' })
  await untilIn(first, asleep, 'RUNNING')
  await untilIn(first, id, 'RUNNING')
  await open(first, 'Asleep')
  const page = await open(first, 'Awake')
  // A second window of the same workspace, at another place in it.
  const [more] = await Promise.all([
    first.electron.waitForEvent('window'),
    page.evaluate(() => void window.open(`${location.pathname}?folder=/tmp`)),
  ])
  await workbench(more)
  expect(await titles(first, id)).toHaveLength(2)
  await ask(first, 'POST', `/workspaces/${asleep}:stop`)
  await untilIn(first, asleep, 'STANDBY')
  await quit(first)

  const second = await launch(dataDir)
  await expect.poll(() => titles(second, id)).toEqual(['Awake – Berth', 'Awake – Berth'])
  const pages = () => second.electron.windows().filter((one) => one.url().includes(id))
  for (const one of pages()) await workbench(one)
  expect(pages().filter((one) => new URL(one.url()).searchParams.get('folder') === '/tmp')).toHaveLength(1)
  expect(await titles(second, asleep)).toEqual([])
  await untilIn(second, asleep, 'STANDBY')
  // What the person closes stays closed.
  for (const one of pages()) await one.close()
  await expect.poll(() => titles(second, id)).toEqual([])
  await quit(second)

  const third = await launch(dataDir)
  await untilIn(third, id, 'RUNNING')
  await expect(card(third.main, 'Awake')).toContainText('Running')
  expect(await titles(third, id)).toEqual([])
  await third.electron.close()
})

test('a shortcut of the whole desktop leads to the palette', async ({ berth }) => {
  expect(
    await berth.electron.evaluate(({ globalShortcut }) =>
      globalShortcut.isRegistered('CommandOrControl+Alt+Shift+B'),
    ),
  ).toBe(true)
  await berth.electron.evaluate(({ BrowserWindow }) => BrowserWindow.getAllWindows()[0]!.hide())
  const palette = berth.main.getByRole('dialog').getByRole('combobox')
  await expect(palette).toBeHidden()
  // What the shortcut does to the page; twice is not too often.
  for (let times = 0; times < 2; times++) {
    await berth.main.evaluate(() => (location.hash = 'palette'))
    await expect(palette).toBeVisible()
    expect(new URL(berth.main.url()).hash).toBe('')
    await berth.main.keyboard.press('Escape')
    await expect(palette).toBeHidden()
  }
})
