import {
  chmodSync,
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
import { arm } from '../core/failpoint.ts'
import { tempDir } from '../testing/temp-dir.ts'
import type { HomeStore } from './home-store.ts'
import { createLocalDir, initLocalDir } from './local-dir.ts'

const KEY = 'users/u1/workspaces/w1/home'
const OTHER = 'users/u1/workspaces/w2/home'

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
    await store.remove(KEY, 'op')
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

describe('removing', () => {
  beforeEach(() => store.create(KEY, 'op'))

  test('takes the home and all that is beside it', async () => {
    mkdirSync(join(path, 'a/b/c'), { recursive: true })
    writeFileSync(join(path, 'a/b/c/file'), 'x')
    mkdirSync(join(dirname(path), '.making-old/x'), { recursive: true })
    await store.remove(KEY, 'op')
    expect(existsSync(dirname(path))).toBe(false)
    expect(await store.remains(KEY)).toBe(false)
    expect(await store.observe(KEY)).toBe('absent')
  })

  test('of what is not there is done already', async () => {
    await store.remove(KEY, 'op')
    await store.remove(KEY, 'op')
    await store.remove(OTHER, 'op')
  })

  test('A3 follows no link out of the home', async () => {
    const outside = join(root, '..', 'outside')
    mkdirSync(outside)
    writeFileSync(join(outside, 'canary'), 'x')
    symlinkSync(outside, join(path, 'dir'))
    symlinkSync(join(outside, 'canary'), join(path, 'file'))
    symlinkSync('..', join(path, 'up'))
    await store.remove(KEY, 'op')
    expect(readFileSync(join(outside, 'canary'), 'utf8')).toBe('x')
  })

  test('takes what a person has made read-only', async () => {
    mkdirSync(join(path, 'go/mod'), { recursive: true })
    writeFileSync(join(path, 'go/mod/file'), 'x', { mode: 0o444 })
    for (const dir of ['go/mod', 'go', '.']) chmodSync(join(path, dir), 0o555)
    await store.remove(KEY, 'op')
    expect(await store.remains(KEY)).toBe(false)
  })

  test.each(['deleting.renamed-home', 'deleting.removed-home'])(
    'that is cut off at %s is no home any more, and ends with the next try',
    async (step) => {
      writeFileSync(join(path, 'file'), 'x')
      failAt(step)
      await expect(store.remove(KEY, 'op')).rejects.toThrow('failpoint')
      expect(await store.observe(KEY)).toBe('absent')
      failAt('')
      await store.remove(KEY, 'op')
      expect(await store.remains(KEY)).toBe(false)
    },
  )
})

// Root may write everywhere.
test.skipIf(process.getuid?.() === 0)(
  'a store that may not be written to is told of, with where',
  async () => {
    chmodSync(root, 0o555)
    await expect(store.create(KEY, 'op')).rejects.toThrow(thrown('HOME_NOT_WRITABLE'))
    await expect(store.create(KEY, 'op')).rejects.toThrow(dirname(path))
    chmodSync(root, 0o700)
    await store.create(KEY, 'op')
    chmodSync(dirname(path), 0o555)
    await expect(store.remove(KEY, 'op')).rejects.toThrow(thrown('HOME_NOT_WRITABLE'))
    expect(await store.observe(KEY)).toBe('present')
    chmodSync(dirname(path), 0o700)
  },
)

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
    await expect(store.create(OTHER, 'op')).rejects.toThrow(thrown('HOME_STORE_UNAVAILABLE'))
    await expect(store.remove(KEY, 'op')).rejects.toThrow(thrown('HOME_STORE_UNAVAILABLE'))
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
    await expect(store.remove(key, 'op')).rejects.toThrow(/not a home store key/)
  })
})
