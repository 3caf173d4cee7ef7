import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import tar from 'tar-stream'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import type { ArchiveMeta, Packed } from '../core/archive.ts'
import { IMAGE, useBench } from '../testing/harness.ts'
import { finished } from '../testing/images.ts'
import { inLab } from '../testing/storage-lab.ts'
import type { Entry, Sprout } from '../testing/storage-lab.mjs'
import { LABEL_INSTALLATION, LABEL_PURPOSE, LABEL_RUN, LABEL_WORKSPACE } from './container-spec.ts'
import { createSourceCheck } from './sources.ts'
import { createStorage, type Storage } from './storage.ts'

const ID = '01j00000000000000000000000'
const bench = useBench()
const { docker } = bench
const labels = { ...bench.labels, [LABEL_INSTALLATION]: bench.label }
const never = new AbortController().signal

let dir: string
let requireSource: (path: string) => Promise<void>
let storage: Storage
let lab: <Name extends Parameters<typeof inLab>[1]>(
  name: Name,
  argument?: Parameters<typeof inLab<Name>>[2],
) => ReturnType<typeof inLab<Name>>

beforeAll(async () => {
  dir = await bench.dir()
  requireSource = createSourceCheck([dir])
  storage = createStorage({ docker, labels, run: 'this', image: IMAGE, requireSource })
  lab = (name, argument) => inLab({ docker, image: IMAGE, labels: bench.labels, dir }, name, argument)
})

const thrown = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) as string }) as Error
const place = (name: string) => ({
  id: ID,
  imageRef: IMAGE,
  homeDir: join(dir, name),
  archiveDir: join(dir, 'archive'),
})
/** An empty directory. */
function empty(name: string): string {
  mkdirSync(join(dir, name), { recursive: true })
  return name
}
const pack = (home: string, onProgress: Parameters<Storage['pack']>[1] = () => undefined, signal = never) =>
  storage.pack(place(home), onProgress, signal)
const unpack = (home: string, meta: Packed, onProgress: Parameters<Storage['unpack']>[1] = () => undefined) =>
  storage.unpack({ ...place(home), meta: meta as ArchiveMeta }, onProgress, never)
const containers = (purpose = 'storage') =>
  docker.listContainers({
    all: true,
    filters: { label: [`io.berth.label=${bench.label}`, `${LABEL_PURPOSE}=${purpose}`] },
  })

