import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Request } from '@playwright/test'
import type { HistoryEntry, System, Workspace } from '../main/core/api.ts'
import { expect, picture, workbench, type Berth } from './app.ts'
import { ask, follow, go, test, untilIn } from './browsing.ts'

/** A workspace that was made and put to sleep. */
async function asleep(berth: Berth, name: string): Promise<Workspace> {
  const { id } = await ask<Workspace>(berth, 'POST', '/workspaces', { name })
  await untilIn(berth, id, 'RUNNING')
  await ask(berth, 'POST', `/workspaces/${id}:stop`)
  await untilIn(berth, id, 'STANDBY')
  return ask<Workspace>(berth, 'GET', `/workspaces/${id}`)
}

const starts = async (berth: Berth, id: string): Promise<HistoryEntry[]> => {
  const { items } = await ask<{ items: HistoryEntry[] }>(berth, 'GET', `/workspaces/${id}/history`)
  return items.filter(({ operation }) => operation === 'STARTING')
}

test('a link opened in a browser wakes the workspace and leads to the address that was asked for', async ({
  berth,
  browsing,
}) => {
  const { id, home_path: home } = await asleep(berth, 'Sleeper')
  writeFileSync(join(home!, 'kept.txt'), 'kept')
  const page = await follow(berth, browsing, id, '/?folder=/home/coder')
  await expect(page.getByRole('heading', { name: 'Sleeper' })).toBeVisible()
  await expect(page.getByRole('listitem').filter({ hasText: 'Waiting for the editor' })).toBeVisible()
  await picture(page, 'waking')
  await workbench(page)
  const { hostname, pathname, searchParams } = new URL(page.url())
  expect([hostname, pathname]).toEqual([`${id}.localhost`, `/w/${id}/`])
  expect(searchParams.get('folder')).toBe('/home/coder')
  await expect(page.getByRole('treeitem', { name: 'kept.txt' })).toBeVisible()
  expect((await starts(berth, id))[0]).toMatchObject({ cause: 'VISIT', outcome: 'SUCCEEDED' })
})

test('P11: a page whose stream is cut off follows another, and goes on', async ({ berth, browsing }) => {
  // One that waits for a person, and so does its page.
  const image_ref = 'berth-e2e.invalid/none:1'
  const { id } = await ask<Workspace>(berth, 'POST', '/workspaces', { name: 'Before', image_ref })
  const isStream = (request: Request): boolean => request.resourceType() === 'eventsource'
  let asked = 0
  await browsing.route('**/.berth/events', (route) =>
    isStream(route.request()) && asked++ === 0 ? route.abort() : route.continue(),
  )
  const streams: number[] = []
  browsing.on('response', (response) => {
    if (isStream(response.request())) streams.push(response.status())
  })
  const page = await follow(berth, browsing, id, '/')
  await expect.poll(() => streams).toEqual([200])
  expect(asked).toBe(2)
  await berth.api('PATCH', `/workspaces/${id}`, { name: 'After' })
  await expect(page.getByRole('heading')).toContainText('After')
})

test('twenty tabs that open at once start it once, and all go on', async ({ berth, browsing }) => {
  const { id } = await asleep(berth, 'Many')
  const before = (await starts(berth, id)).length
  // Of the first one only the cookie is wanted: what it asks for is answered by code-server without an editor.
  const first = await follow(berth, browsing, id, '/healthz')
  const pages = await Promise.all(
    Array.from({ length: 19 }, async (_, n) => {
      const page = await browsing.newPage()
      await go(page, () => `${new URL(first.url()).origin}/w/${id}/healthz?tab=${n}#here`)
      return page
    }),
  )
  for (const page of [first, ...pages])
    await expect(page.locator('body')).toContainText('lastHeartbeat', { timeout: 120_000 })
  for (const [n, page] of pages.entries()) expect(page.url()).toMatch(new RegExp(`/healthz\\?tab=${n}#here$`))
  expect(await starts(berth, id)).toHaveLength(before + 1)
})

