import { lstatSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { readConfig } from './config.ts'
import type { Settings } from './core/api.ts'
import { createPreferences, type Preferences } from './preferences.ts'
import { tempDir } from './testing/temp-dir.ts'

let dir: string
let path: string
beforeEach(() => {
  dir = tempDir()
  path = join(dir, 'settings.json')
})

const failed: unknown[] = []
const start = (args: string[] = []): Preferences =>
  createPreferences(readConfig(args, {}, dir), (error) => void failed.push(error))
const write = (content: unknown): void => writeFileSync(path, JSON.stringify(content))
const text = (): string => readFileSync(path, 'utf8')
const invalid = (message: RegExp) =>
  expect.objectContaining({
    code: 'INVALID_INPUT',
    message: expect.stringMatching(message) as string,
  }) as Error

test('are those of the configuration', () => {
  write({ cpus: 3, theme: 'dark', port: 8080 })
  expect(start(['--trash-days', '2', '--port', '0']).get()).toEqual({
    image: expect.stringMatching(/^codercom/) as string,
    cpus: 3,
    memory_bytes: 4 * 2 ** 30,
    standby_ttl_seconds: 300,
    archive_ttl_seconds: 86_400,
    keep_archives: 3,
    trash_days: 2,
    theme: 'dark',
    notify_will_sleep: true,
    notify_stopped: true,
    notify_failed: true,
    notify_guest_rings: true,
    close_to_tray: false,
    start_at_login: false,
    start_hidden: false,
    share_address: null,
    fixed: ['trash_days'],
  })
})

describe('a change', () => {
  test('holds at once, is told, and is there after a restart', () => {
    const preferences = start()
    const told: Settings[] = []
    const stop = preferences.subscribe((settings) => void told.push(settings))
    const answer = preferences.patch({ cpus: 3, theme: 'light', close_to_tray: true })
    expect(answer).toMatchObject({ cpus: 3, theme: 'light', close_to_tray: true, keep_archives: 3 })
    expect(preferences.get()).toEqual(answer)
    expect(told).toEqual([answer])
    stop()
    preferences.patch({ cpus: 4 })
    expect(told).toHaveLength(1)
    expect(start().get()).toEqual({ ...answer, cpus: 4 })
  })

  test('is told to the others when one listener fails', () => {
    const preferences = start()
    const told: number[] = []
    preferences.subscribe(() => {
      throw new Error('no')
    })
    preferences.subscribe(({ cpus }) => void told.push(cpus))
    expect(preferences.patch({ cpus: 3 }).cpus).toBe(3)
    expect(told).toEqual([3])
    expect(failed.splice(0)).toEqual([new Error('no')])
  })

  test('keeps what else is in the file, in its order, and stays readable', () => {
    write({ port: 8080, cpus: 2, label: 'mine' })
    start().patch({ cpus: 3, trash_days: 0.5 })
    expect(text()).toBe('{\n  "port": 8080,\n  "cpus": 3,\n  "label": "mine",\n  "trash_days": 0.5\n}\n')
  })

  test('keeps what was written by hand meanwhile, which holds from then on', () => {
    write({ cpus: 2 })
    const preferences = start()
    write({ cpus: 8, keep_archives: 9, home_store: '/disk' })
    expect(preferences.patch({ theme: 'dark' })).toMatchObject({ cpus: 8, keep_archives: 9, theme: 'dark' })
    expect(JSON.parse(text())).toEqual({ cpus: 8, keep_archives: 9, home_store: '/disk', theme: 'dark' })
  })

  test('of the address to none leaves it out of the file', () => {
    write({ share_address: '192.168.7.9' })
    const preferences = start()
    expect(preferences.get().share_address).toBe('192.168.7.9')
    expect(preferences.patch({ share_address: null }).share_address).toBeNull()
    expect(JSON.parse(text())).toEqual({})
  })

  test('goes into the file that a link leads to', () => {
    const elsewhere = join(tempDir(), 'berth.json')
    writeFileSync(elsewhere, '{"cpus": 3}')
    symlinkSync(elsewhere, path)
    start().patch({ cpus: 5 })
    expect(lstatSync(path).isSymbolicLink()).toBe(true)
    expect(JSON.parse(readFileSync(elsewhere, 'utf8'))).toEqual({ cpus: 5 })
  })
})

describe('nothing is changed, in the file or out of it, by', () => {
  function expectRefused(preferences: Preferences, change: object, message: RegExp): void {
    const told: Settings[] = []
    preferences.subscribe((settings) => void told.push(settings))
    const before = { text: text(), settings: preferences.get() }
    expect(() => preferences.patch(change)).toThrow(invalid(message))
    expect({ text: text(), settings: preferences.get() }).toEqual(before)
    expect(told).toEqual([])
  }

  test.each([
    [{ cpus: 0 }, /cpus/],
    [{ cpus: 3, keep_archives: 0 }, /keep_archives/],
    [{ theme: 'pink' }, /theme/],
    [{ close_to_tray: 'perhaps' }, /close_to_tray/],
    [{ share_address: 'here' }, /share_address/],
    [{ colour: 'red' }, /colour/],
  ])('%j', (change, message) => {
    write({ cpus: 2 })
    expectRefused(start(), change, message)
  })

  test('a change of what a flag has set', () => {
    write({ cpus: 2 })
    expectRefused(start(['--cpus', '4']), { theme: 'dark', cpus: 3 }, /cpus was set by a flag/)
  })

  test.each([
    ['no JSON', '{cpus: 2}', /settings\.json/],
    ['a list', '[1]', /settings\.json/],
    ['an unknown setting', '{"colour": "red"}', /colour/],
    ['a wrong value', '{"memory_bytes": 1}', /memory_bytes/],
  ])('any change while the file holds %s', (_, content, message) => {
    const preferences = start()
    writeFileSync(path, content)
    expectRefused(preferences, { cpus: 3 }, message)
  })

  test('one that cannot be written', () => {
    write({ cpus: 2 })
    const preferences = start()
    const before = preferences.get()
    mkdirSync(`${path}.new`) // root is stopped by no permission
    writeFileSync(join(`${path}.new`, 'x'), '')
    expect(() => preferences.patch({ cpus: 3 })).toThrow()
    expect(JSON.parse(text())).toEqual({ cpus: 2 })
    expect(preferences.get()).toEqual(before)
  })
})

test('a flag goes on to win over the file', () => {
  write({ cpus: 2 })
  const preferences = start(['--cpus', '4'])
  expect(preferences.patch({ theme: 'dark' }).cpus).toBe(4)
  expect(JSON.parse(text())).toEqual({ cpus: 2, theme: 'dark' })
})