/** All that a developer's home may hold, and more. */
const EVIL: Sprout[] = [
  { kind: 'dir', name: 'proj', uid: 1000, mode: 0o700, mtime: 1_500_000_000 },
  { kind: 'dir', name: '.venv', uid: 1000 },
  { kind: 'dir', name: 'empty', uid: 1000, mode: 0o1777 },
  { kind: 'dir', name: 'read-only', uid: 1000, mode: 0o555 },
  { kind: 'file', name: 'a', in: 1, data: 'hello', uid: 1000, mode: 0o644, mtime: 1_000_000_000 },
  { kind: 'file', name: 'with space -> and \'quotes\' link to "x"', data: 'x' },
  { kind: 'file', name: 'new\nline\\and\\nbackslash\ttab\r', data: 'x' },
  { kind: 'file', name: 'bad\xff\xfe\x80', data: 'not text' },
  { kind: 'file', name: Buffer.from('ünï 日本 🚢').toString('latin1'), data: 'text' },
  { kind: 'file', name: Buffer.from('u\u0308ni\u0308').toString('latin1'), data: 'its twin' },
  { kind: 'file', name: 'x'.repeat(255), data: 'long' },
  { kind: 'file', name: '-rf', data: 'x' },
  { kind: 'file', name: '*', data: 'x' },
  { kind: 'file', name: 'in', in: 4, data: 'a file of a folder that is read-only', uid: 1000, mode: 0o444 },
  { kind: 'file', name: 'root', data: 'of root', uid: 0, mode: 0o600 },
  { kind: 'file', name: 'nobody', data: 'may read it', uid: 1000, mode: 0o000 },
  { kind: 'file', name: 'setuid', data: 'x', uid: 0, mode: 0o6755 },
  { kind: 'file', name: 'far', data: 'x', uid: 3_000_000_000, mtime: 12_000_000_000 },
  { kind: 'file', name: 'old', data: 'x', mtime: -1_000_000_000 },
  { kind: 'hard', name: 'hard 1', of: 0 },
  { kind: 'hard', name: 'hard 2', in: 3, of: 0 },
  { kind: 'symlink', name: 'python', in: 2, target: '/usr/bin/python3' },
  { kind: 'symlink', name: 'up', in: 1, target: '../../../../etc' },
  { kind: 'symlink', name: 'dangling', target: 'not there\n' },
  { kind: 'symlink', name: 'round', target: '.', uid: 1000 },
  { kind: 'symlink', name: 'canary', target: '/t/canary' },
  { kind: 'symlink', name: 'all', target: '/t' },
  { kind: 'hard', name: 'hard link to a link', of: 17 },
  { kind: 'fifo', name: 'pipe', uid: 1000, mode: 0o620 },
  { kind: 'socket', name: 'socket' },
  { kind: 'sparse', name: 'sparse', size: 2 ** 27, data: 'in the middle' },
  { kind: 'sparse', name: 'nothing but a hole', size: 2 ** 26 },
  ...Array.from({ length: 70 }, (_, n): Sprout => ({
    kind: 'dir',
    name: `deep${'p'.repeat(36)}`,
    in: n === 0 ? 0 : 4 + n,
  })),
  { kind: 'file', name: 'bottom', in: 74, data: 'x' },
]
/** What only a tar can make where there is no other tool. */
const ADORNED: Entry[] = [
  {
    name: 'attributed',
    data: 'x',
    pax: { 'SCHILY.xattr.user.colour': 'blue\0\xff', 'SCHILY.xattr.user.empty': '' },
  },
  {
    name: 'listed',
    data: 'x',
    pax: { 'SCHILY.acl.access': 'user::rw-,user:1234:r--,group::r--,mask::r--,other::r--' },
  },
]

