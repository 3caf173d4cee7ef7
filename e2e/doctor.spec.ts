import { expect, picture, test } from './app.ts'

test('the doctor looks at everything, and its report can be copied', async ({ berth }) => {
  const { main, electron } = berth
  await main.getByRole('contentinfo').getByRole('button', { name: 'Doctor' }).click()
  const doctor = main.getByRole('dialog', { name: 'Doctor' })
  const checks = doctor.getByRole('listitem')
  await expect(checks).toHaveCount(9)
  const docker = checks.filter({ hasText: /^Docker/ })
  await expect(docker).toContainText(/Docker [\d.]+.* answers/)
  await expect(docker).toContainText('Fine')
  await main.emulateMedia({ colorScheme: 'light' })
  await picture(main, 'doctor')
  await main.emulateMedia({ colorScheme: 'dark' })
  await picture(main, 'doctor-dark')

  await doctor.getByRole('button', { name: 'Check again' }).click()
  await doctor.getByText('What the report says').click()
  await expect(doctor.getByText(/^Berth doctor, /)).toBeVisible()
  await doctor.getByRole('button', { name: 'Copy report' }).click()
  await expect(doctor.getByRole('button', { name: 'Copied' })).toBeVisible()
  const copied = await electron.evaluate(({ clipboard }) => clipboard.readText())
  expect(copied).toMatch(/^Electron: \d/m)
  expect(copied).toContain('[OK] ENGINE: Docker')
  expect(copied).not.toContain(berth.dataDir)

  await main.keyboard.press('Escape')
  await expect(doctor).toBeHidden()
  await expect(main.getByRole('contentinfo').getByRole('button', { name: 'Doctor' })).toBeFocused()
})
