import type { BrowserContext, Cookie, Page } from '@playwright/test'
import type { Workspace } from '../main/core/api.ts'
import { card, create, expect, only, picture, workbench, type Berth } from './app.ts'
import { follow, go, test as base } from './browsing.ts'

/** A guest's browser, which knows nothing of this machine's certificate authority and goes on past the warning. */
const test = base.extend<{ guest: BrowserContext }>({
  guest: async ({ browsing }, use) => {
    await use(await browsing.browser()!.newContext({ ignoreHTTPSErrors: true }))
  },
})

/** Makes a workspace, and a link to it as a person does; returns the link. */
async function share(
  { main }: Berth,
  name: string,
  who: 'Ask me first' | 'Anyone with the link',
): Promise<string> {
  await create(main, name)
  await expect(card(main, name)).toHaveAttribute('data-state', 'RUNNING', { timeout: 120_000 })
  await card(main, name).getByRole('button', { name: 'Share' }).click()
  const dialog = main.getByRole('dialog')
  await dialog.getByLabel(who).check()
  await picture(main, 'share')
  await dialog.getByRole('button', { name: 'Share', exact: true }).click()
  const link = dialog.getByRole('region', { name: 'Link for your guest' }).locator('code')
  await expect(link).toBeVisible({ timeout: 30_000 })
  await expect(dialog.getByRole('img', { name: 'QR code of the link' })).toBeVisible()
  await picture(main, 'share-link')
  return link.innerText()
}

const sharing = async (berth: Berth): Promise<Workspace['sharing']> => (await only(berth)).sharing

async function arrive(guest: BrowserContext, link: string): Promise<Page> {
  const page = await guest.newPage()
  await go(page, () => link)
  // The secret has left the address bar before anything is asked.
  await expect.poll(() => page.url()).not.toContain('#')
  return page
}

test('L2 L3: a guest rings, is let in, works, and is thrown out', async ({ berth, guest }) => {
  const { main } = berth
  const link = await share(berth, 'Together', 'Ask me first')
  const page = await arrive(guest, link)
  await page.getByText('Why does my browser warn me?').click()
  const { fingerprint } = (await sharing(berth))!
  await expect(page.getByText(fingerprint)).toBeVisible()
  await picture(page, 'guest-door')
  await page.getByLabel('Your name').fill('Kim')
  await page.getByRole('button', { name: 'Enter' }).click()
  await expect(page.getByText('It rings.')).toBeVisible()

  const dialog = main.getByRole('dialog')
  await picture(main, 'doorbell')
  await dialog.getByRole('button', { name: 'Allow Kim' }).click()
  await workbench(page)
  await expect(dialog.getByText('here now')).toBeVisible()
  expect(page.url()).not.toContain(link.split('#')[1]!)
  const cookies = await guest.cookies()
  expect(cookies.filter(({ name }) => name.startsWith('berth-'))).toEqual([
    expect.objectContaining({ httpOnly: true, secure: true, sameSite: 'Lax' }),
  ])
  await picture(main, 'guests')

  await dialog.getByRole('button', { name: 'Throw out Kim' }).click()
  await expect.poll(async () => (await sharing(berth))?.shares[0]?.guests.length, { timeout: 10_000 }).toBe(0)
  await page.reload()
  await expect(page.getByText('open the link that you were given')).toBeVisible()

  await dialog.getByRole('button', { name: 'Stop sharing' }).click()
  await expect.poll(() => sharing(berth)).toBeNull()
  await expect(page.reload()).rejects.toThrow(/ERR_CONNECTION_REFUSED/)
})

test('L4: the owner’s own browser opens the link, and is who it was', async ({ berth, guest: browsing }) => {
  const link = await share(berth, 'Mine', 'Anyone with the link')
  const { id } = await only(berth)
  const inside = 3000
  const { port } = new URL(berth.url)
  const [pages, server] = [
    `http://${id}.localhost:${port}/w/${id}/`,
    `http://${inside}--${id}.localhost:${port}/`,
  ]
  const seen = await follow(berth, browsing, id, '/healthz')
  await expect(seen.locator('body')).toContainText('lastHeartbeat')
  const preview = await browsing.newPage()
  await go(preview, () => server)
  await expect(preview.getByText(`Nobody answers on port ${inside}`)).toBeVisible()

  const own = async (): Promise<Cookie[]> => {
    const cookies = await browsing.cookies([berth.url, pages, server])
    return cookies.sort((a, b) => a.name.localeCompare(b.name))
  }
  const before = await own()
  expect(before.map(({ name }) => name)).toEqual(['berth-port', 'berth-workspace'])
  const page = await arrive(browsing, link)
  await page.getByRole('button', { name: 'Enter' }).click()
  await workbench(page)
  expect((await browsing.cookies(link)).map(({ name }) => name)).toContain('berth-guest')
  expect(await own()).toEqual(before)
  for (const [one, says] of [
    [seen, 'lastHeartbeat'],
    [preview, `Nobody answers on port ${inside}`],
  ] as const) {
    await one.reload()
    await expect(one.locator('body')).toContainText(says)
  }
  expect(await own()).toEqual(before)
})

test('anyone with the link comes in with one click, and knows what the port is good for', async ({
  berth,
  guest,
}) => {
  const link = await share(berth, 'Open house', 'Anyone with the link')
  const page = await arrive(guest, link)
  await page.getByRole('button', { name: 'Enter' }).click()
  await workbench(page)
  // The dashboard and the API are not there.
  const { origin } = new URL(link)
  for (const path of ['/', '/api/v1/workspaces'])
    expect((await guest.request.get(origin + path)).status(), path).toBe(404)
})
