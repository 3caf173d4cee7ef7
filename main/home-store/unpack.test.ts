import { lstatSync, mkdirSync, readFileSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import tar, { type Header } from 'tar-stream'
import { beforeEach, describe, expect, test } from 'vitest'
import { tempDir } from '../testing/temp-dir.ts'
import { unpack } from './unpack.ts'

/** Everything below `around` but `home` is somebody else's. */
let around: string
let home: string

beforeEach(() => {
  around = tempDir()
  home = join(around, 'store', 'home')
  mkdirSync(home, { recursive: true })
  mkdirSync(join(around, 'outside'))
  writeFileSync(join(around, 'outside', 'canary'), 'untouched')
  writeFileSync(join(around, 'store', 'canary'), 'untouched')
})

type Entry = Partial<Header> & { name: string; content?: string }
const dir = (name: string, more: Partial<Header> = {}): Entry => ({ name, type: 'directory', ...more })
const file = (name: string, content = 'x', more: Partial<Header> = {}): Entry => ({ name, content, ...more })
const link = (name: string, linkname: string): Entry => ({ name, type: 'symlink', linkname })

function tarOf(...entries: Entry[]): Readable {
  const pack = tar.pack()
  for (const { content, ...header } of entries) pack.entry(header, content ?? '')
  pack.finalize()
  return Readable.from(pack)
}

/** What there is below a directory: what is in each file, and where each link leads. */
function tree(root: string, below = ''): Record<string, string> {
  return Object.assign(
    {},
    ...readdirSync(join(root, below), { withFileTypes: true }).map((entry) => {
      const name = join(below, entry.name)
      if (entry.isSymbolicLink()) return { [name]: `→ ${readlinkSync(join(root, name))}` }
      if (entry.isDirectory()) return { [name]: 'directory', ...tree(root, name) }
      return { [name]: readFileSync(join(root, name), 'utf8') }
    }),
  ) as Record<string, string>
}
/** All that is not in the home. */
const outside = (): Record<string, string> =>
  Object.fromEntries(Object.entries(tree(around)).filter(([name]) => !name.startsWith('store/home')))

describe('the skeleton of an image', () => {
  test('comes into the home without its top folder: files, folders and links', async () => {
    await unpack(
      tarOf(
        dir('coder/'),
        file('coder/.bashrc', 'alias ll="ls -l"\n', { mode: 0o644 }),
        dir('coder/bin/', { mode: 0o755 }),
        file('coder/bin/run', '#!/bin/sh\n', { mode: 0o755 }),
        link('coder/latest', 'bin/run'),
        link('coder/etc', '/etc'),
        file('coder/ünï 日本', 'name'),
        file('coder/empty', ''),
      ),
      home,
      undefined,
    )
    expect(tree(home)).toEqual({
      '.bashrc': 'alias ll="ls -l"\n',
      bin: 'directory',
      'bin/run': '#!/bin/sh\n',
      latest: '→ bin/run',
      etc: '→ /etc',
      'ünï 日本': 'name',
      empty: '',
    })
    expect(lstatSync(join(home, 'bin/run')).mode & 0o777).toBe(0o755)
    expect(lstatSync(join(home, '.bashrc')).mode & 0o777).toBe(0o644)
  })

  test('has no rights beyond those of its owner, group and others: no setuid', async () => {
    await unpack(
      tarOf(dir('c/'), file('c/su', 'x', { mode: 0o6755 }), dir('c/t/', { mode: 0o1777 })),
      home,
      undefined,
    )
    expect(lstatSync(join(home, 'su')).mode & 0o7000).toBe(0)
    expect(lstatSync(join(home, 't')).mode & 0o7000).toBe(0)
  })

  test('may hold folders that are read-only, with things in them', async () => {
    await unpack(tarOf(dir('c/'), dir('c/ro/', { mode: 0o555 }), file('c/ro/x')), home, undefined)
    expect(tree(home)).toEqual({ ro: 'directory', 'ro/x': 'x' })
  })

  test.skipIf(process.getuid?.() !== 0)(
    'is given to its owner, links included, and what they lead to is not',
    async () => {
      const owner = { uid: 12_345, gid: 23_456 }
      const before = lstatSync(join(around, 'outside', 'canary'))
      const entries = [dir('c/'), dir('c/d/'), file('c/d/f'), link('c/l', join(around, 'outside', 'canary'))]
      await unpack(tarOf(...entries), home, owner)
      for (const name of ['d', 'd/f', 'l']) expect(lstatSync(join(home, name)), name).toMatchObject(owner)
      expect(lstatSync(join(around, 'outside', 'canary')).uid).toBe(before.uid)
    },
  )

  test('has the same top folder however its names are written', async () => {
    await unpack(
      tarOf(dir('./'), dir('./coder/'), file('./coder//a'), dir('coder/.//d/'), file('coder/./d/b')),
      home,
      undefined,
    )
    expect(tree(home)).toEqual({ a: 'x', d: 'directory', 'd/b': 'x' })
  })

  test('may be nothing at all', async () => {
    await unpack(tarOf(), home, undefined)
    await unpack(tarOf(dir('coder/')), home, undefined)
    expect(tree(home)).toEqual({})
  })
})

describe('A1 a hostile stream', () => {
  test.each<[string, Entry[]]>([
    ['a name that goes up', [file('c/../../canary', 'evil')]],
    ['a name that only goes up', [file('..', 'evil')]],
    ['a name that goes up from the top', [file('../outside/canary', 'evil')]],
    ['a name that goes down and up', [dir('c/a/'), file('c/a/../../../outside/canary', 'evil')]],
    ['a folder that goes up', [dir('c/../../new/')]],
    ['an absolute name', [file('/tmp/berth-evil', 'evil')]],
    ['an absolute folder', [dir('/c/new/')]],
    ['a link whose name goes up', [link('c/../../canary2', '/etc')]],
    ['an absolute link', [link('/c/x', '/etc')]],
    ['the same file twice', [dir('c/'), file('c/a', 'one'), file('c/a', 'two')]],
    ['a file in place of a folder', [dir('c/a/'), file('c/a', 'x')]],
    ['a link in place of a folder', [dir('c/a/'), file('c/a/x'), link('c/a', '../../outside')]],
    ['a link in place of a file', [dir('c/'), file('c/a'), link('c/a', '../../outside/canary')]],
    [
      'a link and then a file below it',
      [dir('c/'), link('c/a', '../../outside'), file('c/a/canary', 'evil')],
    ],
    [
      'a link and then a new file below it',
      [dir('c/'), link('c/a', '../../outside'), file('c/a/new', 'evil')],
    ],
    [
      'a link and then a link below it',
      [dir('c/'), link('c/a', '../../outside'), link('c/a/new', '/etc/passwd')],
    ],
    [
      'a link below a link that comes later',
      [dir('c/'), link('c/a/new', '/etc/passwd'), link('c/a', '../../outside')],
    ],
    [
      'a link below a link below a link',
      [dir('c/'), link('c/a', '..'), link('c/a/b', '../outside'), link('c/a/b/new', 'x')],
    ],
    ['a file below a file', [dir('c/'), file('c/a'), file('c/a/b')]],
    ['a file in a folder that is not there', [file('c/a/b')]],
  ])('with %s is refused, and nothing outside changes', async (_, entries) => {
    const before = outside()
    await expect(unpack(tarOf(...entries), home, undefined)).rejects.toThrow()
    expect(outside()).toEqual(before)
  })

  test('with a link and a folder of the same name keeps to the folder or refuses, and nothing outside changes', async () => {
    const before = outside()
    const entries = [dir('c/'), link('c/a', '../../outside'), dir('c/a/'), file('c/a/canary', 'evil')]
    await expect(unpack(tarOf(...entries), home, undefined)).rejects.toThrow(/EEXIST/)
    expect(outside()).toEqual(before)
    expect(tree(home)['a']).toBe('directory')
  })

  test.each<[string, Entry]>([
    ['a hard link', { name: 'c/passwd', type: 'link', linkname: '/etc/passwd' }],
    ['a hard link to what is outside', { name: 'c/x', type: 'link', linkname: '../../outside/canary' }],
    ['a character device', { name: 'c/null', type: 'character-device', devmajor: 1, devminor: 3 }],
    ['a block device', { name: 'c/sda', type: 'block-device', devmajor: 8, devminor: 0 }],
    ['a pipe', { name: 'c/fifo', type: 'fifo' }],
  ])('with %s has it left out', async (_, entry) => {
    await unpack(tarOf(dir('c/'), entry, file('c/after', 'x')), home, undefined)
    expect(tree(home)).toEqual({ after: 'x' })
  })

  test('with names that only look odd is taken by its word', async () => {
    await unpack(
      tarOf(dir('c/'), file('c/...'), file('c/..a'), file('c/a\\..\\b'), file('c/./b'), dir('c//d//')),
      home,
      undefined,
    )
    expect(Object.keys(tree(home)).sort()).toEqual(['...', '..a', 'a\\..\\b', 'b', 'd'])
  })

  test('that is larger than it may be is refused before it is written', async () => {
    const pack = tar.pack()
    pack.entry({ name: 'c/', type: 'directory' })
    const entry = pack.entry({ name: 'c/big', size: 2 ** 30 + 1 })
    entry.on('error', () => undefined)
    entry.write('x')
    await expect(unpack(pack as unknown as Readable, home, undefined)).rejects.toThrow(/too large/)
    expect(tree(home)).toEqual({})
  })

  test('with more entries than it may have is refused', async () => {
    const pack = tar.pack()
    const endless = Readable.from(
      (async function* () {
        for (let n = 0; ; n++) {
          if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve))
          pack.entry({ name: 'c/x', type: 'fifo' })
          for (let chunk; (chunk = pack.read() as Buffer | null) !== null;) yield chunk
        }
      })(),
    )
    await expect(unpack(endless, home, undefined)).rejects.toThrow(/too large/)
  }, 30_000)

  test('that breaks off is an error, not an end', async () => {
    const whole = tarOf(dir('c/'), file('c/a', 'x'.repeat(5_000)))
    const bytes = Buffer.concat(await whole.toArray())
    await expect(unpack(Readable.from([bytes.subarray(0, 3_000)]), home, undefined)).rejects.toThrow()
    const failing = new Readable({ read: () => undefined })
    failing.push(bytes.subarray(0, 700))
    setImmediate(() => failing.destroy(new Error('connection lost')))
    await expect(unpack(failing, home, undefined)).rejects.toThrow(/connection lost|ENOENT|EEXIST/)
  })

  test('that is no tar is refused', async () => {
    await expect(unpack(Readable.from([Buffer.alloc(1_024, 'not a tar ')]), home, undefined)).rejects.toThrow(
      /header/,
    )
  })
})