describe('A4 a home', () => {
  test('comes back as it was, whatever is in it; A3 no link is followed', async () => {
    writeFileSync(join(dir, 'canary'), 'the canary sings')
    await lab('grow', { dir: '/t/evil', tree: EVIL })
    await lab('adorn', { dir: '/t/evil', entries: ADORNED })
    const before = await lab('look', '/t/evil')
    const steps = new Map<string, { done: number; total: number }>()
    empty('archive')
    const meta = await pack('evil', (step, bytes) => steps.set(step, bytes))
    expect(meta).toMatchObject({ skipped: 1, bytes: statSync(join(dir, 'archive/home.tar.zst')).size })
    expect(meta.entries).toBe(EVIL.length + ADORNED.length) // the top comes instead of the socket
    expect(meta.content_bytes).toBeGreaterThan(2 ** 27)
    expect(meta.disk_bytes).toBeLessThan(2 ** 22)
    expect(await lab('look', '/t/evil')).toBe(before)
    const text = await lab('textOf', '/t/archive')
    expect(text).toContain('a file of a folder')
    expect(text).not.toContain('canary sings')

    await unpack(empty('restored'), meta, (step, bytes) => steps.set(step, bytes))
    expect(await lab('look', '/t/restored')).toBe(before)
    expect([...steps.keys()]).toEqual(['PACKING', 'VERIFYING', 'UNPACKING'])
    for (const { done, total } of steps.values()) {
      expect(total).toBe(meta.disk_bytes)
      expect(done).toBeGreaterThan(0)
    }
    expect(await containers()).toEqual([])
  })

  test('comes back as it was, in any shape', async () => {
    const name = fc
      .oneof(
        fc.constantFrom('a', 'b', 'a.b', 'a b', '...', '\\', '-x', ' ', '\n', 'c:\\x'),
        fc.uint8Array({ minLength: 1, maxLength: 255 }).map((bytes) => Buffer.from(bytes).toString('latin1')),
      )
      .filter((text) => !/[\0/]/.test(text) && text !== '.' && text !== '..')
    const number = fc.nat(100)
    const sprout: fc.Arbitrary<Sprout> = fc.record(
      {
        kind: fc.constantFrom('file', 'file', 'dir', 'dir', 'symlink', 'hard', 'fifo', 'sparse'),
        name,
        in: number,
        of: number,
        target: fc.oneof(fc.constantFrom('/', '..', '../../x', 'a b -> c'), name),
        data: fc.string({ unit: 'binary-ascii', maxLength: 5_000 }),
        size: fc.nat(2 ** 22),
        mode: fc.nat(0o7777),
        uid: fc.nat(70_000),
        mtime: fc.nat(2 ** 31),
      },
      { requiredKeys: ['kind', 'name', 'in', 'of', 'target'] },
    )
    const trees = fc.sample(fc.array(sprout, { maxLength: 60 }), 25)
    for (const [n, { before, after, untouched, packed }] of (await lab('roundTrips', { trees })).entries()) {
      const told = JSON.stringify(trees[n])
      expect(after, told).toBe(before)
      expect(untouched, told).toBe(true)
      expect(packed.entries).toBeLessThanOrEqual((trees[n]?.length ?? 0) + 1)
    }
  })

  test('comes back also where the image has no zstd: Node has its own', async () => {
    // A place with all that is needed but that.
    await lab('grow', {
      dir: '/t/bin',
      tree: ['bash', 'find', 'sort', 'xargs', 'sha256sum', 'tar', 'sync', 'mkfifo'].map((name) => ({
        kind: 'symlink',
        name,
        target: `/usr/bin/${name}`,
      })),
    })
    const trees: Sprout[][] = [[{ kind: 'file', name: 'a', data: 'x'.repeat(100_000) }]]
    const place = { docker, image: IMAGE, labels: bench.labels, dir, path: '/t/bin:/usr/local/bin' }
    const [result] = await inLab(place, 'roundTrips', { trees })
    expect(result?.after).toBe(result?.before)
  })
})

const top: Entry = { name: './', type: '5', mode: 0o755 }
const folder = (name: string): Entry => ({ name, type: '5', mode: 0o755 })
const file = (name: string, more: Partial<Entry> = {}): Entry => ({ name, data: 'evil', ...more })
const link = (name: string, target: string): Entry => ({ name, type: '2', link: target })
const hard = (name: string, target: string, more: Partial<Entry> = {}): Entry => ({
  name,
  type: '1',
  link: target,
  ...more,
})
const OUT = '/t/around/outside'

