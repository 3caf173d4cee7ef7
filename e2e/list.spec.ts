import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Page } from '@playwright/test'
import Database from 'better-sqlite3'
import type { CreateWorkspace, Workspace } from '../main/core/api.ts'
import { card, expect, launch, picture, test, type Berth } from './app.ts'
import { ask, untilIn } from './browsing.ts'

const cards = (main: Page) => main.getByRole('list', { name: 'Workspaces' }).getByRole('listitem')
const names = (main: Page): Promise<string[]> => cards(main).getByRole('heading').allInnerTexts()
const segment = (main: Page, name: RegExp) =>
  main.getByRole('group', { name: 'Show' }).getByRole('button', { name })
const palette = (main: Page) => main.getByRole('dialog', { name: 'Commands' })

/** No image has this name: what is made of it fails. */
const NOWHERE = 'berth-e2e.invalid/none:1'

/** Makes a workspace and does something with it at once. */
async function make(berth: Berth, wish: CreateWorkspace, command?: 'stop' | 'archive'): Promise<string> {
  const { id } = await ask<Workspace>(berth, 'POST', '/workspaces', wish)
  if (command !== undefined) await ask(berth, 'POST', `/workspaces/${id}:${command}`, {})
  return id
}

test('six workspaces are searched, narrowed, ordered and walked through', async ({ berth }) => {
  const { main } = berth
  // Nothing that the page does may be against its own rules.
  const refused: string[] = []
  main.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) refused.push(message.text())
  })
  const asleep = [
    await make(berth, { name: 'Crème brûlée' }, 'stop'),
    await make(berth, { name: 'Pinnace', description: 'The bakery’s back end' }, 'stop'),
    await make(berth, { name: 'Albatross' }, 'stop'),
  ]
  await expect(cards(main)).toHaveCount(3)
  await expect(main.getByRole('searchbox')).toHaveCount(0)
  const shelved = await make(berth, { name: 'Shelf' }, 'stop')
  const failed = [
    await make(berth, { name: 'Wreck', image_ref: NOWHERE }),
    await make(berth, { name: 'Hulk', image_ref: NOWHERE }),
  ]
  for (const id of [...asleep, shelved]) await untilIn(berth, id, 'STANDBY')
  await ask(berth, 'POST', `/workspaces/${shelved}:archive`, {})
  await untilIn(berth, shelved, 'ARCHIVED')
  for (const id of failed) {
    const status = async () => (await ask<Workspace>(berth, 'GET', `/workspaces/${id}`)).status
    await expect.poll(status, { timeout: 60_000 }).toBe('ERROR')
  }

  // By state, with counts.
  await expect(segment(main, /^All 6$/)).toHaveAttribute('aria-pressed', 'true')
  await expect(segment(main, /^Running 0$/)).toBeVisible()
  await segment(main, /^Failed 2$/).click()
  await expect.poll(() => names(main)).toEqual(['Hulk', 'Wreck'])
  await segment(main, /^Archived 1$/).click()
  await expect.poll(() => names(main)).toEqual(['Shelf'])
  await segment(main, /^Asleep 3$/).click()
  await expect.poll(() => names(main)).toEqual(['Albatross', 'Pinnace', 'Crème brûlée'])

  // By words, without regard to case and accents; the key leads there.
  await main.keyboard.press('/')
  const search = main.getByRole('searchbox', { name: 'Search workspaces' })
  await expect(search).toBeFocused()
  await main.keyboard.type('BRULEE')
  await expect.poll(() => names(main)).toEqual(['Crème brûlée'])
  await search.fill('bakery')
  await expect.poll(() => names(main)).toEqual(['Pinnace'])
  await expect(segment(main, /^All 1$/)).toBeVisible()
  await search.fill('submarine')
  await expect(main.getByRole('heading', { name: 'Nothing matches' })).toBeVisible()
  await picture(main, 'list-nothing')
  await main.getByRole('button', { name: 'Clear' }).click()
  await expect(cards(main)).toHaveCount(6)

  // In another order and shape, which the browser remembers.
  await main.getByRole('combobox', { name: 'Sort by' }).selectOption('Name')
  const byName = ['Albatross', 'Crème brûlée', 'Hulk', 'Pinnace', 'Shelf', 'Wreck']
  await expect.poll(() => names(main)).toEqual(byName)
  await picture(main, 'list')
  await main.getByRole('button', { name: 'Grid' }).click()
  await main.reload()
  await expect.poll(() => names(main)).toEqual(byName)
  await expect(main.getByRole('button', { name: 'Grid' })).toHaveAttribute('aria-pressed', 'true')
  await picture(main, 'list-grid')
  const place = async (name: string) => (await card(main, name).boundingBox())!
  expect((await place('Albatross')).y).toBe((await place('Crème brûlée')).y)

  // By keys alone.
  await main.keyboard.press('/')
  await main.keyboard.press('ArrowDown')
  await expect(card(main, 'Albatross')).toBeFocused()
  await main.keyboard.press('ArrowRight')
  await expect(card(main, 'Crème brûlée')).toBeFocused()
  await main.keyboard.press('ArrowDown')
  await expect(card(main, 'Pinnace')).toBeFocused()
  await main.keyboard.press('End')
  await expect(card(main, 'Wreck')).toBeFocused()
  await main.keyboard.press('Home')
  await expect(card(main, 'Albatross')).toBeFocused()
  await expect(card(main, 'Albatross')).toHaveAttribute('aria-posinset', '1')
  await expect(card(main, 'Albatross')).toHaveAttribute('aria-setsize', '6')
  await main.getByRole('button', { name: 'List', exact: true }).click()

  // What cannot be opened shows its details.
  await card(main, 'Shelf').focus()
  await main.keyboard.press('Enter')
  const details = main.getByRole('dialog', { name: 'Shelf' })
  await expect(details.getByRole('tab', { name: 'Overview' })).toBeVisible()
  await main.keyboard.press('Escape')
  await expect(card(main, 'Shelf')).toBeFocused()

  // They stay when their card no longer matches.
  await segment(main, /^Asleep 3$/).click()
  await card(main, 'Albatross').getByRole('button', { name: 'Details' }).click()
  await ask(berth, 'POST', `/workspaces/${asleep[2]}:archive`, {})
  await expect.poll(() => names(main)).toEqual(['Crème brûlée', 'Pinnace'])
  await expect(main.getByRole('dialog', { name: 'Albatross' })).toBeVisible()
  expect(refused).toEqual([])
})

