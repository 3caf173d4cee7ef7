import { chmodSync, mkdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { tempDir } from '../testing/temp-dir.ts'
import { createJudge, parseLine, walk } from './storage-job.mjs'

const WHEN = '2026-01-01 00:00:00.123456789'
const dir = (name: string): string => `drwxr-xr-x 1000/1000         0 ${WHEN} ${name}`
const file = (name: string, size = 0): string => `-rw-r--r-- 1000/1000 ${size} ${WHEN} ${name}`
const link = (name: string, target: string): string => `lrwxrwxrwx 0/0 0 ${WHEN} ${name} -> ${target}`
const hard = (name: string, target: string): string => `hrw-r--r-- 0/0 0 ${WHEN} ${name} link to ${target}`
const TOP = dir('./')

function judge(lines: readonly string[], expected = { entries: lines.length, content_bytes: 100 }): void {
  const it = createJudge(expected)
  for (const line of lines) it.line(line)
}
const thrown = (code: string) => expect.objectContaining({ code }) as Error

describe('a line of a listing', () => {
  test.each([
    [file('./a', 3), { type: '-', size: 3, name: './a', target: '' }],
    [
      String.raw`-rw-r--r-- 1/2 0 ${WHEN} ./a\ b\ ->\ c`,
      { type: '-', size: 0, name: './a b -> c', target: '' },
    ],
    [
      String.raw`-rw-r--r-- 1/2 0 ${WHEN} ./n\nl\\x\377\ `,
      { type: '-', size: 0, name: './n\nl\\x\xff ', target: '' },
    ],
    [
      String.raw`lrwxrwxrwx 1/2 0 ${WHEN} ./l\ 1 -> x\ ->\ y`,
      { type: 'l', size: 0, name: './l 1', target: 'x -> y' },
    ],
    [
      String.raw`hrw-r--r-- 1/2 0 ${WHEN} ./h link to ./a\ link\ to\ b`,
      { type: 'h', size: 0, name: './h', target: './a link to b' },
    ],
    ['-rw-r--r-- 1/2 0 99999999999999999 ./far', { type: '-', size: 0, name: './far', target: '' }],
    [
      '-rw-r--r-- 1/2 0 2446-05-10 22:38:55           ./padded',
      { type: '-', size: 0, name: './padded', target: '' },
    ],
  ])('%s', (line, parts) => expect(parseLine(line)).toEqual(parts))

  test.each([
    '',
    'tar: what',
    '-rw-r--r-- 1/2 0',
    `-rw-r--r-- 1/2 -5 ${WHEN} ./a`,
    `-rw-r--r-- 1/2 99999999999999999999 ${WHEN} ./a`,
    file('./a -> b'),
    `lrwxrwxrwx 1/2 0 ${WHEN} ./a b`,
    `hrw-r--r-- 1/2 0 ${WHEN} ./a`,
  ])('%j is none', (line) => expect(() => parseLine(line)).toThrow(thrown('ARCHIVE_UNSAFE')))
})

describe('A1 the judge', () => {
  test('lets pass what tar makes of a home', () => {
    const lines = [
      TOP,
      link('./abs', '/etc/passwd'),
      hard('./abs2', './abs'),
      dir('./b/'),
      dir('./b/c/'),
      file('./b/c/d', 40),
      file('./b/c.d', 60),
      dir('./b/e/'),
      link('./b/up', '../../..'),
      hard('./c', './b/c/d'),
      file('./c:\\\\x'),
      `prw-r--r-- 0/0 0 ${WHEN} ./pipe`,
      file('./..a'),
    ]
    const sorted = [...lines.slice(0, 1), ...lines.slice(-1), ...lines.slice(1, -1)]
    const it = createJudge({ entries: sorted.length, content_bytes: 100 })
    for (const line of sorted) it.line(line)
    expect(() => it.end()).not.toThrow()
  })

  test('lets a folder be as deep, and a name as long, as a disk lets it', () => {
    const names = Array.from({ length: 300 }, (_, n) => `./${'d/'.repeat(n)}`)
    judge([...names.map(dir), file(`./${'d/'.repeat(299)}${'x'.repeat(255)}`)])
  })

  test.each<[string, string[]]>([
    ['a name that goes up', [TOP, file('./../x')]],
    ['a name that goes up at the top', [TOP, file('../x')]],
    ['a name that goes down and up', [TOP, dir('./a/'), file('./a/../../x')]],
    ['an absolute name', [TOP, file('/etc/x')]],
    ['an absolute folder', [dir('/')]],
    ['a name without its top', [TOP, file('x')]],
    ['a name of another top', [TOP, file('top/x')]],
    ['a name with nothing in it', [TOP, dir('./a/'), file('./a//x')]],
    ['a name with a point in it', [TOP, dir('./a/'), file('./a/./x')]],
    ['no top', [file('./x')]],
    ['a file for a top', [file('.')]],
    ['a link for a top', [link('.', '/etc')]],
    ['two tops', [TOP, TOP]],
    ['a file below a link', [TOP, link('./a', '/etc'), file('./a/x')]],
    ['a file below a file', [TOP, file('./a'), file('./a/x')]],
    ['a file below nothing', [TOP, file('./a/x')]],
    ['a file below a folder that has passed', [TOP, dir('./a/'), dir('./b/'), file('./a/x')]],
    ['a file in the folder of another', [TOP, dir('./a/'), dir('./a/b/'), file('./c/b/x')]],
    ['a name twice', [TOP, file('./a'), file('./a')]],
    ['a folder and a link of one name', [TOP, dir('./a/'), link('./a', '/etc')]],
    ['a name twice with others between', [TOP, file('./a'), file('./b'), file('./a')]],
    ['names out of order', [TOP, file('./b'), file('./a')]],
    ['a character device', [TOP, `crw-rw-rw- 0/0 1,3 ${WHEN} ./null`]],
    ['a block device', [TOP, `brw-rw-rw- 0/0 8,0 ${WHEN} ./sda`]],
    ['a volume label', [TOP, `V--------- 0/0 0 ${WHEN} ./label--Volume Header--`]],
    ['a continued file', [TOP, `M--------- 0/0 0 ${WHEN} ./x--Continued at byte 5--`]],
    ['an unknown kind', [TOP, `?rw-rw-rw- 0/0 0 ${WHEN} ./x`]],
    ['a hard link out of the home', [TOP, hard('./a', '../x')]],
    ['a hard link to an absolute name', [TOP, hard('./a', '/etc/passwd')]],
    ['a hard link that goes down and up', [TOP, file('./a'), hard('./b', './a/../../x')]],
    ['a hard link to itself', [TOP, hard('./a', './a')]],
    ['a hard link to what comes later', [TOP, hard('./a', './b'), file('./b')]],
    ['a hard link through a symbolic link', [TOP, link('./a', '/etc'), hard('./b', './a/passwd')]],
    [
      'a hard link through a link below',
      [TOP, dir('./a/'), link('./a/b', '/'), hard('./c', './a/b/etc/passwd')],
    ],
    ['a name that is too long', [TOP, file(`./${'x'.repeat(256)}`)]],
    [
      'a path that is too long',
      [TOP, ...Array.from({ length: 2_100 }, (_, n) => dir(`./${'d/'.repeat(n + 1)}`))],
    ],
  ])('refuses %s', (_, lines) => expect(() => judge(lines)).toThrow(thrown('ARCHIVE_UNSAFE')))

  test('A2 stops at the first entry or byte too many', () => {
    expect(() => judge([TOP, file('./a')], { entries: 1, content_bytes: 0 })).toThrow(
      thrown('ARCHIVE_UNSAFE'),
    )
    expect(() => judge([TOP, file('./a', 6)], { entries: 2, content_bytes: 5 })).toThrow(
      thrown('ARCHIVE_UNSAFE'),
    )
  })

  test('A7 tells what is missing from what is too much', () => {
    for (const expected of [
      { entries: 3, content_bytes: 5 },
      { entries: 2, content_bytes: 6 },
    ]) {
      const it = createJudge(expected)
      it.line(TOP)
      it.line(file('./a', 5))
      expect(() => it.end()).toThrow(thrown('ARCHIVE_CORRUPT'))
    }
  })

  test('names what it refuses, in a line that can be read', () => {
    expect(() => judge([TOP, file('./../a\\nb')])).toThrow(/"\.\/\.\.\/a\\nb"/)
  })
})

describe('the walk', () => {
  test('A3 counts a link as a link, whatever it leads to', () => {
    const [home, outside] = [tempDir(), tempDir()]
    writeFileSync(join(outside, 'canary'), 'x'.repeat(1_000))
    symlinkSync(outside, join(home, 'dir'))
    symlinkSync(join(outside, 'canary'), join(home, 'file'))
    symlinkSync('.', join(home, 'round'))
    expect(walk(home)).toMatchObject({ entries: 4, content_bytes: 0 })
  })

  test('A5 tells when anything was last changed, the top left out', () => {
    const home = tempDir()
    expect(walk(home).newest_change_ms).toBe(0)
    mkdirSync(join(home, 'dir'))
    writeFileSync(join(home, 'dir/b'), 'x')
    writeFileSync(join(home, 'a'), 'x')
    utimesSync(join(home, 'a'), 1, 9_999_999_999)
    chmodSync(home, 0o700)
    const newest = Math.max(...['a', 'dir', 'dir/b'].map((name) => statSync(join(home, name)).ctimeMs))
    expect(walk(home).newest_change_ms).toBeCloseTo(newest, 2)
  })

  test('A5 has another fingerprint after every change', () => {
    const home = tempDir()
    const prints = new Set([walk(home).fingerprint, walk(home).fingerprint])
    expect(prints.size).toBe(1)
    const changes = [
      () => writeFileSync(join(home, 'a'), 'x'),
      () => writeFileSync(join(home, 'a'), 'y'),
      () => mkdirSync(join(home, 'b')),
      () => symlinkSync('a', join(home, 'c')),
    ]
    for (const change of changes) {
      change()
      prints.add(walk(home).fingerprint)
    }
    expect(prints.size).toBe(5)
  })
})
