import { spawnSync } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { tempDir } from './testing/temp-dir.ts'

let dir: string
let file: string
beforeEach(() => {
  dir = tempDir()
  file = join(dir, 'logs', 'berth.log')
  mkdirSync(join(dir, 'logs'))
})

/** Logs from a process of its own, as the log goes to its stderr; resolves to that. */
function log(script: string, level = 'info', stderrTo: 'pipe' | number = 'pipe'): string {
  const source = `
    import { createLog } from ${JSON.stringify(join(import.meta.dirname, 'log.ts'))}
    const log = createLog(${JSON.stringify(dir)}, ${JSON.stringify(level)})
    ${script}`
  const { status, stderr, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', source], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', stderrTo],
    maxBuffer: 2 ** 26,
  })
  expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
  return stderr
}
const lines = (text: string): Record<string, unknown>[] =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)

describe('the log', () => {
  test('goes to stderr and to its file alike, as JSON, for this user alone', () => {
    const said = log(`log.info({ id: 'w' }, 'ready')`)
    expect(lines(said)).toMatchObject([
      { msg: 'ready', id: 'w', time: expect.stringMatching(/^\d{4}-.*Z$/) as string },
    ])
    expect(readFileSync(file, 'utf8')).toBe(said)
    expect((statSync(file).mode & 0o777).toString(8)).toBe('600')
  })

  test('says as much as it is asked to', () => {
    const script = `log.debug({}, 'debug'); log.info({}, 'info'); log.warn({}, 'warn'); log.error({}, 'error')`
    const said = (level: string): unknown[] => lines(log(script, level)).map(({ msg }) => msg)
    expect(said('debug')).toEqual(['debug', 'info', 'warn', 'error'])
    expect(said('warn')).toEqual(['warn', 'error'])
  })

  test('E14: keeps secrets and the length of what comes from outside to itself', () => {
    const said = log(`
      log.info(
      {
        token: 'sesame',
        request: { authorization: 'Bearer sesame', cookie: 'sesame', password: 'sesame' },
        shared: { link: 'sesame', session_token: 'sesame' },
      },
      'a request',
    )
      const long = new Error('x'.repeat(2 ** 20), { cause: new Error('y'.repeat(2 ** 20)) })
      log.error({ err: long }, 'failed')
      log.error({ err: 'z'.repeat(2 ** 20) }, 'failed')
      let deep = new Error('字'.repeat(2 ** 20))
      for (let n = 0; n < 9; n++) deep = new Error('"'.repeat(2 ** 20), { cause: deep })
      log.error({ err: deep, id: 'w' }, 'failed')
      log.warn({ agent: '\\u0000'.repeat(2 ** 20) }, 'failed')
      log.warn({ numbers: Array.from({ length: 10_000 }, (_, n) => n) }, 'failed')
      log.warn({ words: Array.from({ length: 10_000 }, () => 'w') }, 'f'.repeat(2 ** 20))`)
    expect(said).not.toContain('sesame')
    expect(readFileSync(file, 'utf8')).toBe(said)
    for (const line of said.trim().split('\n')) expect(Buffer.byteLength(line) + 1).toBeLessThan(4_096)
    // What it is about is still told.
    const all = lines(said)
    expect(all).toHaveLength(7)
    for (const { time, level, msg } of all)
      expect([time, level, msg]).toEqual([
        expect.stringMatching(/^\d{4}-.*Z$/),
        expect.any(Number),
        expect.stringMatching(/^(a request|failed|f+)$/),
      ])
    expect(all[3]).toMatchObject({
      id: 'w',
      err: { message: expect.stringMatching(/^"+$/) as string, cause: { cause: { cause: {} } } },
    })
  })

  test('tells an error with its causes', () => {
    const [line] = lines(
      log(
        `log.error({ err: new Error('outer', { cause: Object.assign(new Error('inner'), { code: 'EIO' }) }) }, 'failed')`,
      ),
    )
    expect(line).toMatchObject({ err: { message: 'outer', cause: { message: 'inner', code: 'EIO' } } })
  })

  test('begins a new file once the old one is large, and keeps that', () => {
    writeFileSync(file, 'x'.repeat(11 * 2 ** 20))
    log(`log.info({}, 'ready')`)
    expect(statSync(`${file}.1`).size).toBe(11 * 2 ** 20)
    expect(lines(readFileSync(file, 'utf8'))).toHaveLength(1)
    log(`log.info({}, 'again')`)
    expect(lines(readFileSync(file, 'utf8'))).toHaveLength(2)
    expect(existsSync(`${file}.2`)).toBe(false)
  })

  test('begins a new file while running, too', () => {
    writeFileSync(file, ' '.repeat(10 * 2 ** 20))
    log(`for (let n = 0; n < 3; n++) log.info({ n }, 'large')`)
    expect(lines(readFileSync(`${file}.1`, 'utf8')).map(({ n }) => n)).toEqual([0])
    expect(lines(readFileSync(file, 'utf8')).map(({ n }) => n)).toEqual([1, 2])
  })

  test.skipIf(!existsSync('/dev/full'))('on a full disk loses lines and ends nothing', () => {
    symlinkSync('/dev/full', file)
    expect(lines(log(`log.info({}, 'ready')`))).toHaveLength(1)
    const full = openSync('/dev/full', 'w')
    onTestFinished(() => closeSync(full))
    log(
      `for (let n = 0; n < 100; n++) log.info({}, 'lost'); setTimeout(() => log.info({}, 'lost'), 50)`,
      'info',
      full,
    )
  })
})
