import { chromium, type BrowserContext, type Page } from '@playwright/test'
import type { Workspace } from '../main/core/api.ts'
import { expect, test as base, type Berth } from './app.ts'

/** A test with a browser that is not ours, as a person has one. `chromium`: how it is started, besides. */
export const test = base.extend<{ chromium: string[]; browsing: BrowserContext }>({
  chromium: [[], { option: true }],
  browsing: async ({ chromium: args }, use) => {
    const browser = await chromium.launch({
      executablePath: process.env['BERTH_CHROMIUM']!,
      args: [
        // What a change of the network has cut off is loaded again, as it is where a person looks on.
        '--enable-auto-reload',
        // Chromium refuses its sandbox to root, and to root alone.
        ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
        ...args,
      ],
    })
    await use(await browser.newContext())
    await browser.close()
  },
})

/** Asks the API for something that it does not refuse. */
export async function ask<Answer>(
  { api }: Berth,
  method: string,
  path: string,
  body?: unknown,
): Promise<Answer> {
  const answer = await api(method, path, body)
  expect(answer.ok, `${method} ${path}`).toBe(true)
  return (await answer.json()) as Answer
}

export async function untilIn(berth: Berth, id: string, state: Workspace['display_status']): Promise<void> {
  await expect
    .poll(
      async () => {
        const { display_status, operation } = await ask<Workspace>(berth, 'GET', `/workspaces/${id}`)
        return [display_status, operation]
      },
      { timeout: 120_000 },
    )
    .toEqual([state, 'NONE'])
}

/**
 * Goes to an address; again when a container that came up meanwhile has changed this machine's network, at which Chromium gives up
 * whatever it was loading.
 */
export async function go(page: Page, address: () => string | Promise<string>): Promise<void> {
  for (;;)
    try {
      await page.goto(await address(), { waitUntil: 'commit' })
      return
    } catch (error) {
      const said = String(error)
      if (/ERR_NETWORK_CHANGED|chrome-error:/.test(said)) continue
      // The page has gone on by itself already.
      if (said.includes('is interrupted by another navigation')) return
      throw error
    }
}

/** Opens the link that signs a browser in to a workspace. */
export async function follow(
  berth: Berth,
  browsing: BrowserContext,
  id: string,
  path: string,
): Promise<Page> {
  const page = await browsing.newPage()
  const link = (): Promise<{ url: string }> => ask(berth, 'POST', `/workspaces/${id}:open`, { path })
  await go(page, async () => (await link()).url) // each is good for one visit
  return page
}