test('the palette goes to workspaces and does things with them', async ({ berth }) => {
  const { main, electron } = berth
  const refused: string[] = []
  main.on('console', (message) => {
    if (/Content Security Policy/i.test(message.text())) refused.push(message.text())
  })
  const galleon = await make(berth, { name: 'Galleon' })
  const skiff = await make(berth, { name: 'Skiff' }, 'stop')
  await untilIn(berth, skiff, 'STANDBY')
  await untilIn(berth, galleon, 'RUNNING')

  await main.keyboard.press('Control+K')
  const box = palette(main).getByRole('combobox', { name: 'Commands' })
  await expect(box).toBeFocused()
  const options = palette(main).getByRole('option')
  await expect(options).toHaveText([/Galleon|Skiff/, /Galleon|Skiff/, /New/, /Trash/, /Settings/, /Doctor/])
  await main.keyboard.press('Control+K')
  await expect(palette(main)).toBeHidden()

  // Enter opens.
  await main.keyboard.press('Control+K')
  await main.keyboard.type('GALL')
  await expect(options).toHaveCount(1)
  await expect(options).toHaveAttribute('aria-selected', 'true')
  const [window] = await Promise.all([electron.waitForEvent('window'), main.keyboard.press('Enter')])
  await expect(palette(main)).toBeHidden()
  await window.close()

  // Tab shows what else can be done.
  await main.bringToFront()
  await main.keyboard.press('Control+K')
  await main.keyboard.type('gall')
  await expect(options).toHaveCount(1)
  await main.keyboard.press('Tab')
  const about = palette(main).getByRole('group', { name: 'Galleon' }).getByRole('option')
  await expect(about).toHaveText([
    'Open',
    'Stop',
    'Keep awake for 1 hour',
    'Archive',
    'Share…',
    'Details…',
    'Duplicate…',
    'Delete…',
  ])
  await expect(about.first()).toHaveAttribute('aria-selected', 'true')
  await picture(main, 'palette')
  await main.keyboard.type('awake')
  await main.keyboard.press('Enter')
  await expect(palette(main)).toBeHidden()
  await expect(card(main, 'Galleon')).toContainText('Kept awake until')

  // From a card it is about that one.
  await card(main, 'Galleon').focus()
  await main.keyboard.press('Control+K')
  await main.keyboard.type('stop')
  await expect(options).toHaveText(['Stop'])
  await main.keyboard.press('Enter')
  await expect(palette(main)).toBeHidden()
  await untilIn(berth, galleon, 'STANDBY')

  // Others follow in a dialog, and the focus comes back.
  await card(main, 'Skiff').focus()
  await main.keyboard.press('Control+K')
  await main.keyboard.type('share')
  await main.keyboard.press('Enter')
  await expect(
    main.getByRole('dialog', { name: 'Skiff' }).getByRole('tab', { name: 'Sharing' }),
  ).toHaveAttribute('aria-selected', 'true')
  await main.keyboard.press('Escape')
  await expect(card(main, 'Skiff')).toBeFocused()
  await main.keyboard.press('Control+K')
  await main.keyboard.press('Backspace')
  await main.keyboard.type('trash')
  await main.keyboard.press('Enter')
  await expect(main.getByRole('dialog', { name: 'Trash' })).toBeVisible()
  await main.keyboard.press('Escape')
  await main.getByRole('button', { name: 'Commands' }).click()
  await main.keyboard.type('new')
  await main.keyboard.press('Enter')
  await expect(main.getByRole('dialog', { name: 'New workspace' })).toBeVisible()
  expect(refused).toEqual([])
})

