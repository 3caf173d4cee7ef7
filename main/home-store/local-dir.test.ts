import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import tar from 'tar-stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { AppError } from '../core/errors.ts'
import { arm } from '../core/failpoint.ts'
import { manifestOf, type Manifest } from '../core/manifest.ts'
import { walk } from '../runner/storage-job.mjs'
import { idOf, rowOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import type { HomeStore } from './home-store.ts'
import { createLocalDir, initLocalDir } from './local-dir.ts'

const keyOf = (id: string, user = 'u1'): string => `users/${user}/workspaces/${id}/home`
const KEY = keyOf(idOf(1))
const OTHER = keyOf(idOf(2))
const MANIFEST = manifestOf(rowOf(idOf(1)))
const ROOT = process.getuid?.() === 0
const SOMEBODY = 12_345

let root: string
let store: HomeStore
let path: string

beforeEach(async () => {
  root = join(tempDir(), 'store')
  await initLocalDir(root)
  store = createLocalDir({ root, owner: undefined })
  path = store.pathOf(KEY)
})
afterEach(() => failAt(''))

/** Makes the step throw, once and for all. */
function failAt(name: string): void {
  arm(name && `${name}=throw`, { onHit: () => undefined, kill: () => undefined })
}
const thrown = (code: string) => expect.objectContaining({ code }) as Error
const beside = (): string[] => readdirSync(dirname(path)).sort()
const inHome = (name: string): string => join(path, name)
const inTrash = (name: string): string => join(dirname(path), 'trash', name)
const manifestPath = (): string => join(dirname(path), 'workspace.json')

/** A home with a file in it. */
async function makeHome(content = 'x'): Promise<void> {
  await store.create(KEY, 'op')
  writeFileSync(inHome('file'), content)
}
/** What crashes leave beside a home. */
function leaveRemains(): void {
  for (const name of ['.making-a/b', '.gone-c/d', '.gone-e'])
    mkdirSync(join(dirname(path), name), { recursive: true })
  writeFileSync(join(dirname(path), '.making-manifest'), '{')
}
/** Does `work` as somebody to whom the file system may say no. */
async function unprivileged(work: () => Promise<void>): Promise<void> {
  if (!ROOT) return work()
  chownSync(join(root, '..'), SOMEBODY, SOMEBODY)
  execFileSync('chown', ['-R', `${SOMEBODY}:${SOMEBODY}`, root])
  process.seteuid!(SOMEBODY)
  await work().finally(() => process.seteuid!(0))
}
const caught = async (work: Promise<unknown>): Promise<AppError> => {
  const error: unknown = await work.then(
    () => new Error('nothing was thrown'),
    (error: unknown) => error,
  )
  if (error instanceof AppError) return error
  throw error
}

function skeleton(content = 'from the image'): Readable {
  const pack = tar.pack()
  pack.entry({ name: 'coder/', type: 'directory' })
  pack.entry({ name: 'coder/.profile' }, content)
  pack.finalize()
  return Readable.from(pack)
}
const seed = (content?: string): Promise<void> => store.seed(KEY, 'op', (unpack) => unpack(skeleton(content)))

describe('a home', () => {
  test('is absent, is made, is present', async () => {
    expect(await store.observe(KEY)).toBe('absent')
    await store.create(KEY, 'op')
    expect(await store.observe(KEY)).toBe('present')
    expect(readdirSync(path)).toEqual([])
    expect(beside()).toEqual(['home'])
  })

  test('that is there stays as it is when it is made again', async () => {
    await store.create(KEY, 'op')
    writeFileSync(join(path, 'precious'), 'x')
    await store.create(KEY, 'op')
    expect(readFileSync(join(path, 'precious'), 'utf8')).toBe('x')
  })

  test('is open to its owner, and what is above it to nobody else', async () => {
    await store.create(KEY, 'op')
    const modes = [path, dirname(path), root].map((dir) => (statSync(dir).mode & 0o777).toString(8))
    expect(modes).toEqual(['755', '700', '700'])
  })

  test.skipIf(process.getuid?.() !== 0)(
    'belongs to who it is said to belong to, with what it is seeded with',
    async () => {
      const owner = { uid: 12_345, gid: 23_456 }
      store = createLocalDir({ root, owner })
      await store.create(KEY, 'op')
      expect(statSync(path)).toMatchObject(owner)
      await seed()
      expect(statSync(path)).toMatchObject(owner)
      expect(statSync(join(path, '.profile'))).toMatchObject(owner)
    },
  )

  test('is one of many, and what is done to it is done to it alone', async () => {
    await store.create(KEY, 'op')
    await store.create(OTHER, 'op')
    await store.purge(KEY, 'op')
    expect(await store.observe(OTHER)).toBe('present')
    expect(await store.remains(KEY)).toBe(false)
  })
})

describe('seeding', () => {
  beforeEach(() => store.create(KEY, 'op'))

  test('gives an empty home the content of its image, and leaves nothing beside it', async () => {
    await seed()
    expect(readFileSync(join(path, '.profile'), 'utf8')).toBe('from the image')
    expect(beside()).toEqual(['home'])
  })

  test('never touches a home that holds anything, and does not even ask for the content', async () => {
    for (const name of ['file', '.hidden']) {
      writeFileSync(join(path, name), 'mine')
      let asked = false
      await store.seed(KEY, 'op', () => Promise.resolve(void (asked = true)))
      expect(asked).toBe(false)
      rmSync(join(path, name))
    }
  })

  test('does not overwrite what came into the home while it was being prepared', async () => {
    await expect(
      store.seed(KEY, 'op', async (unpack) => {
        await unpack(skeleton())
        writeFileSync(join(path, '.profile'), 'mine')
      }),
    ).rejects.toThrow(/ENOTEMPTY|EEXIST/)
    expect(readFileSync(join(path, '.profile'), 'utf8')).toBe('mine')
    await seed()
    expect(readFileSync(join(path, '.profile'), 'utf8')).toBe('mine')
  })

  test('is whole or not at all: what breaks off leaves the home empty, and the next try starts over', async () => {
    await expect(
      store.seed(KEY, 'op', async (unpack) => {
        await unpack(skeleton('half'))
        throw new Error('connection lost')
      }),
    ).rejects.toThrow('connection lost')
    expect(readdirSync(path)).toEqual([])
    await seed('whole')
    expect(readFileSync(join(path, '.profile'), 'utf8')).toBe('whole')
    expect(beside()).toEqual(['home'])
  })

  test('that a crash cut off leaves nothing once another try has ended', async () => {
    failAt('starting.seed-staged')
    await expect(seed('first')).rejects.toThrow('failpoint')
    expect(readdirSync(path)).toEqual([])
    failAt('')
    await store.seed(KEY, 'another-op', (unpack) => unpack(skeleton('second')))
    expect(readFileSync(join(path, '.profile'), 'utf8')).toBe('second')
    expect(beside()).toEqual(['home'])
  })

  test('with nothing leaves an empty home', async () => {
    await store.seed(KEY, 'op', () => Promise.resolve())
    expect(readdirSync(path)).toEqual([])
    expect(await store.observe(KEY)).toBe('present')
  })
})

describe('making that is cut off', () => {
  test('is no home yet, and is made whole by the next try', async () => {
    failAt('provisioning.staged')
    await expect(store.create(KEY, 'op')).rejects.toThrow('failpoint')
    expect(await store.observe(KEY)).toBe('absent')
    expect(await store.remains(KEY)).toBe(true)
    failAt('')
    await store.create(KEY, 'another-op')
    expect(beside()).toEqual(['home'])
  })

  test('after its last step is a home', async () => {
    failAt('provisioning.made')
    await expect(store.create(KEY, 'op')).rejects.toThrow('failpoint')
    expect(await store.observe(KEY)).toBe('present')
  })
})

describe('restoring', () => {
  const fill = async (dir: string): Promise<void> => {
    writeFileSync(join(dir, 'file'), 'from the archive')
    await Promise.resolve()
  }

  test('makes a home of what was put into an empty directory that is nobody else’s', async () => {
    await store.restore(KEY, 'op', async (dir) => {
      expect(readdirSync(dir)).toEqual([])
      expect(statSync(dir).mode & 0o777).toBe(0o700)
      expect(dirname(dir)).toBe(dirname(path))
      expect(await store.observe(KEY)).toBe('absent')
      await fill(dir)
    })
    expect(readFileSync(inHome('file'), 'utf8')).toBe('from the archive')
    expect(beside()).toEqual(['home'])
  })

  test.skipIf(!ROOT)('leaves mode and owner of the home as they were put there', async () => {
    store = createLocalDir({ root, owner: { uid: 1, gid: 1 } })
    await store.restore(KEY, 'op', async (dir) => {
      chmodSync(dir, 0o2750)
      chownSync(dir, 4_321, 1_234)
      chmodSync(dir, 0o2750)
      await Promise.resolve()
    })
    expect(statSync(path)).toMatchObject({ uid: 4_321, gid: 1_234 })
    expect(statSync(path).mode & 0o7777).toBe(0o2750)
  })

  test('leaves a home that is there as it is, and does not even ask for the content', async () => {
    await makeHome('mine')
    await store.restore(KEY, 'op', () => Promise.reject(new Error('asked')))
    expect(readFileSync(inHome('file'), 'utf8')).toBe('mine')
  })

  test('A6 that fails leaves nothing, not even what is read-only', async () => {
    const work = store.restore(KEY, 'op', async (dir) => {
      await fill(dir)
      mkdirSync(join(dir, 'ro/x'), { recursive: true })
      chmodSync(join(dir, 'ro'), 0o555)
      throw new Error('the archive is damaged')
    })
    await expect(work).rejects.toThrow('the archive is damaged')
    expect(beside()).toEqual([])
    await store.restore(KEY, 'op', fill)
    expect(await store.observe(KEY)).toBe('present')
  })

  test('A6 never replaces what came into its place meanwhile', async () => {
    const work = store.restore(KEY, 'op', async (dir) => {
      await fill(dir)
      mkdirSync(path)
      writeFileSync(inHome('file'), 'mine')
    })
    await expect(work).rejects.toThrow(/ENOTEMPTY|EEXIST/)
    expect(readFileSync(inHome('file'), 'utf8')).toBe('mine')
  })

  test.each<[string, 'absent' | 'present']>([
    ['restoring.staged', 'absent'],
    ['restoring.unpacked', 'absent'],
    ['restoring.renamed', 'present'],
  ])('A6 that is cut off at %s leaves none or all of it, and ends with the next try', async (step, then) => {
    failAt(step)
    await expect(store.restore(KEY, 'op', fill)).rejects.toThrow('failpoint')
    expect(await store.observe(KEY)).toBe(then)
    failAt('')
    for (const opId of ['op2', 'op3']) await store.restore(KEY, opId, fill)
    expect(readFileSync(inHome('file'), 'utf8')).toBe('from the archive')
    expect(beside()).toEqual(['home'])
  })

  test('leaves what is in the trash there', async () => {
    await makeHome('old')
    await store.trash(KEY)
    await store.restore(KEY, 'op', fill)
    expect(readFileSync(inTrash('file'), 'utf8')).toBe('old')
  })
})

describe('discarding', () => {
  test('removes the home, what crashes left, and nothing else', async () => {
    await makeHome()
    await store.trash(KEY)
    await makeHome()
    await store.describe(KEY, MANIFEST)
    leaveRemains()
    for (const opId of ['op1', 'op2']) await store.discard(KEY, opId, Infinity)
    expect(beside()).toEqual(['trash', 'workspace.json'])
    expect(await store.observe(KEY)).toBe('trashed')
  })

  test('what is not there is done already, and makes nothing', async () => {
    await store.discard(KEY, 'op', Infinity)
    expect(await store.remains(KEY)).toBe(false)
  })

  test.each(['archiving.renamed-home', 'archiving.removed-home'])(
    'that is cut off at %s leaves no home, and ends with the next try',
    async (step) => {
      await makeHome()
      failAt(step)
      await expect(store.discard(KEY, 'op', Infinity)).rejects.toThrow('failpoint')
      expect(await store.observe(KEY)).toBe('absent')
      failAt('')
      await store.discard(KEY, 'op', Infinity)
      expect(beside()).toEqual([])
    },
  )
})

describe('A5 discarding what was changed after it was packed', () => {
  /** A home, and when anything in it was last changed; by now it is later. */
  async function packedHome(): Promise<number> {
    await makeHome()
    mkdirSync(inHome('deep/er'), { recursive: true })
    writeFileSync(inHome('deep/er/old'), 'x')
    symlinkSync(root, inHome('link'))
    const { newest_change_ms } = walk(path)
    const clock = join(root, '..', 'clock')
    do writeFileSync(clock, 'x')
    while (statSync(clock).ctimeMs < newest_change_ms + 5)
    return newest_change_ms
  }
  test('brings it back also when a crash came between the rename and the look', async () => {
    const packedAt = await packedHome()
    writeFileSync(inHome('late'), 'saved in the last moment')
    failAt('archiving.renamed-home')
    await expect(store.discard(KEY, 'op', packedAt)).rejects.toThrow('failpoint')
    failAt('')
    await expect(store.discard(KEY, 'op', packedAt)).rejects.toMatchObject({ code: 'HOME_CHANGED' })
    expect(readFileSync(inHome('late'), 'utf8')).toBe('saved in the last moment')
  })

  const odd = (): Buffer => Buffer.concat([Buffer.from(inHome('deep/')), Buffer.from([0xff, 0xfe])])

  test.each<[string, () => void]>([
    ['a new file', () => writeFileSync(inHome('new'), 'x')],
    ['a new file far down', () => writeFileSync(inHome('deep/er/new'), 'x')],
    ['a new file whose name is no text', () => writeFileSync(odd(), 'x')],
    ['a new directory', () => mkdirSync(inHome('new'))],
    ['a new link', () => symlinkSync('nowhere', inHome('new'))],
    ['other content', () => writeFileSync(inHome('file'), 'y')],
    ['another mode', () => chmodSync(inHome('deep/er/old'), 0o600)],
    ['another name', () => renameSync(inHome('deep'), inHome('away'))],
    ['an old file from elsewhere', () => renameSync(join(root, '..', 'elsewhere'), inHome('new'))],
  ])('(%s) leaves the home as it is', async (_, change) => {
    writeFileSync(join(root, '..', 'elsewhere'), 'x')
    const newest = await packedHome()
    await store.describe(KEY, MANIFEST)
    const { ino } = statSync(path)
    change()
    const before = walk(path)
    for (const opId of ['op1', 'op1', 'op2']) {
      expect(await caught(store.discard(KEY, opId, newest))).toMatchObject({ code: 'HOME_CHANGED' })
      expect(walk(path).newest_change_ms).toBe(before.newest_change_ms)
      expect(walk(path).entries).toBe(before.entries)
    }
    expect(statSync(path).ino).toBe(ino)
    expect(beside()).toEqual(['home', 'workspace.json'])
    await store.discard(KEY, 'op3', before.newest_change_ms)
    expect(beside()).toEqual(['workspace.json'])
  })

  test('(nothing, also of an empty home) removes it; what a link leads to does not count', async () => {
    const newest = await packedHome()
    writeFileSync(join(root, 'changed'), 'x')
    await store.discard(KEY, 'op', newest)
    expect(beside()).toEqual([])
    await store.create(KEY, 'op')
    await store.discard(KEY, 'op', walk(path).newest_change_ms)
    expect(beside()).toEqual([])
  })

  test('(something in a home that was empty) leaves it', async () => {
    await makeHome('new')
    expect((await caught(store.discard(KEY, 'op', 0))).code).toBe('HOME_CHANGED')
    expect(readFileSync(inHome('file'), 'utf8')).toBe('new')
  })

  test('(what may not be read) passes over it', () =>
    unprivileged(async () => {
      const newest = await packedHome()
      chmodSync(inHome('deep'), 0)
      const { ctimeMs } = statSync(inHome('deep'))
      await store.discard(KEY, 'op', Math.max(newest, ctimeMs))
      expect(beside()).toEqual([])
    }))
})

describe('the trash', () => {
  test('takes a home and gives it back as it was', async () => {
    await makeHome('mine')
    await store.describe(KEY, MANIFEST)
    const { ino } = statSync(path)
    for (let times = 0; times < 2; times++) {
      await store.trash(KEY)
      expect(await store.observe(KEY)).toBe('trashed')
      expect(existsSync(path)).toBe(false)
      expect(await store.remains(KEY)).toBe(true)
    }
    for (let times = 0; times < 2; times++) {
      await store.untrash(KEY)
      expect(await store.observe(KEY)).toBe('present')
    }
    expect(statSync(path).ino).toBe(ino)
    expect(readFileSync(inHome('file'), 'utf8')).toBe('mine')
    expect(beside()).toEqual(['home', 'workspace.json'])
  })

  test.each<[string, () => void]>([
    ['another home', () => (mkdirSync(inTrash('ro'), { recursive: true }), chmodSync(inTrash('ro'), 0o555))],
    ['a file', () => writeFileSync(join(dirname(path), 'trash'), 'x')],
    ['a link', () => symlinkSync(root, join(dirname(path), 'trash'))],
  ])('holds what was deleted last; %s that was in it goes', async (_, leave) => {
    await makeHome('new')
    leave()
    leaveRemains()
    await store.trash(KEY)
    expect(readFileSync(inTrash('file'), 'utf8')).toBe('new')
    expect(beside()).toEqual(['trash'])
    expect(existsSync(join(root, '.berth-home-store'))).toBe(true)
  })

  test('stays as it is while a home is there', async () => {
    await makeHome('deleted')
    await store.trash(KEY)
    await makeHome('mine')
    expect(await store.observe(KEY)).toBe('present')
    await store.untrash(KEY)
    expect(readFileSync(inHome('file'), 'utf8')).toBe('mine')
    expect(readFileSync(inTrash('file'), 'utf8')).toBe('deleted')
  })

  test('of what was never made stays empty', async () => {
    await store.trash(KEY)
    await store.untrash(KEY)
    expect(await store.remains(KEY)).toBe(false)
  })

  test('loses nothing of what is cut off, and the next try ends it', async () => {
    await makeHome('old')
    await store.trash(KEY)
    await makeHome('mine')
    failAt('deleting.trashed-home')
    await expect(store.trash(KEY)).rejects.toThrow('failpoint')
    failAt('')
    await store.trash(KEY)
    expect(beside()).toEqual(['trash'])
    failAt('restoring.untrashed')
    await expect(store.untrash(KEY)).rejects.toThrow('failpoint')
    failAt('')
    await store.untrash(KEY)
    expect(readFileSync(inHome('file'), 'utf8')).toBe('mine')
  })
})

describe('purging', () => {
  test('takes the home, the trash, the manifest and all else beside them', async () => {
    await makeHome()
    await store.trash(KEY)
    await makeHome()
    await store.describe(KEY, MANIFEST)
    leaveRemains()
    await store.create(OTHER, 'op')
    for (const opId of ['op1', 'op2']) {
      await store.purge(KEY, opId)
      expect(existsSync(dirname(path))).toBe(false)
      expect(await store.remains(KEY)).toBe(false)
      expect(await store.observe(KEY)).toBe('absent')
    }
    expect(await store.observe(OTHER)).toBe('present')
  })

  test.each<[string, () => Promise<unknown>]>([
    ['a trash alone', async () => [await makeHome(), await store.trash(KEY)]],
    ['an archived one', async () => [await makeHome(), await store.discard(KEY, 'op', Infinity)]],
    ['what a crash left', async () => [await makeHome(), rmSync(path, { recursive: true }), leaveRemains()]],
  ])('takes %s', async (_, make) => {
    await make()
    await store.describe(KEY, MANIFEST)
    await store.purge(KEY, 'op')
    expect(await store.remains(KEY)).toBe(false)
  })

  test('A3 follows no link out of the home', async () => {
    await store.create(KEY, 'op')
    const outside = join(root, '..', 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'canary'), 'x')
    symlinkSync(outside, inHome('dir'))
    symlinkSync(join(outside, 'canary'), inHome('file'))
    symlinkSync('..', inHome('up'))
    symlinkSync(outside, join(dirname(path), '.gone-link'))
    await store.purge(KEY, 'op')
    expect(readFileSync(join(outside, 'canary'), 'utf8')).toBe('x')
  })

  test('A3 opens no folder up that a link leads to', () =>
    unprivileged(async () => {
      await store.create(KEY, 'op')
      const outside = join(root, '..', 'outside')
      mkdirSync(outside, { mode: 0o755 })
      symlinkSync(outside, join(dirname(path), '.gone-link'))
      rmSync(path, { recursive: true })
      chmodSync(dirname(path), 0o555)
      expect((await caught(store.discard(KEY, 'op', Infinity))).code).toBe('HOME_NOT_WRITABLE')
      expect(statSync(outside).mode & 0o777).toBe(0o755)
      chmodSync(dirname(path), 0o700)
    }))

  test.each(['deleting.purging', 'deleting.purged'])(
    'that is cut off at %s leaves nothing that counts, and ends with the next try',
    async (step) => {
      await makeHome()
      await store.trash(KEY)
      await makeHome()
      failAt(step)
      await expect(store.purge(KEY, 'op')).rejects.toThrow('failpoint')
      expect(await store.observe(KEY)).toBe('absent')
      failAt('')
      await store.purge(KEY, 'another-op')
      expect(await store.remains(KEY)).toBe(false)
    },
  )

  test('takes what a person has made read-only', () =>
    unprivileged(async () => {
      await store.create(KEY, 'op')
      mkdirSync(inHome('go/mod'), { recursive: true })
      writeFileSync(inHome('go/mod/file'), 'x', { mode: 0o444 })
      for (const dir of ['go/mod', 'go', '.']) chmodSync(inHome(dir), 0o555)
      chmodSync(inHome('go'), 0)
      await store.purge(KEY, 'op')
      expect(await store.remains(KEY)).toBe(false)
    }))

  test('takes what lies deeper than a path may be long, and names that are no text, also read-only', () =>
    unprivileged(async () => {
      await store.create(KEY, 'op')
      const here = process.cwd()
      const odd = Buffer.concat([Buffer.from(path), Buffer.from('/'), Buffer.from([0xff, 0xfe])])
      mkdirSync(odd)
      writeFileSync(Buffer.concat([odd, Buffer.from('/x')]), 'x')
      chmodSync(odd, 0o555)
      process.chdir(path)
      try {
        for (let depth = 0; depth < 30; depth++) {
          mkdirSync('d'.repeat(200))
          process.chdir('d'.repeat(200))
          mkdirSync('x')
        }
        chmodSync('..', 0o555)
      } finally {
        process.chdir(here)
      }
      await store.purge(KEY, 'op')
      expect(await store.remains(KEY)).toBe(false)
    }))
})

