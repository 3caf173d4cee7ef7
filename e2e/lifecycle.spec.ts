import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import type { Workspace } from '../main/core/api.ts'
import { card, create, docker, expect, only, open, picture, test, type Berth } from './app.ts'

const state = (main: Page, name: string) => card(main, name).getByTestId('state')

/** A running workspace with a file in its home that the host has put there. */
async function withFile(berth: Berth, name: string): Promise<{ id: string; file: string }> {
  await create(berth.main, name)
  await expect(state(berth.main, name)).toHaveText('Running', { timeout: 120_000 })
  const { id, home_path: home } = await only(berth)
  const file = join(home!, 'kept.txt')
  writeFileSync(file, 'every byte of it\n')
  return { id, file }
}

test('a file survives the archive and the way back, and the history tells of both', async ({ berth }) => {
  const { main } = berth
  const { id, file } = await withFile(berth, 'Galleon')
  const galleon = card(main, 'Galleon')

  await galleon.getByRole('button', { name: 'Archive' }).click()
  await expect(state(main, 'Galleon')).toHaveText('Archived', { timeout: 120_000 })
  await expect.poll(() => existsSync(file)).toBe(false)
  await expect(docker.getContainer(`ws-${id}`).inspect()).rejects.toMatchObject({ statusCode: 404 })
  await expect(galleon.getByRole('button', { name: 'Open' })).toBeDisabled()
  await picture(main, 'archived')

  await galleon.getByRole('button', { name: 'Restore' }).click()
  await expect(state(main, 'Galleon')).toHaveText('Running', { timeout: 120_000 })
  expect(readFileSync(file, 'utf8')).toBe('every byte of it\n')

  await galleon.getByRole('button', { name: 'Details' }).click()
  const details = main.getByRole('dialog')
  await details.getByRole('tab', { name: 'Archives' }).click()
  await expect(details.getByRole('button', { name: 'Restore this' })).toHaveCount(1)
  await details.getByRole('tab', { name: 'History' }).click()
  const lines = details.getByRole('listitem')
  await expect(lines.filter({ hasText: 'Archive because somebody asked for it' })).toContainText('done')
  await expect(lines.filter({ hasText: 'Restore because somebody asked for it' })).toContainText('done')
  await picture(main, 'details-history')
  await main.keyboard.press('Escape')
  await expect(details).toBeHidden()
})

test('what was deleted by mistake is put back from the trash', async ({ berth }) => {
  const { main } = berth
  const { file } = await withFile(berth, 'Wherry')
  await card(main, 'Wherry').getByRole('button', { name: 'Delete' }).click()
  const dialog = main.getByRole('dialog')
  await expect(dialog).toContainText('7 days')
  await dialog.getByRole('button', { name: 'Delete' }).click()
  await expect(card(main, 'Wherry')).toHaveCount(0)
  await expect.poll(() => existsSync(file)).toBe(false)

  await main.getByRole('button', { name: 'Trash' }).click()
  const row = dialog.getByRole('listitem').filter({ hasText: 'Wherry' })
  await expect(row).toContainText('goes for good in 7 days')
  await picture(main, 'trash')
  await row.getByRole('button', { name: 'Put back' }).click()
  await expect(row).toHaveCount(0)
  await dialog.getByRole('button', { name: 'Close' }).click()

  await expect(card(main, 'Wherry')).toBeVisible()
  await expect.poll(() => existsSync(file)).toBe(true)
  expect(readFileSync(file, 'utf8')).toBe('every byte of it\n')
})

test('a job in a terminal holds off an idle stop for as long as it runs', async ({ berth }) => {
  const { main, api } = berth
  const { id } = (await (await api('POST', '/workspaces', { name: 'Tug' })).json()) as Workspace
  const tug = card(main, 'Tug')
  await expect(state(main, 'Tug')).toHaveText('Running', { timeout: 120_000 })

  const window = await open(berth, 'Tug')
  await window.keyboard.press('Control+Backquote')
  await window.locator('.terminal-wrapper.active .xterm-screen').click()
  await expect(window.locator('.terminal-wrapper.active .xterm-helper-textarea')).toBeFocused()
  await window.keyboard.type('sleep 6000')
  await window.keyboard.press('Enter')
  await expect.poll(() => inside(id, 'cat /proc/[0-9]*/comm'), { timeout: 30_000 }).toContain('sleep')
  await api('PATCH', `/workspaces/${id}`, { standby_ttl_seconds: 10 })
  await window.close()
  const closed = Date.now()

  await expect(tug).toContainText(/Kept awake by .*sleep/, { timeout: 120_000 })
  await expect
    .poll(async () => ({ longPast: Date.now() - closed > 25_000, status: (await only(berth)).status }), {
      timeout: 60_000,
    })
    .toEqual({ longPast: true, status: 'RUNNING' })

  await inside(id, 'for p in /proc/[0-9]*; do [ "$(cat $p/comm)" = sleep ] && kill ${p#/proc/}; done')
  await expect(state(main, 'Tug')).toHaveText('Standby', { timeout: 150_000 })
  await expect(tug).toContainText('because nobody used it')
})

test('a person is warned before an idle stop, and can object', async ({ berth }) => {
  const { main, api } = berth
  await api('POST', '/workspaces', { name: 'Skiff', standby_ttl_seconds: 55 })
  const skiff = card(main, 'Skiff')
  await expect(skiff).toContainText(/Goes to sleep in \d+ s/, { timeout: 120_000 })
  await picture(main, 'warning')
  await skiff.getByRole('button', { name: 'Keep awake' }).click()
  await expect(skiff).toContainText('Kept awake until')
  await expect(skiff.getByRole('button', { name: 'Keep awake' })).toHaveCount(0)
  expect(Date.parse((await only(berth)).keep_awake_until!)).toBeGreaterThan(Date.now() + 3_500_000)
})

/** Runs a command in a workspace's container, and says what it printed. */
async function inside(id: string, command: string): Promise<string> {
  const exec = await docker
    .getContainer(`ws-${id}`)
    .exec({ Cmd: ['sh', '-c', command], AttachStdout: true, Tty: true })
  const stream = await exec.start({ Tty: true })
  let said = ''
  for await (const chunk of stream) said += String(chunk)
  return said
}
