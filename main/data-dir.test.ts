import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { makeDataDir, readInstallation, readToken, writeInstallation, writeToken } from './data-dir.ts'
import { tempDir } from './testing/temp-dir.ts'

let dir: string
beforeEach(() => void (dir = join(tempDir(), 'berth')))

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8)

describe('the data directory', () => {
  test('is made with all above it, for this user alone', () => {
    dir = join(dir, 'deep', 'down')
    makeDataDir(dir)
    for (const path of [dir, join(dir, 'logs'), join(dir, 'run')]) expect(modeOf(path), path).toBe('700')
  })

  test('keeps what is in it', () => {
    mkdirSync(dir, { mode: 0o700 })
    writeFileSync(join(dir, 'file'), 'x')
    makeDataDir(dir)
    makeDataDir(dir)
    expect(modeOf(dir)).toBe('700')
    expect(readFileSync(join(dir, 'file'), 'utf8')).toBe('x')
  })

  test('becomes this user’s alone when it is empty', () => {
    const dir = tempDir()
    chmodSync(dir, 0o755)
    makeDataDir(dir)
    expect(modeOf(dir)).toBe('700')
  })

  test('keeps its rights when there is anything in it, for it may be anything', () => {
    const dir = tempDir()
    writeFileSync(join(dir, 'other'), '')
    chmodSync(dir, 0o755)
    makeDataDir(dir)
    expect(modeOf(dir)).toBe('755')
    expect([modeOf(join(dir, 'run')), modeOf(join(dir, 'logs'))]).toEqual(['700', '700'])
  })

  test('that cannot be one is told of', () => {
    writeFileSync(dir, 'a file')
    expect(() => makeDataDir(dir)).toThrow(
      expect.objectContaining({ code: 'INVALID_INPUT', message: expect.stringContaining(dir) as string }),
    )
  })
})

describe('E13: the token', () => {
  beforeEach(() => makeDataDir(dir))
  const path = (): string => join(dir, 'token')

  test('has 256 random bits, for this user alone', () => {
    const token = readToken(dir)
    expect(Buffer.from(token, 'base64url')).toHaveLength(32)
    expect(modeOf(path())).toBe('600')
    const other = join(dir, 'other')
    makeDataDir(other)
    expect(readToken(other)).not.toBe(token)
  })

  test('is made once, and whole', () => {
    writeFileSync(`${path()}.new`, 'what a crash left')
    expect(readToken(dir)).toBe(readToken(dir))
    expect(readdirSync(dir).filter((name) => name.startsWith('token'))).toEqual(['token'])
  })

  test('is replaced by another, whole and for this user alone', () => {
    const old = readToken(dir)
    const held = openSync(path(), 'r')
    writeFileSync(`${path()}.new`, 'what a crash left', { mode: 0o644 })
    const token = 'another'.repeat(6)
    writeToken(dir, token)
    expect(readToken(dir)).toBe(token)
    expect(modeOf(path())).toBe('600')
    expect(readdirSync(dir).filter((name) => name.startsWith('token'))).toEqual(['token'])
    expect(readFileSync(held, 'utf8').trim(), 'the old file was not written into').toBe(old)
    closeSync(held)
  })

  test('that cannot be replaced stays', () => {
    const token = readToken(dir)
    mkdirSync(join(`${path()}.new`, 'in the way'), { recursive: true })
    expect(() => writeToken(dir, 'another'.repeat(6))).toThrow()
    expect(readToken(dir)).toBe(token)
  })

  test.each([0o644, 0o640, 0o604, 0o660, 0o666, 0o610])(
    'that others could have read (%o) is refused, and stays as it is',
    (mode) => {
      const token = readToken(dir)
      chmodSync(path(), mode)
      expect(() => readToken(dir)).toThrow(
        expect.objectContaining({
          code: 'INVALID_INPUT',
          message: expect.stringContaining(path()) as string,
          hint: expect.stringContaining(`rm ${path()}`) as string,
        }),
      )
      expect(modeOf(path())).toBe(mode.toString(8))
      chmodSync(path(), 0o600)
      expect(readToken(dir)).toBe(token)
    },
  )

  test.skipIf(process.getuid?.() !== 0)('that belongs to somebody else is refused, by root as well', () => {
    readToken(dir)
    chownSync(path(), 12_345, 12_345)
    const refusal = { code: 'INVALID_INPUT', message: `${path()} belongs to another user` }
    expect(() => readToken(dir)).toThrow(expect.objectContaining(refusal))
  })

  test.each(['', '\n', 'short', '   '])('that is none (%j) is refused', (text) => {
    writeFileSync(path(), text, { mode: 0o600 })
    expect(() => readToken(dir)).toThrow(expect.objectContaining({ code: 'INVALID_INPUT' }))
  })
})

describe('the installation', () => {
  const named = { id: '0123456789abcdef', owner_id: '01jqalce000000000000000001' }

  test('is what was written, for this user alone; none where nothing was', () => {
    const dir = tempDir()
    expect(readInstallation(dir)).toBeUndefined()
    writeInstallation(dir, named)
    expect(readInstallation(dir)).toEqual(named)
    expect(statSync(join(dir, 'installation.json')).mode & 0o077).toBe(0)
  })

  test.each(['', '{}', '{"id":"x","owner_id":"y"}', JSON.stringify({ ...named, owner_id: '../../etc' })])(
    'that is %j is refused by name',
    (text) => {
      const dir = tempDir()
      writeFileSync(join(dir, 'installation.json'), text)
      expect(() => readInstallation(dir)).toThrow('installation.json')
    },
  )
})