/** Each is refused. */
const HOSTILE: Record<string, Entry[]> = {
  'a name that goes up': [top, file('../canary')],
  'a name that goes up from the top': [top, file('./../canary')],
  'a name that goes down and up': [top, folder('./a/'), file('./a/../../canary')],
  'a name that is only up': [top, file('./..')],
  'a folder that goes up': [top, folder('./../outside/')],
  'a folder that goes far up': [top, folder('./../../../../etc/')],
  'a link whose name goes up': [top, link('./../link', '/etc')],
  'an absolute name': [top, file('/canary')],
  'an absolute name with more slashes': [top, file('//canary')],
  'an absolute name of the outside': [top, file(`${OUT}/canary`)],
  'an absolute folder': [folder('/'), file('/canary')],
  'an absolute link': [top, link('/link', '/etc')],
  'an absolute name in PAX': [top, file('x', { pax: { path: '/canary' } })],
  'a name that goes up in PAX': [top, file('x', { pax: { path: '../canary' } })],
  'a name with a zero byte in PAX': [top, file('x', { pax: { path: '../canary\0./x' } })],
  'an absolute hard link in PAX': [top, hard('./x', 'y', { pax: { linkpath: '/canary' } })],
  'a name in a prefix that goes up': [top, file('canary', { fields: { prefix: '..' } })],
  'a name in an absolute prefix': [top, file('canary', { fields: { prefix: '/t/around' } })],
  'a long name of GNU that goes up': [
    top,
    { name: '././@LongLink', type: 'L', data: '../canary\0' },
    file('./x'),
  ],
  'a long link of GNU that goes out': [
    top,
    { name: '././@LongLink', type: 'K', data: `${OUT}/canary\0` },
    hard('./x', 'y'),
  ],
  'a link, then a file through it': [top, link('./a', OUT), file('./a/canary')],
  'a link, then a new file through it': [top, link('./a', OUT), file('./a/new')],
  'a link up, then a file through it': [top, link('./a', '../outside'), file('./a/canary')],
  'a link to the top, then up through it': [top, link('./a', '.'), file('./a/../../canary')],
  'a link, then a folder through it': [top, link('./a', OUT), folder('./a/new/')],
  'a link, then a link through it': [top, link('./a', OUT), link('./a/new', '/etc')],
  'a link, then a hard link through it': [top, link('./a', OUT), hard('./b', './a/canary')],
  'a link, then a hard link through it, then a write': [
    top,
    link('./a', OUT),
    hard('./b', './a/canary'),
    file('./b'),
  ],
  'a link below, then a hard link through it': [
    top,
    folder('./a/'),
    link('./a/b', OUT),
    hard('./c', './a/b/canary'),
  ],
  'a link, then a file of its name': [top, link('./a', `${OUT}/canary`), file('./a')],
  'a link, then a folder of its name, then a file in it': [
    top,
    link('./a', OUT),
    folder('./a/'),
    file('./a/canary'),
  ],
  'a link to a link, then a file through both': [
    top,
    link('./a', '..'),
    link('./b', 'a/outside'),
    file('./b/canary'),
  ],
  'a hard link to a link, then a file through it': [
    top,
    link('./a', OUT),
    hard('./b', './a'),
    file('./b/canary'),
  ],
  'a folder replaced by a link': [top, folder('./a/'), link('./a', OUT), file('./a/canary')],
  'a folder replaced by a link, later': [
    top,
    folder('./a/'),
    file('./a/x'),
    folder('./b/'),
    link('./a', OUT),
    file('./a/y'),
  ],
  'a folder of the wrong case replaced': [top, folder('./a/'), link('./A', OUT), file('./A/canary')],
  'a hard link to the outside': [top, hard('./a', `${OUT}/canary`)],
  'a hard link up': [top, hard('./a', '../outside/canary')],
  'a hard link up, then a write': [top, hard('./a', '../outside/canary'), file('./a')],
  'a hard link down and up': [top, folder('./a/'), hard('./b', './a/../../canary')],
  'a hard link to a file of the system': [top, hard('./a', '/etc/passwd')],
  'a hard link to what comes later': [top, hard('./a', './b'), file('./b')],
  'a hard link to itself': [top, hard('./a', './a')],
  'a hard link without the top': [top, file('./a'), hard('./b', 'a')],
  'a character device': [top, { name: './null', type: '3' }],
  'a block device': [top, { name: './disk', type: '4' }],
  'a device of a name that goes up': [top, { name: './../null', type: '3' }],
  'a contiguous file': [top, file('./a', { type: '7' })],
  'a volume label': [top, { name: './label', type: 'V' }],
  'a continued file': [top, { name: './a', type: 'M' }],
  'an unknown kind': [top, { name: './a', type: '9' }],
  'a name twice': [top, file('./a'), file('./a')],
  'a top twice': [top, top],
  'names out of order': [top, file('./b'), file('./a')],
  'no top': [file('./a')],
  'a link for a top': [link('./', OUT), file('./canary')],
  'a file for a top': [file('.')],
  'a name of another top': [folder('home/'), file('home/a')],
  'a drive': [top, file('C:\\Windows\\x')],
  'a drive that is relative': [top, file('C:x')],
  'a share': [top, file('\\\\server\\share\\x')],
  'a name of nothing': [top, file('')],
  'a name with an empty part': [top, folder('./a/'), file('./a//b')],
  'a name with a point in it': [top, folder('./a/'), file('./a/./b')],
  'a file in no folder': [top, file('./a/b')],
  'a file below a file': [top, file('./a'), file('./a/b')],
  'a part that is too long': [top, file('./x', { pax: { path: `./${'x'.repeat(300)}` } })],
  'a path that is too long': [top, file('./x', { pax: { path: `./${'x/'.repeat(3_000)}y` } })],
  '300 folders that are not there': [top, file('./x', { pax: { path: `./${'d/'.repeat(300)}x` } })],
  'a name that goes up, after the end': [top, file('./a', { after: 20 }), file('../canary')],
  'more bytes than it is said to hold': [
    top,
    file('./a', { pax: { size: '400000' }, fields: { size: '00000000004' } }),
  ],
}
/** Each is refused as damage: no tar can make sense of it. */
const SENSELESS: Record<string, Entry[]> = {
  'a negative size': [top, file('./a', { fields: { size: '-0000000004' } })],
  'a negative size, in binary': [top, file('./a', { fields: { size: '\xff'.repeat(12) } })],
  'an endless size': [top, file('./a', { fields: { size: `\x80${'\xff'.repeat(11)}` } })],
  'a size that is no number': [top, file('./a', { fields: { size: 'four' } })],
  'a wrong sum': [top, file('./a', { fields: { checksum: '000001' } })],
  'a PAX record longer than all': [
    top,
    { name: 'pax', type: 'x', data: '99999 path=../canary\n' },
    file('./a'),
  ],
  'a PAX header that never ends': [
    top,
    { name: 'pax', type: 'x', size: 2 ** 32, data: '20 path=../canary\n' },
    file('./a'),
  ],
}
/** Each is as good as any other. */
const HARMLESS: Record<string, Entry[]> = {
  'a link to the outside': [top, link('./a', OUT), link('./b', '../outside')],
  'an end that is long': [top, file('./a', { after: 1_000 })],
  'a link to itself': [top, link('./a', 'a')],
  setuid: [top, file('./a', { mode: 0o6755 })],
  'a pipe': [top, { name: './a', type: '6' }],
  'a drive for a name': [top, file('./C:\\x')],
  'the twins of Unicode': [top, file('./u\xcc\x88'), file('./\xc3\xbc')],
  'names that differ in case': [top, file('./A'), file('./a')],
  '300 folders': [top, ...Array.from({ length: 300 }, (_, n) => folder(`./${'d/'.repeat(n + 1)}`))],
}