describe.skipIf(!ROOT)('files of another user in a home, which this one may not remove', () => {
  /** A home with a directory that is root's. */
  async function rootsFiles(): Promise<void> {
    await makeHome()
    process.seteuid!(0)
    mkdirSync(inHome('node_modules/x'), { recursive: true })
    process.seteuid!(SOMEBODY)
  }

  test.each<[string, string, () => Promise<void>]>([
    ['discarding', '.gone-op', () => store.discard(KEY, 'op', Infinity)],
    ['purging', '', () => store.purge(KEY, 'op')],
  ])('%s tells what to do, and nothing half-removed is a home', (_, name, work) =>
    unprivileged(async () => {
      await rootsFiles()
      await store.describe(KEY, MANIFEST)
      const left = join(dirname(path), name)
      for (let tries = 0; tries < 2; tries++) {
        expect(await caught(work())).toMatchObject({
          code: 'HOME_NOT_WRITABLE',
          message: expect.stringContaining(left) as string,
          hint: expect.stringContaining(`sudo rm -rf '${left}`) as string,
        })
        expect(await store.observe(KEY)).toBe('absent')
        expect((await store.found()).map(({ home }) => home)).toEqual(name === '' ? [] : ['absent'])
      }
      expect(await store.remains(KEY)).toBe(true)
      process.seteuid!(0)
      execFileSync('rm', ['-rf', left])
      process.seteuid!(SOMEBODY)
      await work()
    }),
  )

  test('are no hindrance to the trash, nor to a restored home', () =>
    unprivileged(async () => {
      await rootsFiles()
      await store.trash(KEY)
      expect(await store.observe(KEY)).toBe('trashed')
      await store.untrash(KEY)
      expect((await caught(store.discard(KEY, 'op', Infinity))).code).toBe('HOME_NOT_WRITABLE')
      await store.restore(KEY, 'op2', () => Promise.resolve())
      expect(await store.observe(KEY)).toBe('present')
    }))

  test('that were deleted before give way to what is deleted now', () =>
    unprivileged(async () => {
      await rootsFiles()
      await store.trash(KEY)
      await makeHome('new')
      for (let tries = 0; tries < 2; tries++)
        expect((await caught(store.trash(KEY))).message).toContain('.gone-')
      expect(readFileSync(inTrash('file'), 'utf8')).toBe('new')
    }))
})

