import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, launch, picture, test } from './app.ts'

test('settings are changed in a dialog, checked, kept in the file, and apply at once', async ({
  dataDir,
}) => {
  process.env['BERTH_TRASH_DAYS'] = '2'
  const { main, electron } = await launch(dataDir)
  delete process.env['BERTH_TRASH_DAYS']
  const kept = () =>
    JSON.parse(readFileSync(join(dataDir, 'settings.json'), 'utf8')) as Record<string, unknown>
  const html = main.locator('html')
  await main.emulateMedia({ colorScheme: 'light' })
  await main.getByTitle('Account').click()
  await main.getByRole('button', { name: 'Settings…' }).click()
  const settings = main.getByRole('dialog', { name: 'Settings' })
  const save = settings.getByRole('button', { name: 'Save' })
  const saved = settings.getByRole('status').filter({ hasText: 'Saved' })

  await expect(settings.getByLabel('Deleted workspaces stay')).toHaveValue('2')
  await expect(settings.getByLabel('Deleted workspaces stay')).toBeDisabled()
  await expect(settings.getByText(/--trash-days or BERTH_TRASH_DAYS/)).toBeVisible()
  await picture(main, 'settings')

  await settings.getByLabel('Archives kept').fill('0')
  await save.click()
  await expect(settings.getByText('A whole number from 1 to 100.')).toBeVisible()
  await expect(settings.getByLabel('Archives kept')).toBeFocused()
  await settings.getByLabel('Archives kept').fill('9')
  await settings.getByLabel('Sleep after').fill('never')
  await settings.getByLabel('CPUs').fill('0,5')
  await save.click()
  await expect(saved).toBeVisible()
  expect(kept()).toEqual({ cpus: 0.5, standby_ttl_seconds: 0, keep_archives: 9 })

  const ground = () => main.evaluate(() => getComputedStyle(document.documentElement).backgroundColor)
  const light = await ground()
  await settings.getByRole('tab', { name: 'Look and app' }).click()
  await settings.getByRole('radio', { name: 'Dark' }).click()
  await expect(settings.getByRole('radio', { name: 'Dark' })).toBeChecked()
  await expect(saved).toBeVisible()
  await expect(html).toHaveAttribute('data-theme', 'dark')
  expect(await ground()).not.toBe(light)
  // A switch shows what is kept.
  await settings.getByRole('switch', { name: 'Something failed' }).click()
  await expect(settings.getByRole('switch', { name: 'Something failed' })).not.toBeChecked()
  await settings.getByRole('switch', { name: /in the tray/ }).click()
  await expect(settings.getByRole('switch', { name: /in the tray/ })).toBeChecked()
  await expect.poll(kept).toMatchObject({ theme: 'dark', notify_failed: false, close_to_tray: true })
  await picture(main, 'settings-dark')

  await settings.getByRole('tab', { name: 'Network' }).click()
  await settings.getByLabel('Share address').fill('here')
  await save.click()
  await expect(settings.getByText('An IPv4 address such as 192.168.1.20.')).toBeVisible()

  await main.keyboard.press('Escape')
  await expect(settings).toBeHidden()
  await main.reload()
  await expect(main.getByTitle('Account')).toBeVisible()
  await expect(html).toHaveAttribute('data-theme', 'dark')
  await main.keyboard.press('ControlOrMeta+k')
  await main.getByRole('option', { name: 'Settings…' }).click()
  await expect(settings.getByLabel('Archives kept')).toHaveValue('9')
  await expect(settings.getByLabel('Sleep after')).toHaveValue('never')
  await electron.close()
})