describe('A1 a hostile archive', () => {
  const cases = { ...HOSTILE, ...SENSELESS, ...HARMLESS }
  let results: Awaited<ReturnType<typeof inLab<'hostile'>>>
  const resultOf = (name: string) => results[Object.keys(cases).indexOf(name)]
  beforeAll(async () => {
    results = await lab('hostile', { cases: Object.values(cases) })
  })

  test('of every kind changes nothing outside, even where tar alone unpacks it', () => {
    expect(results).toHaveLength(Object.keys(cases).length)
    for (const name of Object.keys(cases))
      expect(resultOf(name), name).toMatchObject({ outside: 'as it was' })
  })

  test(`of ${Object.keys(HOSTILE).length} kinds is refused, and nothing of it is unpacked`, () => {
    for (const name of Object.keys(HOSTILE))
      expect(resultOf(name), name).toMatchObject({ code: 'ARCHIVE_UNSAFE', left: [] })
  })

  test('that makes no sense is refused as damaged', () => {
    for (const name of Object.keys(SENSELESS))
      expect(resultOf(name), name).toMatchObject({
        code: expect.stringMatching(/CORRUPT|UNSAFE/) as string,
        left: [],
      })
  })

  test('is not what only looks like one', () => {
    for (const name of Object.keys(HARMLESS))
      expect(resultOf(name), name).toMatchObject({ code: 'OK', message: '' })
  })
})