describe.skipIf(!ROOT)('files of another user in a home, with somebody who may remove them', () => {
  let erased: string[]
  beforeEach(() => {
    erased = []
    store = createLocalDir({
      root,
      owner: undefined,
      async erase(dir) {
        erased.push(dir)
        asRoot(() => execFileSync('find', [dir, '-mindepth', '1', '-delete']))
        await Promise.resolve()
      },
    })
  })
  const asRoot = (work: () => void): void => {
    process.seteuid!(0)
    work()
    process.seteuid!(SOMEBODY)
  }
  const makeRoots = (dir: string): void =>
    asRoot(() => {
      mkdirSync(join(dir, 'private'), { mode: 0o700 })
      writeFileSync(join(dir, 'private/file'), 'x')
    })

  test('go with the home', () =>
    unprivileged(async () => {
      await makeHome()
      makeRoots(path)
      await store.discard(KEY, 'op', Infinity)
      expect(beside()).toEqual([])
      for (let times = 0; times < 2; times++) {
        await makeHome()
        makeRoots(path)
        await store.trash(KEY)
      }
      expect(beside()).toEqual(['trash'])
      await store.purge(KEY, 'op')
      expect(await store.remains(KEY)).toBe(false)
      expect(erased.map((dir) => dir.replace(/-[-0-9a-f]{36}$/, ''))).toEqual([
        join(dirname(path), '.gone-op'),
        join(dirname(path), '.gone'),
        dirname(path),
      ])
    }))

  test('A6 go with a restored home that was broken off', () =>
    unprivileged(async () => {
      for (let times = 0; times < 2; times++) {
        const work = store.restore(KEY, 'op', (dir) => {
          makeRoots(dir)
          return Promise.reject(new Error('the disk is full'))
        })
        await expect(work).rejects.toThrow('the disk is full')
        expect(beside()).toEqual([])
      }
    }))

  test('are not asked for where nothing needs it, nor through a link', () =>
    unprivileged(async () => {
      await makeHome()
      chmodSync(path, 0)
      await store.discard(KEY, 'op', Infinity)
      const outside = join(root, '..', 'outside')
      mkdirSync(outside)
      writeFileSync(join(outside, 'canary'), 'x')
      symlinkSync(outside, join(dirname(path), '.gone-link'))
      chmodSync(dirname(path), 0o555)
      expect((await caught(store.discard(KEY, 'op', Infinity))).code).toBe('HOME_NOT_WRITABLE')
      chmodSync(dirname(path), 0o700)
      expect(readdirSync(outside)).toEqual(['canary'])
      expect(erased).toEqual([])
    }))

  test.each<[string, (dir: string) => Promise<void>]>([
    ['refuses', () => Promise.reject(new AppError('DOCKER_UNREACHABLE'))],
    ['does nothing', () => Promise.resolve()],
  ])('stay where that one %s: a person is told, and the rest goes', (_, erase) =>
    unprivileged(async () => {
      store = createLocalDir({ root, owner: undefined, erase })
      await store.create(KEY, 'op')
      leaveRemains()
      makeRoots(join(dirname(path), '.gone-c'))
      expect(await caught(store.discard(KEY, 'op', Infinity))).toMatchObject({
        code: 'HOME_NOT_WRITABLE',
        hint: expect.stringContaining(`sudo rm -rf '${join(dirname(path), '.gone-c')}'`) as string,
      })
      expect(beside()).toEqual(['.gone-c'])
      // Nor are they in the way of an operation that goes on.
      for (let times = 0; times < 2; times++)
        await expect(
          store.restore(KEY, 'op', (dir) => {
            makeRoots(dir)
            return Promise.reject(new Error('broken off'))
          }),
        ).rejects.toThrow('broken off')
      await store.restore(KEY, 'op', () => Promise.resolve())
      expect(await store.observe(KEY)).toBe('present')
    }),
  )
})

