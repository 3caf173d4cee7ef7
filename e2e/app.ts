import { randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import {
  _electron,
  expect,
  test as base,
  type ElectronApplication,
  type Locator,
  type Page,
  type Request,
} from '@playwright/test'
import Docker from 'dockerode'
import type { Workspace } from '../main/core/api.ts'

const root = resolve(import.meta.dirname, '..')
/** Marks what these tests make on the engine, so that they remove it and nothing else. */
const LABEL = `e2e-${process.pid}-${randomBytes(4).toString('hex')}`

export const docker = new Docker()

/** The running app, as a person and as a script see it. */
export interface Berth {
  electron: ElectronApplication
  /** The main window. */
  main: Page
  dataDir: string
  api: (method: string, path: string, body?: unknown) => Promise<Response>
  url: string
}

/** Starts the real app on a data directory. */
export async function launch(dataDir: string): Promise<Berth> {
  const electron = await _electron.launch({
    executablePath: process.env['BERTH_ELECTRON']!,
    // Chromium refuses its sandbox to root, and to root alone.
    args: [
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      root,
      '--data-dir',
      dataDir,
      '--label',
      LABEL,
    ],
  })
  // Under Playwright nobody else answers whether an editor may be left.
  electron.on('window', (page) => page.on('dialog', (dialog) => void dialog.accept()))
  const main = await dashboardOf(electron)
  await main.waitForLoadState()
  const url = new URL(main.url()).origin
  const token = readFileSync(join(dataDir, 'token'), 'utf8').trim()
  const api = (method: string, path: string, body?: unknown): Promise<Response> =>
    fetch(`${url}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    })
  return { electron, main, dataDir, api, url }
}

/** Windows of workspaces may come back before it. */
async function dashboardOf(electron: ElectronApplication): Promise<Page> {
  const find = (): Page | undefined =>
    electron.windows().find((page) => page.url().startsWith('http://127.0.0.1:'))
  await expect.poll(() => find() !== undefined).toBe(true)
  return find()!
}

/** A data directory for one test, and the app on it; afterwards all that they made is removed. */
export const test = base.extend<{ dataDir: string; berth: Berth }>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of what a fixture needs
  dataDir: async ({}, use) => {
    const dataDir = mkdtempSync(join(tmpdir(), 'berth-e2e-'))
    await use(dataDir)
    await removeContainers()
    await rm(dataDir, { recursive: true, force: true })
  },
  berth: async ({ dataDir }, use) => {
    const berth = await launch(dataDir)
    await use(berth)
    await berth.electron.close()
  },
})

async function removeContainers(): Promise<void> {
  const filters = { label: [`io.berth.label=${LABEL}`] }
  for (const { Id } of await docker.listContainers({ all: true, filters }))
    await docker.getContainer(Id).remove({ force: true })
  for (const { Id } of await docker.listNetworks({ filters })) await docker.getNetwork(Id).remove()
}

export { expect }

/** The card of a workspace in the main window. */
export const card = (main: Page, name: string): Locator => main.getByRole('listitem', { name, exact: true })

/** Creates a workspace as a person does. */
export async function create(main: Page, name: string): Promise<void> {
  await main.getByRole('button', { name: 'New workspace' }).click()
  const dialog = main.getByRole('dialog')
  await dialog.getByLabel('Name').fill(name)
  await dialog.getByRole('button', { name: 'Create' }).click()
  await expect(dialog).toBeHidden()
}

/** Opens a workspace's window by its card, and waits for the VS Code workbench in it. */
export async function open(berth: Berth, name: string): Promise<Page> {
  const [window] = await Promise.all([
    berth.electron.waitForEvent('window'),
    card(berth.main, name).getByRole('button', { name: 'Open' }).click(),
  ])
  await workbench(window)
  return window
}

/**
 * Waits for the VS Code workbench. Loads the page again when a container that came up meanwhile has changed this machine's
 * network, at which Chromium gives up whatever a page was loading.
 */
export async function workbench(window: Page): Promise<void> {
  let again = Promise.resolve<unknown>(undefined)
  const reload = (request: Request): void => {
    if (request.failure()?.errorText !== 'net::ERR_NETWORK_CHANGED') return
    again = again.then(() => window.reload()).catch(() => undefined)
  }
  window.on('requestfailed', reload)
  const shown = async (): Promise<void> => {
    await expect(window.locator('.monaco-workbench')).toBeVisible({ timeout: 120_000 })
    await expect(window.locator('.statusbar')).toBeVisible({ timeout: 60_000 })
  }
  await shown()
  window.off('requestfailed', reload)
  await again
  await shown()
}

/** The one workspace there is, as the API tells it. */
export async function only({ api }: Berth): Promise<Workspace> {
  const { items } = (await (await api('GET', '/workspaces')).json()) as { items: Workspace[] }
  expect(items).toHaveLength(1)
  return items[0]!
}

/** Keeps a picture of the page: for the docs when asked to (`BERTH_SCREENSHOTS=docs`), else beside the other results. */
export async function picture(page: Page, name: string): Promise<void> {
  const dir = join(
    root,
    process.env['BERTH_SCREENSHOTS'] === 'docs' ? 'docs/screenshots' : 'test-results/screenshots',
  )
  await mkdir(dir, { recursive: true })
  // The data directory of a test says nothing to a reader. (The page's CSP refuses a stylesheet for that.)
  await page.locator('.footer-path').evaluateAll((found) => {
    for (const each of found as HTMLElement[]) each.style.visibility = 'hidden'
  })
  await page.screenshot({ path: join(dir, `${name}.png`) })
}