test('a start can be cancelled, and the page wakes nobody until it is asked to', async ({
  berth,
  browsing,
}) => {
  const { id } = await asleep(berth, 'Undecided')
  const page = await follow(berth, browsing, id, '/')
  await page.getByRole('button', { name: 'Cancel' }).click()
  await expect(page.getByRole('status')).toHaveText('It is asleep.')
  await untilIn(berth, id, 'STANDBY')
  await page.waitForTimeout(3_000) // nothing is to happen
  await untilIn(berth, id, 'STANDBY')
  await page.getByRole('button', { name: 'Open it again' }).click()
  await workbench(page)
})

test('a start that fails says why, and a retry goes on once that is mended', async ({ berth, browsing }) => {
  const image_ref = 'berth-e2e.invalid/none:1'
  const { id } = await ask<Workspace>(berth, 'POST', '/workspaces', { name: 'Wreck', image_ref })
  const page = await follow(berth, browsing, id, '/')
  const retry = page.getByRole('button', { name: 'Retry' })
  await expect(page.getByRole('heading')).toContainText('could not be started', { timeout: 60_000 })
  await expect(page.getByRole('status')).toHaveText('Berth no longer tries by itself.', { timeout: 60_000 })
  const { error_info } = await ask<Workspace>(berth, 'GET', `/workspaces/${id}`)
  await expect(page.getByRole('alert')).toContainText(error_info!.message)
  await expect(page.getByRole('alert')).toContainText(error_info!.hint)
  await picture(page, 'failed')

  const { default_image } = await ask<System>(berth, 'GET', '/system')
  await berth.api('PATCH', `/workspaces/${id}`, { image_ref: default_image, desired_state: 'STANDBY' })
  await untilIn(berth, id, 'STANDBY')
  await expect(retry).toBeHidden()
  await page.getByRole('button', { name: 'Open it again' }).click()
  await workbench(page)
})

test('an archived workspace is not woken by a visit, and is restored by its button', async ({
  berth,
  browsing,
}) => {
  const { id, home_path: home } = await asleep(berth, 'Attic')
  writeFileSync(join(home!, 'kept.txt'), 'kept')
  await ask(berth, 'POST', `/workspaces/${id}:archive`)
  await untilIn(berth, id, 'ARCHIVED')
  const page = await follow(berth, browsing, id, '/?folder=/home/coder')
  await expect(page.getByRole('status')).toContainText('It is archived.')
  await page.reload()
  await picture(page, 'archived')
  await untilIn(berth, id, 'ARCHIVED')
  await page.getByRole('button', { name: 'Restore' }).click()
  await workbench(page)
  await expect(page.getByRole('treeitem', { name: 'kept.txt' })).toBeVisible()
})

test('a page that leads to a workspace wakes it only for who has clicked', async ({ berth, browsing }) => {
  const { id } = await asleep(berth, 'Lured')
  const count = (await starts(berth, id)).length
  const led = `${berth.url}/#open=${id}&next=%2Fhealthz`
  const page = await browsing.newPage()
  const arrives = () => expect(page.locator('body')).toContainText('lastHeartbeat', { timeout: 120_000 })

  await go(page, () => led)
  await page.getByRole('button', { name: 'Use the token instead' }).click()
  await page
    .getByLabel('Token', { exact: true })
    .fill(readFileSync(join(berth.dataDir, 'token'), 'utf8').trim())
  await page.getByRole('button', { name: 'Sign in' }).click()
  await arrives()
  expect(await starts(berth, id)).toHaveLength(count + 1)
  // It runs: there is nothing to wake.
  await go(page, () => led)
  await arrives()

  await ask(berth, 'POST', `/workspaces/${id}:stop`)
  await untilIn(berth, id, 'STANDBY')
  await go(page, () => led)
  await expect(page.getByRole('heading', { name: 'Lured' })).toBeVisible()
  await expect(page.getByText('Standby.')).toBeVisible()
  await picture(page, 'led')
  expect(await starts(berth, id)).toHaveLength(count + 1)
  await untilIn(berth, id, 'STANDBY')
  await page.getByRole('button', { name: 'Open' }).click()
  await arrives()
  expect(await starts(berth, id)).toHaveLength(count + 2)
})