describe('describing', () => {
  const changed: Manifest = { ...MANIFEST, name: 'ünï "quoted"\n', archive_key: `${idOf(1)}/op/home.tar.zst` }
  const read = (): unknown => JSON.parse(readFileSync(manifestPath(), 'utf8'))

  test('leaves the manifest beside the home, for this user alone', async () => {
    await store.create(KEY, 'op')
    for (const manifest of [MANIFEST, changed]) {
      await store.describe(KEY, manifest)
      expect(read()).toEqual(manifest)
    }
    expect(statSync(manifestPath()).mode & 0o777).toBe(0o600)
    expect(beside()).toEqual(['home', 'workspace.json'])
  })

  test('D7 writes nothing when it says the same already, also after a restart', async () => {
    await store.create(KEY, 'op')
    await store.describe(KEY, MANIFEST)
    const { ino, ctimeMs } = statSync(manifestPath())
    await store.describe(KEY, { ...MANIFEST })
    await createLocalDir({ root, owner: undefined }).describe(KEY, MANIFEST)
    expect(statSync(manifestPath())).toMatchObject({ ino, ctimeMs })
    expect(beside()).toEqual(['home', 'workspace.json'])
  })

  test('does not even look again when nothing has changed', async () => {
    await store.create(KEY, 'op')
    await store.describe(KEY, MANIFEST)
    rmSync(root, { recursive: true })
    await store.describe(KEY, MANIFEST)
    expect(existsSync(root)).toBe(false)
  })

  test('makes nothing for what was never made, and is done once it is', async () => {
    await store.describe(KEY, MANIFEST)
    expect(await store.remains(KEY)).toBe(false)
    expect(readdirSync(root)).toEqual(['.berth-home-store'])
    await store.create(KEY, 'op')
    await store.describe(KEY, MANIFEST)
    expect(read()).toEqual(MANIFEST)
  })

  test('is done again after all was removed', async () => {
    await store.create(KEY, 'op')
    await store.describe(KEY, MANIFEST)
    await store.purge(KEY, 'op')
    await store.create(KEY, 'op')
    await store.describe(KEY, MANIFEST)
    expect(read()).toEqual(MANIFEST)
  })

  test('is done again after a person has removed all, and it was made anew', async () => {
    await store.create(KEY, 'op')
    await store.describe(KEY, MANIFEST)
    rmSync(dirname(path), { recursive: true })
    await store.create(KEY, 'op')
    await store.describe(KEY, MANIFEST)
    expect(read()).toEqual(MANIFEST)
  })

  test.each<[string, (outside: string) => void]>([
    ['nothing that is whole', () => writeFileSync(manifestPath(), '{"format": 1, "na')],
    ['a link', (outside) => symlinkSync(outside, manifestPath())],
    ['what a crash left', () => leaveRemains()],
    ['a crash’s link', (outside) => symlinkSync(outside, join(dirname(path), '.making-manifest'))],
  ])('replaces %s and follows no link', async (_, leave) => {
    const outside = join(root, '..', 'outside')
    writeFileSync(outside, 'untouched')
    await store.create(KEY, 'op')
    leave(outside)
    await store.describe(KEY, MANIFEST)
    expect(lstatSync(manifestPath()).isFile()).toBe(true)
    expect(read()).toEqual(MANIFEST)
    expect(readFileSync(outside, 'utf8')).toBe('untouched')
  })
})