test('of a thousand workspaces only those in sight are drawn', async ({ dataDir }) => {
  const first = await launch(dataDir)
  const { id } = await ask<Workspace>(first, 'POST', '/workspaces', { name: 'Number 0000' })
  await ask(first, 'POST', `/workspaces/${id}:stop`, {})
  await untilIn(first, id, 'STANDBY')
  await first.electron.close()
  multiply(dataDir, id, 1_000)

  const berth = await launch(dataDir)
  const { main } = berth
  await expect(segment(main, /^Asleep 1,000$/)).toBeVisible({ timeout: 120_000 })
  await expect(card(main, 'Number 0999')).toHaveAttribute('aria-posinset', '1')
  const drawn = () => cards(main).count()
  expect(await drawn()).toBeLessThan(60)

  await main.evaluate(() => window.scrollTo(0, document.documentElement.scrollHeight))
  await expect(card(main, 'Number 0000')).toBeInViewport()
  expect(await drawn()).toBeLessThan(60)

  // Keys lead to what is not drawn yet.
  await card(main, 'Number 0000').focus()
  await main.keyboard.press('Home')
  await expect(card(main, 'Number 0999')).toBeFocused()
  await main.keyboard.press('PageDown')
  await expect(card(main, 'Number 0999')).not.toBeFocused()
  await expect(main.locator('.card:focus')).toBeInViewport({ ratio: 1 })
  await main.keyboard.press('End')
  await expect(card(main, 'Number 0000')).toBeFocused()
  await expect(card(main, 'Number 0000')).toBeInViewport({ ratio: 1 })
  expect(await drawn()).toBeLessThan(60)

  await main.keyboard.press('/')
  await main.keyboard.type('number 0500')
  await expect.poll(() => names(main)).toEqual(['Number 0500'])
  await main.keyboard.press('Escape')
  await main.getByRole('button', { name: 'Grid' }).click()
  await expect.poll(drawn).toBeGreaterThan(10)
  expect(await drawn()).toBeLessThan(60)
  await berth.electron.close()
})

/** Puts more workspaces like this one, asleep with empty homes, where the app finds them when it starts next. */
function multiply(dataDir: string, id: string, count: number): void {
  const db = new Database(join(dataDir, 'berth.db'))
  const row = db.prepare('SELECT * FROM workspaces WHERE id = ?').get(id) as Record<string, unknown>
  const columns = Object.keys(row)
  const insert = db.prepare(
    `INSERT INTO workspaces (${columns.join(', ')}) VALUES (${columns.map((name) => `@${name}`).join(', ')})`,
  )
  db.transaction(() => {
    for (let n = 1; n < count; n++) {
      const number = String(n).padStart(4, '0')
      const another = `1${id.slice(1, -4)}${number}` // newer than the first, each than the one before
      const key = String(row['home_store_key']).replace(id, another)
      mkdirSync(join(dataDir, 'home-store', key), { recursive: true })
      insert.run({ ...row, id: another, name: `Number ${number}`, home_store_key: key })
    }
  })()
  db.close()
}
