import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { System, Workspace } from '../main/core/api.ts'
import { card, create, docker, expect, only, open, picture, test, workbench } from './app.ts'

test('a workspace from its creation to its deletion', async ({ berth }) => {
  const { main } = berth
  await main.emulateMedia({ colorScheme: 'light' })
  await expect(main.getByRole('button', { name: 'New workspace' })).toBeVisible()
  await picture(main, 'empty')

  const clicked = Date.now()
  await create(main, 'Harbour')
  const harbour = card(main, 'Harbour')
  await expect(harbour).toContainText('Running', { timeout: 120_000 })
  const running = Date.now()
  const { id, home_path: home } = await only(berth)
  const container = docker.getContainer(`ws-${id}`)
  expect((await container.inspect()).State.Running).toBe(true)

  const window = await open(berth, 'Harbour')
  console.log(
    `from Create: running after ${running - clicked} ms, workbench after ${Date.now() - clicked} ms`,
  )

  // The real terminal, by keyboard.
  await window.keyboard.press('Control+Backquote')
  await window.locator('.terminal-wrapper.active .xterm-screen').click()
  await expect(window.locator('.terminal-wrapper.active .xterm-helper-textarea')).toBeFocused()
  await window.keyboard.type('echo $((6*7)) > made-here')
  await window.keyboard.press('Enter')
  const made = join(home!, 'made-here')
  await expect
    .poll(() => (existsSync(made) ? readFileSync(made, 'utf8') : ''), { timeout: 30_000 })
    .toBe('42\n')
  await expect(window.getByRole('treeitem', { name: 'made-here' })).toBeVisible()
  await picture(window, 'code-server')
  await picture(main, 'main')
  await main.emulateMedia({ colorScheme: 'dark' })
  await picture(main, 'main-dark')
  await window.close()

  await harbour.getByRole('button', { name: 'Stop' }).click()
  await expect(harbour).toContainText('Standby')
  await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 })
  expect(readFileSync(made, 'utf8')).toBe('42\n')

  await harbour.getByRole('button', { name: 'Start' }).click()
  await expect(harbour).toContainText('Running', { timeout: 60_000 })
  const again = await open(berth, 'Harbour')
  await again.getByRole('treeitem', { name: 'made-here' }).dblclick()
  await expect(again.locator('.editor-instance .view-line').first()).toHaveText('42')
  await again.close()

  await harbour.getByRole('button', { name: 'Delete' }).click()
  await picture(main, 'delete')
  await main.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click()
  await expect(harbour).toContainText('Running')
  await harbour.getByRole('button', { name: 'Delete' }).click()
  await main.getByRole('dialog').getByRole('button', { name: 'Delete' }).click()
  await expect(harbour).toHaveCount(0)
  await expect(container.inspect()).rejects.toMatchObject({ statusCode: 404 })
  expect(existsSync(home!)).toBe(false)
  expect(await (await berth.api('GET', '/workspaces')).json()).toMatchObject({ items: [] })
})

test('opening a sleeping workspace wakes it, in the window that was left open too', async ({ berth }) => {
  const { main } = berth
  await create(main, 'Sleeper')
  const sleeper = card(main, 'Sleeper')
  await expect(sleeper).toContainText('Running', { timeout: 120_000 })
  const stop = async (): Promise<void> => {
    await sleeper.getByRole('button', { name: 'Stop' }).click()
    await expect(sleeper).toContainText('Standby')
  }
  await stop()
  const window = await open(berth, 'Sleeper')
  await expect(sleeper).toContainText('Running')

  await stop()
  await Promise.all([
    window.waitForEvent('framenavigated'),
    sleeper.getByRole('button', { name: 'Open' }).click(),
  ])
  await workbench(window)
  await expect(sleeper).toContainText('Running')
  expect(berth.electron.windows()).toHaveLength(2)
})

test('the page of a workspace that cannot start stays, and goes on when it can', async ({ berth }) => {
  const made = (await (
    await berth.api('POST', '/workspaces', { name: 'Wreck', image_ref: 'berth-e2e.invalid/none:1' })
  ).json()) as Workspace
  const [window] = await Promise.all([
    berth.electron.waitForEvent('window'),
    berth.main.evaluate((id) => globalThis.window.berth!.openWorkspace(id), made.id),
  ])
  await expect.poll(async () => (await only(berth)).error_count, { timeout: 60_000 }).toBe(3)
  await expect(window.getByRole('heading')).toContainText('could not be started')
  // It shows the last error, so there is nothing more to go to.
  const { error_info } = await only(berth)
  await expect(window.locator('body')).toHaveAttribute('data-shows', `error ${error_info!.at}`)

  let navigations = 0
  window.on('framenavigated', () => navigations++)
  for (const memo of ['a', 'b', 'c']) {
    await berth.api('PATCH', `/workspaces/${made.id}`, { memo })
    await window.waitForTimeout(1_000)
  }
  expect(navigations).toBe(0)

  const { default_image: image_ref } = (await (await berth.api('GET', '/system')).json()) as System
  await berth.api('PATCH', `/workspaces/${made.id}`, { image_ref })
  await berth.api('POST', `/workspaces/${made.id}:retry`)
  await workbench(window)
})