describe('finding', () => {
  const of = (n: number): Manifest => manifestOf(rowOf(idOf(n)))

  test('tells of every home that describes itself, archived and deleted ones too', async () => {
    for (const n of [1, 2, 3]) {
      await store.create(keyOf(idOf(n)), 'op')
      await store.describe(keyOf(idOf(n)), of(n))
    }
    await store.discard(keyOf(idOf(2)), 'op', Infinity)
    await store.trash(keyOf(idOf(3)))
    await store.create(keyOf(idOf(4), 'u2'), 'op')
    await store.describe(keyOf(idOf(4), 'u2'), of(4))
    const found = await store.found()
    expect(found.sort((a, b) => a.key.localeCompare(b.key))).toEqual([
      { key: keyOf(idOf(1)), manifest: of(1), home: 'present' },
      { key: keyOf(idOf(2)), manifest: of(2), home: 'absent' },
      { key: keyOf(idOf(3)), manifest: of(3), home: 'trashed' },
      { key: keyOf(idOf(4), 'u2'), manifest: of(4), home: 'present' },
    ])
  })

  test('finds nothing in an empty store', async () => {
    expect(await store.found()).toEqual([])
  })

  test.each<[string, () => void]>([
    ['no manifest', () => undefined],
    ['one that is no JSON', () => writeFileSync(manifestPath(), '{')],
    ['one of something else', () => writeFileSync(manifestPath(), '{"format":1,"id":"x"}')],
    ['one of a format to come', () => writeFileSync(manifestPath(), JSON.stringify({ ...of(1), format: 2 }))],
    ['one of another workspace', () => writeFileSync(manifestPath(), JSON.stringify(of(2)))],
    [
      'one that is too large',
      () => writeFileSync(manifestPath(), JSON.stringify(of(1)) + ' '.repeat(2 ** 20)),
    ],
    ['one that is a directory', () => mkdirSync(manifestPath())],
    ['one that is a pipe', () => execFileSync('mkfifo', [manifestPath()])],
    [
      'one that is a link',
      () => {
        writeFileSync(join(root, 'elsewhere'), JSON.stringify(of(1)))
        symlinkSync(join(root, 'elsewhere'), manifestPath())
      },
    ],
    [
      'a home that is a link',
      () => {
        writeFileSync(manifestPath(), JSON.stringify(of(1)))
        rmSync(path, { recursive: true })
        symlinkSync(root, path)
      },
    ],
  ])('passes over what has %s', async (_, leave) => {
    await store.create(KEY, 'op')
    await store.create(OTHER, 'op')
    await store.describe(OTHER, of(2))
    leave()
    expect(await store.found()).toEqual([{ key: OTHER, manifest: of(2), home: 'present' }])
  })

  test('knows what a newer Berth has written, by what it knows itself', async () => {
    await store.create(KEY, 'op')
    writeFileSync(manifestPath(), JSON.stringify({ ...of(1), colour: 'red' }))
    expect(await store.found()).toEqual([{ key: KEY, manifest: of(1), home: 'present' }])
  })

  test.each(['users', 'users/u1', 'users/u1/workspaces', dirname(KEY)])(
    'follows no link at %s',
    async (below) => {
      await store.create(KEY, 'op')
      await store.describe(KEY, of(1))
      expect(await store.found()).toHaveLength(1)
      renameSync(join(root, below), join(root, '..', 'moved'))
      symlinkSync(join(root, '..', 'moved'), join(root, below))
      expect(await store.found()).toEqual([])
    },
  )
})