test('A2 a bomb stops: before it is unpacked where its size or number is not as said, else before the disk is full', async () => {
  const found = await lab('bombs')
  expect(found.more).toMatchObject({
    code: 'ARCHIVE_UNSAFE',
    message: expect.stringContaining('zeros') as string,
  })
  expect(found.honest).toMatchObject({
    code: 'DISK_FULL',
    message: expect.stringContaining('2.2 GB needed') as string,
  })
  expect(found.lie).toMatchObject({ code: 'DISK_FULL' })
  expect(found.left).toEqual([])
  expect(found.least).toBeGreaterThan(32 * 2 ** 20)
  expect(found.entries).toMatchObject({
    code: 'ARCHIVE_UNSAFE',
    message: expect.stringContaining('10 files') as string,
  })
})

test('A2 judging takes little memory, however much there is to judge', async () => {
  const found = await lab('memory', { count: 100_000 })
  expect(found.code).toBe('OK')
  expect(found.rss).toBeLessThan(200 * 2 ** 20)
})

test('A7 no damage is accepted: 100 flipped bits and cuts, and metas that say something else', async () => {
  const places = (count: number): number[] =>
    Array.from({ length: count }, (_, n) => (n + Math.random()) / count)
  const metas = [
    { entries: 1 },
    { entries: -1 },
    { content_bytes: 1 },
    { content_bytes: -1 },
    { bytes: 1 },
    { sha256: 'a'.repeat(64) },
  ]
  const found = await lab('damaged', { flips: places(70), cuts: [0, ...places(30)], metas })
  expect(found.pop()?.code).toBe('GOOD') // as it was
  expect(found.length).toBeGreaterThan(110)
  // With a sum that fits, a bit may be one that says nothing: what comes of it is what was packed.
  for (const { code } of found) expect(code).toMatch(/^(ARCHIVE_CORRUPT|ARCHIVE_UNSAFE|RESTORE_FAILED|GOOD)$/)
  expect(found.filter(({ code }) => code === 'GOOD').length).toBeLessThan(10)
})

test('A9 a disk that is full, or becomes so, is told of, and the home is as it was', async () => {
  const { results, left, untouched } = await lab('fullDisks')
  expect(results.map(({ code }) => code)).toEqual(['DISK_FULL', 'DISK_FULL', 'DISK_FULL'])
  for (const { message } of results)
    expect(message).toMatch(/^The disk is full: [\d.]+ MB needed, [\d.]+ [kM]B free$/)
  expect(left).toEqual([])
  expect(untouched).toBe(true)
})

test('A5 a home that changes while it is packed is not archived', async () => {
  const found = await lab('changes')
  expect(Object.keys(found)).toHaveLength(16)
  for (const [change, code] of Object.entries(found)) expect(code, change).toBe('HOME_CHANGED')
})

