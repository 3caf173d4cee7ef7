import { once } from 'node:events'
import type { Workspace } from '../main/core/api.ts'
import { card, docker, expect, picture, test, type Berth } from './app.ts'
import { ask, untilIn } from './browsing.ts'

const find = async (berth: Berth, name: string): Promise<Workspace | undefined> =>
  (await ask<{ items: Workspace[] }>(berth, 'GET', '/workspaces')).items.find((one) => one.name === name)

const MEMO = [
  '# Moorings',
  'Ring **twice** at the [harbour office](https://example.org/).',
  '- [x] ropes\n- [ ] fenders',
  '<img src=x onerror="document.title=1"> ![the quay](https://evil.example/track.png) [here](javascript:document.title=1)',
].join('\n\n')

test('a workspace gets a memo and variables, and a duplicate that has both', async ({ berth }) => {
  const { main } = berth
  const refused: string[] = []
  main.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) refused.push(message.text())
  })
  const asked: string[] = []
  main.on('request', (request) => asked.push(request.url()))
  const { id } = await ask<Workspace>(berth, 'POST', '/workspaces', { name: 'Quay' })
  await ask(berth, 'POST', `/workspaces/${id}:stop`, {})
  await untilIn(berth, id, 'STANDBY')

  // What was begun outlasts a look elsewhere; what is shown is what was written, and no HTML.
  await card(main, 'Quay').getByRole('button', { name: 'Details' }).click()
  const details = main.getByRole('dialog', { name: 'Quay' })
  await details.getByRole('button', { name: 'Write a memo' }).click()
  const text = details.getByRole('textbox', { name: 'Memo' })
  await expect(text).toBeFocused()
  await text.fill(MEMO)
  await picture(main, 'memo-editing')
  await details.getByRole('tab', { name: 'History' }).click()
  await details.getByRole('tab', { name: 'Overview' }).click()
  await expect(text).toHaveValue(MEMO)
  await details.getByRole('button', { name: 'Save' }).click()
  const memo = details.getByRole('region', { name: 'Memo' })
  await expect(memo.getByRole('heading', { name: 'Moorings' })).toBeVisible()
  await expect(memo.getByRole('link')).toHaveText(['harbour office'])
  await expect(memo.getByRole('checkbox', { checked: true })).toHaveCount(1)
  await expect(memo.getByText('<img src=x onerror=')).toBeVisible()
  await expect(memo.locator('img')).toHaveCount(0)
  await memo.scrollIntoViewIfNeeded()
  await picture(main, 'memo')

  await details.getByRole('tab', { name: 'Settings' }).click()
  await details.getByText('Image, limits and environment').click()
  await details.getByRole('button', { name: 'Add a variable' }).click()
  await main.keyboard.type('HOME')
  await details.getByRole('textbox', { name: 'Value of variable 1' }).fill('/')
  await details.getByRole('button', { name: 'Save' }).click()
  await expect(details.getByRole('alert')).toContainText('HOME cannot be set here')
  const name = details.getByRole('textbox', { name: 'Name of variable 1' })
  await expect(name).toBeFocused()
  await name.fill('GREETING')
  await details.getByRole('textbox', { name: 'Value of variable 1' }).fill('ahoy\nthere')
  await details.getByRole('button', { name: 'Add a variable' }).click()
  await picture(main, 'variables')
  await details.getByRole('button', { name: 'Remove variable 2' }).click()
  await expect(details.getByRole('button', { name: 'Add a variable' })).toBeFocused()
  await details.getByRole('button', { name: 'Save' }).click()
  await expect(details.getByRole('status').filter({ hasText: 'Saved' })).toBeVisible()
  expect((await find(berth, 'Quay'))?.env).toEqual({ GREETING: 'ahoy\nthere' })

  await details.getByRole('tab', { name: 'Overview' }).click()
  await details.getByRole('button', { name: 'Duplicate…' }).click()
  const dialog = main.getByRole('dialog', { name: 'Duplicate “Quay”?' })
  await expect(dialog).toContainText('no file of this workspace is copied')
  await picture(main, 'duplicate')
  await dialog.getByRole('button', { name: 'Duplicate' }).click()
  await expect(dialog).toBeHidden()
  await main.keyboard.press('Escape')
  await expect(card(main, 'Quay copy')).toBeVisible()
  const copy = await find(berth, 'Quay copy')
  expect(copy).toMatchObject({ memo: MEMO, env: { GREETING: 'ahoy\nthere' } })

  // The log follows what is said inside, and stays where somebody reads.
  await untilIn(berth, copy!.id, 'RUNNING')
  await card(main, 'Quay copy').getByRole('button', { name: 'Details' }).click()
  await main.getByRole('tab', { name: 'Log' }).click()
  const log = main.getByRole('region', { name: 'The end of the log of the container' })
  await expect(log).toContainText('HTTP server listening')
  const say = async (what: string, times: number): Promise<void> => {
    const script = `i=0; while [ $i -lt ${times} ]; do echo "${what} $i"; i=$((i + 1)); done > /proc/1/fd/1`
    const container = docker.getContainer(`ws-${copy!.id}`)
    const exec = await container.exec({ Cmd: ['sh', '-c', script], AttachStdout: true })
    const said = await exec.start({})
    await once(said.resume(), 'end')
  }
  const isAtEnd = () => log.evaluate((box) => box.scrollHeight - box.scrollTop - box.clientHeight < 8)
  await say('ahoy', 60)
  await expect(log).toContainText('ahoy 59')
  expect(await isAtEnd()).toBe(true)
  await picture(main, 'log')
  await log.evaluate((box) => box.scrollTo(0, 0))
  await expect.poll(isAtEnd).toBe(false)
  await say('again', 1)
  await expect(log).toContainText('again 0')
  expect(await isAtEnd()).toBe(false)

  expect(refused).toEqual([])
  expect(asked.filter((url) => !url.startsWith(berth.url))).toEqual([])
})