describe('adopting', () => {
  const FROM = keyOf(idOf(1), 'lost')

  test('moves all there is of a workspace, and is done when it was done', async () => {
    await store.create(FROM, 'op')
    writeFileSync(join(store.pathOf(FROM), 'file'), 'mine')
    await store.describe(FROM, MANIFEST)
    for (let times = 0; times < 2; times++) {
      await store.adopt(FROM, KEY)
      expect(readFileSync(inHome('file'), 'utf8')).toBe('mine')
      expect(await store.remains(FROM)).toBe(false)
      expect((await store.found()).map(({ key }) => key)).toEqual([KEY])
    }
    expect(beside()).toEqual(['home', 'workspace.json'])
    expect(statSync(join(root, 'users/u1')).mode & 0o777).toBe(0o700)
  })

  test('what is in its place already changes nothing', async () => {
    await makeHome('mine')
    await store.adopt(KEY, KEY)
    expect(readFileSync(inHome('file'), 'utf8')).toBe('mine')
  })

  test('never takes the place of another', async () => {
    await makeHome('mine')
    await store.trash(KEY)
    await store.create(FROM, 'op')
    const error = await caught(store.adopt(FROM, KEY))
    expect(error.code).toBe('HOME_STORE_UNAVAILABLE')
    expect(error.message).toContain(dirname(path))
    expect(readFileSync(inTrash('file'), 'utf8')).toBe('mine')
    expect(await store.observe(FROM)).toBe('present')
  })

  test('describes it anew in its new place', async () => {
    await store.create(FROM, 'op')
    await store.describe(FROM, MANIFEST)
    await store.adopt(FROM, KEY)
    rmSync(manifestPath())
    await store.describe(KEY, MANIFEST)
    expect(beside()).toEqual(['home', 'workspace.json'])
  })
})

