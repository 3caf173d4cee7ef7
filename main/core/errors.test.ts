import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AppError, ERRORS, errnoOf, toAppError } from './errors.ts'

describe('docs/errors.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/errors.md'), 'utf8')
  const rows = [...page.matchAll(/^\| `([A-Z_]+)` +\| (\d{3}) +\| (.+?) +\| (.+?) +\|$/gm)]

  test('lists exactly the codes there are, once each, with their HTTP status', () => {
    const documented = rows.map(([, code, status]) => [code, Number(status)])
    expect(documented).toEqual(Object.entries(ERRORS).map(([code, [status]]) => [code, status]))
  })

  test('has a row for every line of its tables, so that no code hides behind a bad format', () => {
    const lines = page.split('\n').filter((line) => line.startsWith('| `'))
    expect(lines).toHaveLength(rows.length)
  })
})

test('every error says what it is and what to do', () => {
  for (const [code, [status, title, hint]] of Object.entries(ERRORS)) {
    expect(status, code).toBeGreaterThanOrEqual(400)
    expect(status, code).toBeLessThan(600)
    expect(title, code).toMatch(/^\S.*[^.]$/)
    expect(hint, code).toMatch(/^[A-Z].*\.$/)
  }
})

describe('anything thrown becomes an AppError', () => {
  test('an AppError is itself', () => {
    const error = new AppError('IMAGE_NOT_FOUND', 'no such image')
    expect(toAppError(error)).toBe(error)
  })

  test('a full disk is told from what is unexpected, wherever it comes from', () => {
    const full = Object.assign(new Error('write'), { code: 'ENOSPC' })
    expect(toAppError(full)).toMatchObject({ code: 'DISK_FULL', cause: full })
  })

  test.each([new TypeError('x is not a function'), 'a text', undefined, null, { code: 'ENOSPC' }])(
    'what nobody foresaw is INTERNAL and keeps its cause: %s',
    (thrown) => {
      expect(toAppError(thrown)).toMatchObject({ code: 'INTERNAL' })
      expect(toAppError(thrown).cause).toBe(thrown)
    },
  )

  test('message and hint default to those of the code', () => {
    expect(new AppError('DISK_FULL')).toMatchObject({
      message: ERRORS.DISK_FULL[1],
      hint: ERRORS.DISK_FULL[2],
    })
    expect(new AppError('DISK_FULL', 'm', { hint: 'h' })).toMatchObject({ message: 'm', hint: 'h' })
  })
})

test('only a text counts as an errno', () => {
  expect(errnoOf(Object.assign(new Error(), { code: 'ENOENT' }))).toBe('ENOENT')
  expect(errnoOf(Object.assign(new Error(), { code: 7 }))).toBeUndefined()
  expect(errnoOf({ code: 'ENOENT' })).toBeUndefined()
})