describe('a job', () => {
  /** A home of so many MB that take their time. */
  function bigHome(mb: number): string {
    const name = empty(`big-${mb}`)
    for (let n = 0; n < mb; n++) writeFileSync(join(dir, name, `${n}`), randomBytes(2 ** 20))
    return name
  }
  beforeAll(() => void empty('archive'))

  test('can do nothing but what it is for, and leaves a file of who runs it', async () => {
    const seen: unknown[] = []
    const look = (): void =>
      void containers().then(async ([found]) => {
        if (found) seen.push(await docker.getContainer(found.Id).inspect())
      })
    const meta = await pack(bigHome(40), look)
    const file = statSync(join(dir, 'archive/home.tar.zst'))
    expect(file).toMatchObject({ uid: process.getuid?.(), size: meta.bytes })
    expect(file.mode & 0o777).toBe(0o600)
    expect(seen[0]).toMatchObject({
      Config: {
        User: '0:0',
        Labels: { [LABEL_WORKSPACE]: ID, [LABEL_PURPOSE]: 'storage', [LABEL_RUN]: 'this' },
      },
      HostConfig: {
        NetworkMode: 'none',
        ReadonlyRootfs: true,
        Privileged: false,
        CapDrop: ['ALL'],
        CapAdd: ['DAC_OVERRIDE'],
        SecurityOpt: ['no-new-privileges'],
        PidsLimit: 256,
        Memory: 2 ** 30,
        LogConfig: { Config: { 'max-size': '1m' } },
        Mounts: [
          { Type: 'bind', Source: join(dir, 'big-40'), Target: '/home/coder', ReadOnly: true },
          { Type: 'bind', Source: join(dir, 'archive'), Target: '/archive' },
        ],
      },
    })
  })

  test('that is cancelled ends at once, with why, and its container with it', async () => {
    const cancel = new AbortController()
    const why = new Error('nobody wants it')
    await expect(pack('big-40', () => cancel.abort(why), cancel.signal)).rejects.toBe(why)
    expect(await containers()).toEqual([])
    await expect(pack('big-40', () => undefined, AbortSignal.abort(why))).rejects.toBe(why)
  })

  test('whose container is killed has failed', async () => {
    const kill = async (): Promise<void> => {
      for (const { Id } of await containers())
        await docker
          .getContainer(Id)
          .kill()
          .catch(() => undefined)
    }
    const failing = expect(pack('big-40', () => void kill())).rejects.toThrow(
      thrown('ARCHIVE_FAILED', 'exit code 137'),
    )
    await failing
    expect(await containers()).toEqual([])
  })

  test('ends an earlier one of the same workspace, and no other', async () => {
    const leave = (id: string, run: string, purpose = 'storage', installation = bench.label) =>
      docker.createContainer({
        Image: IMAGE,
        Entrypoint: ['sleep', '600'],
        Labels: {
          ...labels,
          [LABEL_INSTALLATION]: installation,
          [LABEL_WORKSPACE]: id,
          [LABEL_PURPOSE]: purpose,
          [LABEL_RUN]: run,
        },
      })
    const earlier = await leave(ID, 'another')
    await earlier.start()
    const others = [
      await leave('other', 'another'),
      await leave('other', 'this'),
      await leave(ID, 'x', 'storage', 'not-ours'),
    ]
    const instance = await leave(ID, 'another', 'instance')
    await pack(empty('nothing'))
    const left = async (): Promise<string[]> => (await containers()).map(({ Id }) => Id).sort()
    expect(await left()).toEqual(others.map(({ id }) => id).sort())

    await storage.tidy()
    expect(await left()).toEqual(
      others
        .slice(1)
        .map(({ id }) => id)
        .sort(),
    )
    expect((await containers('instance')).map(({ Id }) => Id)).toEqual([instance.id])
    for (const { id } of [...others.slice(1), instance]) await docker.getContainer(id).remove({ force: true })
  })

  test('A7 passes on what is wrong with an archive', async () => {
    const meta = await pack(empty('nothing'))
    writeFileSync(join(dir, 'archive/home.tar.zst'), randomBytes(meta.bytes))
    await expect(unpack(empty('restored-3'), meta)).rejects.toThrow(thrown('ARCHIVE_CORRUPT', 'SHA-256'))
    expect(readdirSync(join(dir, 'restored-3'))).toEqual([])
    expect(await containers()).toEqual([])
  })

  test('erases all that is in a directory, whosever it is, and nothing else', async () => {
    writeFileSync(join(dir, 'canary'), 'the canary sings')
    await lab('grow', {
      dir: '/t/evil',
      tree: [...EVIL, { kind: 'dir', name: 'private', uid: 7, mode: 0 }, { kind: 'file', name: 'x', in: 75 }],
    })
    const seen = new Set<string>()
    const watch = setInterval(() => {
      void containers().then(async ([found]) => {
        if (!found) return
        const { HostConfig, Config } = await docker.getContainer(found.Id).inspect()
        const { CapDrop, CapAdd, Mounts, NetworkMode, ReadonlyRootfs } = HostConfig
        const mounts = Mounts?.map(({ Source, Target }) => [Source, Target])
        const workspace = Config.Labels[LABEL_WORKSPACE]
        seen.add(JSON.stringify([CapDrop, CapAdd, mounts, NetworkMode, ReadonlyRootfs, workspace ?? 'none']))
      })
    }, 20)
    await storage.erase(join(dir, 'evil'), never)
    clearInterval(watch)
    expect(readdirSync(join(dir, 'evil'))).toEqual([])
    expect(readFileSync(join(dir, 'canary'), 'utf8')).toBe('the canary sings')
    expect([...seen].map((text) => JSON.parse(text) as unknown)).toEqual([
      [['ALL'], ['DAC_OVERRIDE', 'FOWNER'], [[join(dir, 'evil'), '/home/coder']], 'none', true, 'none'],
    ])
    expect(await containers()).toEqual([])
  })

  test('that erases and cannot says so', async () => {
    const image = 'berth-test:never'
    const other = createStorage({ docker, labels, run: 'this', image, requireSource })
    await expect(other.erase(join(dir, empty('nothing')), never)).rejects.toThrow(thrown('IMAGE_NOT_FOUND'))
    await expect(storage.erase(join(dir, 'never'), never)).rejects.toThrow(thrown('HOME_NOT_WRITABLE'))
    const why = new Error('it took too long')
    await expect(storage.erase(join(dir, empty('nothing')), AbortSignal.abort(why))).rejects.toBe(why)
  })

  test('without an image, a directory or GNU tar says so', async () => {
    const spec = place('nothing')
    const trying = (more: Partial<typeof spec>) => storage.pack({ ...spec, ...more }, () => undefined, never)
    await expect(trying({ imageRef: 'berth-test:never' })).rejects.toThrow(
      thrown('IMAGE_NOT_FOUND', 'berth-test:never'),
    )
    await expect(trying({ homeDir: join(dir, 'never') })).rejects.toThrow(
      thrown('ARCHIVE_FAILED', join(dir, 'never')),
    )
    const imageRef = `berth-test:${bench.label}-other-tar`
    const context = tar.pack()
    context.entry({ name: 'tar', mode: 0o755 }, '#!/bin/sh\necho "tar (busybox) 1.36"\n')
    context.entry({ name: 'Dockerfile' }, `FROM ${IMAGE}\nCOPY tar /usr/local/sbin/tar\n`)
    context.finalize()
    await finished(
      docker,
      await docker.buildImage(Readable.from(context), { t: imageRef, labels: bench.labels }),
    )
    await expect(trying({ imageRef })).rejects.toThrow(thrown('ARCHIVE_FAILED', 'no GNU tar'))
    await expect(trying({ imageRef })).rejects.toMatchObject({
      hint: expect.stringContaining('GNU tar') as string,
    })
  })

  test('is for nobody where the engine is not there', async () => {
    const { default: Docker } = await import('dockerode')
    const away = createStorage({
      docker: new Docker({ socketPath: join(dir, 'no.sock') }),
      labels,
      run: 'this',
      image: IMAGE,
      requireSource,
    })
    await expect(away.pack(place('nothing'), () => undefined, never)).rejects.toThrow(
      thrown('DOCKER_UNREACHABLE'),
    )
    await expect(away.tidy()).rejects.toThrow(thrown('DOCKER_UNREACHABLE'))
  })
})