/** Everything that changes something, and none of it already done. */
const CHANGES: [string, (s: HomeStore) => Promise<void>][] = [
  ['create', (s) => s.create(keyOf(idOf(3)), 'op')],
  ['restore', (s) => s.restore(keyOf(idOf(3)), 'op', () => Promise.resolve())],
  ['discard', (s) => s.discard(KEY, 'op', Infinity)],
  ['trash', (s) => s.trash(KEY)],
  ['untrash', (s) => s.untrash(OTHER)],
  ['purge', (s) => s.purge(KEY, 'op')],
  ['describe', (s) => s.describe(KEY, { ...MANIFEST, name: 'other' })],
  ['adopt', (s) => s.adopt(KEY, keyOf(idOf(1), 'u2'))],
]

describe('a store that may not be written to', () => {
  const listing = (): string[] => (readdirSync(root, { recursive: true }) as string[]).sort()
  const content = (): string => readFileSync(manifestPath(), 'utf8') + readFileSync(inHome('file'), 'utf8')

  beforeEach(async () => {
    await makeHome()
    await store.describe(KEY, MANIFEST)
    await store.create(OTHER, 'op')
    await store.trash(OTHER)
  })

  async function refused(work: () => Promise<void>): Promise<void> {
    const before = [...listing(), content()]
    const error = await caught(work())
    expect(error.code).toBe('HOME_NOT_WRITABLE')
    expect(error.message).toContain(join(root, 'users'))
    expect([...listing(), content()]).toEqual(before)
  }

  // Only root may mount.
  test.skipIf(!ROOT).each(CHANGES)(
    '(a disk that is read-only) has no %s done, and says so',
    async (_, change) => {
      execFileSync('mount', ['--bind', root, root])
      try {
        execFileSync('mount', ['-o', 'remount,bind,ro', root])
        expect(await store.observe(KEY)).toBe('present')
        expect(await store.observe(OTHER)).toBe('trashed')
        await refused(() => change(store))
      } finally {
        execFileSync('umount', [root])
      }
      await change(store)
    },
  )

  test.each(CHANGES)('(folders that are another’s) has no %s done, and says so', (_, change) =>
    unprivileged(async () => {
      const folders = [dirname(path), dirname(store.pathOf(OTHER)), join(root, 'users/u1/workspaces')]
      for (const dir of [...folders, join(root, 'users')]) chmodSync(dir, 0o555)
      await refused(() => change(store))
      for (const dir of [...folders, join(root, 'users')]) chmodSync(dir, 0o700)
      await change(store)
    }),
  )
})

