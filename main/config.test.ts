import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { readConfig, type Config } from './config.ts'
import { tempDir } from './testing/temp-dir.ts'

let dir: string
beforeEach(() => void (dir = tempDir()))

const settings = (content: unknown): void =>
  writeFileSync(join(dir, 'settings.json'), typeof content === 'string' ? content : JSON.stringify(content))
const read = (args: string[] = [], env: Record<string, string> = {}): Config => readConfig(args, env, dir)
const invalid = (message: RegExp, hint = /./) =>
  expect.objectContaining({
    code: 'INVALID_INPUT',
    message: expect.stringMatching(message) as string,
    hint: expect.stringMatching(hint) as string,
  }) as Error

describe('a setting', () => {
  test('is the flag, else the variable, else the file, else the default', () => {
    expect(read().cpus).toBe(2)
    settings({ cpus: 3 })
    expect(read().cpus).toBe(3)
    expect(read([], { BERTH_CPUS: '4' }).cpus).toBe(4)
    expect(read(['--cpus', '5'], { BERTH_CPUS: '4' }).cpus).toBe(5)
    expect(read(['--cpus=5'], { BERTH_CPUS: '4' }).cpus).toBe(5)
  })

  test('whose variable is empty is as if there were none', () => {
    settings({ image: 'from-file' })
    expect(read([], { BERTH_IMAGE: '', BERTH_PORT: '' })).toMatchObject({ image: 'from-file' })
    expect(read([], { BERTH_PORT: '' }).port).toBeUndefined()
  })

  test('has a default that needs nothing', () => {
    expect(read()).toEqual({
      data_dir: dir,
      home_store: join(dir, 'home-store'),
      image: expect.stringMatching(/^codercom\/code-server:\d/) as string,
      cpus: 2,
      memory_bytes: 4 * 2 ** 30,
      standby_ttl_seconds: 300,
      archive_ttl_seconds: 86_400,
      keep_archives: 3,
      trash_days: 7,
      theme: 'system',
      notify_will_sleep: true,
      notify_stopped: true,
      notify_failed: true,
      notify_guest_rings: true,
      close_to_tray: false,
      start_at_login: false,
      start_hidden: false,
      fixed: [],
      upstream: 'auto',
      label: 'berth',
      log_level: 'info',
      failpoints: '',
    })
  })

  test('that is a yes or a no is a word in a flag and a variable', () => {
    settings({ start_hidden: true, notify_failed: false })
    expect(read()).toMatchObject({ start_hidden: true, notify_failed: false })
    const config = read(['--start-hidden', 'false'], { BERTH_NOTIFY_FAILED: 'true' })
    expect(config).toMatchObject({ start_hidden: false, notify_failed: true })
  })

  test('that a flag or a variable has set is told as fixed', () => {
    settings({ trash_days: 3 })
    expect(read(['--cpus', '4'], { BERTH_IMAGE: 'mine', BERTH_PORT: '' }).fixed).toEqual(['image', 'cpus'])
  })

  test('cannot be changed once it was read', () => {
    expect(() => Object.assign(read(), { cpus: 9 })).toThrow(TypeError)
  })
})

describe('the data directory', () => {
  test('is the flag, else the variable, else the default, always absolute', () => {
    expect(read([], { BERTH_DATA_DIR: '/from/env' }).data_dir).toBe('/from/env')
    expect(read(['--data-dir', '/from/flag'], { BERTH_DATA_DIR: '/from/env' }).data_dir).toBe('/from/flag')
    expect(read(['--data-dir', 'here']).data_dir).toBe(resolve('here'))
  })

  test('is the default when the variable is empty, never the current directory', () => {
    expect(read([], { BERTH_DATA_DIR: '' }).data_dir).toBe(dir)
  })

  test('is where the settings file is read from', () => {
    const other = tempDir()
    writeFileSync(join(other, 'settings.json'), '{"cpus": 7}')
    settings({ cpus: 3 })
    expect(read(['--data-dir', other]).cpus).toBe(7)
  })

  test('holds the homes unless they are elsewhere', () => {
    expect(read(['--home-store', 'there']).home_store).toBe(resolve('there'))
    expect(read([], { BERTH_HOME_STORE: '/disk' }).home_store).toBe('/disk')
  })
})

describe('what is wrong is refused with what it is and what to do', () => {
  test.each([
    ['an unknown flag', ['--colour', 'red'], /colour/],
    ['a flag that is almost one', ['--dataDir', '/x'], /dataDir/],
    ['a word that is no flag', ['start'], /start/],
    ['a flag without its value', ['--port'], /port/],
  ])('%s', (_, args, message) => {
    expect(() => read(args)).toThrow(invalid(message, /--data-dir .*--home-store/))
  })

  test.each([
    [{ BERTH_PORT: 'x' }, /port/],
    [{ BERTH_PORT: '70000' }, /port/],
    [{ BERTH_PORT: '-1' }, /port/],
    [{ BERTH_PORT: '80.5' }, /port/],
    [{ BERTH_CPUS: '0' }, /cpus/],
    [{ BERTH_MEMORY_BYTES: '1' }, /memory_bytes/],
    [{ BERTH_STANDBY_TTL_SECONDS: '-1' }, /standby_ttl_seconds/],
    [{ BERTH_UPSTREAM: 'tcp' }, /upstream/],
    [{ BERTH_LABEL: 'a=b' }, /label/],
    [{ BERTH_LOG_LEVEL: 'loud' }, /log_level/],
    [{ BERTH_THEME: 'pink' }, /theme/],
    [{ BERTH_CLOSE_TO_TRAY: 'perhaps' }, /close_to_tray/],
  ])('the variable %j', (env, message) => {
    expect(() => read([], env)).toThrow(invalid(message, /BERTH_.*settings\.json/))
  })

  test.each([
    ['an unknown setting', { colour: 'red' }, /colour/],
    ['a setting for the flag alone', { data_dir: '/x' }, /data_dir/],
    ['a setting of the wrong kind', { cpus: 'many' }, /cpus/],
    ['a list', [1], /settings\.json/],
    ['no JSON', '{cpus: 2}', /settings\.json/],
    ['nothing at all', '', /settings\.json/],
    ['null', 'null', /settings\.json/],
  ])('a file with %s', (_, content, message) => {
    settings(content)
    expect(() => read()).toThrow(invalid(message))
  })
})