describe('a store that is not there', () => {
  test.each<[string, () => void]>([
    ['an empty mount point', () => [renameSync(root, `${root}-away`), mkdirSync(root)]],
    ['nothing', () => renameSync(root, `${root}-away`)],
    ['a store without its marker', () => rmSync(join(root, '.berth-home-store'))],
  ])('(%s) knows of no home, and has none made or removed', async (_, leave) => {
    await store.create(KEY, 'op')
    leave()
    await expect(store.observe(KEY)).rejects.toThrow(thrown('HOME_STORE_UNAVAILABLE'))
    await expect(store.remains(KEY)).rejects.toThrow(thrown('HOME_STORE_UNAVAILABLE'))
    await expect(store.found()).rejects.toThrow(thrown('HOME_STORE_UNAVAILABLE'))
    for (const [name, change] of CHANGES)
      await expect(change(store), name).rejects.toThrow(thrown('HOME_STORE_UNAVAILABLE'))
    if (existsSync(root)) expect(readdirSync(root).filter((name) => name !== 'users')).toEqual([])
  })

  test('is named in what a person reads', async () => {
    rmSync(join(root, '.berth-home-store'))
    await expect(store.observe(KEY)).rejects.toThrow(root)
  })
})

describe('what is no home', () => {
  test.each<[string, () => void]>([
    ['a file', () => writeFileSync(path, 'x')],
    ['a link to a folder', () => symlinkSync(root, path)],
    ['a link to nothing', () => symlinkSync('/nowhere', path)],
  ])('(%s in its place) is not taken for one, nor for its absence', async (_, make) => {
    mkdirSync(dirname(path), { recursive: true })
    make()
    await expect(store.observe(KEY)).rejects.toThrow(thrown('HOME_STORE_UNAVAILABLE'))
    await expect(store.create(KEY, 'op')).rejects.toThrow()
    expect(lstatSync(path).isDirectory()).toBe(false)
  })

  test('(a file above it) is not taken for its absence', async () => {
    mkdirSync(join(root, 'users/u1/workspaces'), { recursive: true })
    writeFileSync(dirname(path), 'x')
    await expect(store.observe(KEY)).rejects.toThrow(thrown('HOME_STORE_UNAVAILABLE'))
  })

  test.each([
    '',
    '/',
    'users',
    'users/u/workspaces/w',
    'users/u/workspaces/w/home/',
    'users/../workspaces/w/home',
    'users/u/workspaces/../home',
    '../users/u/workspaces/w/home',
    '/users/u/workspaces/w/home',
    'users/U/workspaces/w/home',
    'users/u/workspaces/w/home\n',
    'users//workspaces/w/home',
    'users/u/workspaces/w/../w/home',
  ])('(the key %j) is refused', async (key) => {
    expect(() => store.pathOf(key)).toThrow(/not a home store key/)
    await expect(store.purge(key, 'op')).rejects.toThrow(/not a home store key/)
  })
})
