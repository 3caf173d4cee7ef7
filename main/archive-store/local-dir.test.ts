import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { archiveKey, type ArchiveMeta } from '../core/archive.ts'
import { arm } from '../core/failpoint.ts'
import { tempDir } from '../testing/temp-dir.ts'
import type { ArchiveStore } from './archive-store.ts'
import { createLocalArchives, initLocalArchives } from './local-dir.ts'

const ID = '01j00000000000000000000000'
const OTHER = '01j00000000000000000000001'
const KEY = archiveKey(ID, 'op1')

let root: string
let store: ArchiveStore

beforeEach(async () => {
  root = join(tempDir(), 'archives')
  await initLocalArchives(root)
  store = createLocalArchives({ root })
})
afterEach(() => failAt(''))

function failAt(name: string): void {
  arm(name && `${name}=throw`, { onHit: () => undefined, kill: () => undefined })
}
const thrown = (code: string) => expect.objectContaining({ code }) as Error
const content = (): string[] => (readdirSync(root, { recursive: true }) as string[]).sort()

function metaFor(id: string, opId: string, more: Partial<ArchiveMeta> = {}): ArchiveMeta {
  return {
    format: 1,
    workspace_id: id,
    op_id: opId,
    created_at: '2026-01-01T00:00:00.000Z',
    image_ref: 'image',
    sha256: 'a'.repeat(64),
    bytes: 4,
    content_bytes: 1,
    disk_bytes: 1,
    entries: 1,
    skipped: 0,
    newest_change_ms: 1,
    workspace: {
      format: 1,
      id,
      owner_id: 'u',
      name: 'n',
      description: '',
      memo: '',
      image_ref: 'image',
      cpus: 1,
      memory_bytes: 1,
      standby_ttl_seconds: 0,
      archive_ttl_seconds: 0,
      busy_shield: true,
      busy_cap_seconds: 0,
      env: {},
      created_at: '2026-01-01T00:00:00.000Z',
      archive_key: null,
      deleted_at: null,
    },
    ...more,
  }
}

async function stageOne(key = KEY): Promise<string> {
  const dir = await store.stage(key)
  writeFileSync(join(dir, 'home.tar.zst'), 'data')
  return dir
}
async function make(id: string, opId: string, more?: Partial<ArchiveMeta>): Promise<string> {
  const key = archiveKey(id, opId)
  await stageOne(key)
  await store.commit(key, metaFor(id, opId, more))
  return key
}
async function opened(key: string): Promise<string> {
  let text = ''
  await store.open(key, (dir) =>
    Promise.resolve(void (text = readFileSync(join(dir, 'home.tar.zst'), 'utf8'))),
  )
  return text
}

describe('an archive', () => {
  test('is there once its meta is', async () => {
    await stageOne()
    expect(await store.meta(KEY)).toBeUndefined()
    expect(await store.list(ID)).toEqual([])
    await store.commit(KEY, metaFor(ID, 'op1'))
    expect(await store.meta(KEY)).toEqual(metaFor(ID, 'op1'))
    expect(await opened(KEY)).toBe('data')
    expect(readdirSync(dirname(join(root, KEY))).sort()).toEqual(['home.tar.zst', 'home.tar.zst.meta'])
  })

  test('can be read by its owner alone', async () => {
    await make(ID, 'op1')
    for (const path of [root, join(root, ID), dirname(join(root, KEY)), join(root, `${KEY}.meta`)])
      expect(statSync(path).mode & 0o077, path).toBe(0)
  })

  test('that is not the size it is said to be is not committed', async () => {
    await stageOne()
    await expect(store.commit(KEY, metaFor(ID, 'op1', { bytes: 5 }))).rejects.toThrow(
      thrown('ARCHIVE_FAILED'),
    )
    expect(await store.meta(KEY)).toBeUndefined()
  })

  test('is not overwritten by staging it again', async () => {
    await make(ID, 'op1')
    await expect(store.stage(KEY)).rejects.toThrow('is an archive already')
    expect(await opened(KEY)).toBe('data')
  })

  test('is missing, and the message says where, when its meta or its file is', async () => {
    for (const gone of ['', '.meta']) {
      const key = await make(ID, `op${gone.length}`)
      rmSync(join(root, `${key}${gone}`))
      await expect(opened(key)).rejects.toThrow(thrown('ARCHIVE_MISSING'))
      await expect(opened(key)).rejects.toThrow(join(root, key))
    }
    await expect(opened(archiveKey(ID, 'never'))).rejects.toThrow(thrown('ARCHIVE_MISSING'))
  })

  test.each([
    ['', 'nothing'],
    ['{"format":1', 'half of it'],
    ['{"format":2}', 'another format'],
    [JSON.stringify(metaFor(ID, 'op1', { sha256: 'x' })), 'no sum'],
    [JSON.stringify(metaFor(OTHER, 'op1')), 'that of another'],
  ])('A7 whose meta is damaged (%j: %s) is corrupt, and in no list', async (text) => {
    await make(ID, 'op1')
    writeFileSync(join(root, `${KEY}.meta`), text)
    await expect(store.meta(KEY)).rejects.toThrow(thrown('ARCHIVE_CORRUPT'))
    await expect(store.meta(KEY)).rejects.toThrow(`${KEY}.meta`)
    expect(await store.list(ID)).toEqual([])
    expect(await store.contents()).toMatchObject([{ key: KEY, finished: true }])
  })
})

describe('the list', () => {
  test("has a workspace's own, newest first", async () => {
    await make(ID, 'b', { created_at: '2026-01-02T00:00:00Z' })
    await make(ID, 'a', { created_at: '2026-01-02T00:00:00.500Z' })
    await make(ID, 'c', { created_at: '2026-01-01T00:00:00.000Z' })
    await make(OTHER, 'd')
    await stageOne(archiveKey(ID, 'e'))
    expect((await store.list(ID)).map(({ key }) => key)).toEqual(
      ['a', 'b', 'c'].map((op) => archiveKey(ID, op)),
    )
    expect(await store.list('01j00000000000000000000009')).toEqual([])
  })

  test('of everything has attempts too, with when they last changed, and nothing that is not ours', async () => {
    await make(ID, 'op1')
    const dir = await stageOne(archiveKey(OTHER, 'op2'))
    for (const path of [join(dir, 'home.tar.zst'), dir]) utimesSync(path, 1_000, 1_000)
    utimesSync(join(dir, 'home.tar.zst'), 2_000, 2_000)
    mkdirSync(join(root, 'lost+found', 'x'), { recursive: true })
    mkdirSync(join(root, ID, 'Not Ours'))
    writeFileSync(join(root, ID, 'note'), 'x')
    const found = await store.contents()
    expect(found.map(({ key, finished }) => [key, finished]).sort()).toEqual([
      [KEY, true],
      [archiveKey(OTHER, 'op2'), false],
    ])
    expect(found.find(({ finished }) => !finished)?.changedAt).toBe(2_000_000)
  })
})

describe('what goes', () => {
  test('is the archive alone, and its folder with the last one', async () => {
    await make(ID, 'op1')
    const other = await make(ID, 'op2')
    await store.remove(KEY)
    await store.remove(KEY)
    expect(await store.meta(KEY)).toBeUndefined()
    expect(await opened(other)).toBe('data')
    await store.remove(other)
    expect(content()).toEqual(['.berth-archives'])
  })

  test('is what was staged', async () => {
    await stageOne()
    await store.remove(KEY)
    await store.remove(KEY)
    expect(content()).toEqual(['.berth-archives'])
  })

  test('is what an earlier attempt has left where the next one begins', async () => {
    writeFileSync(join(await stageOne(), 'more'), 'x')
    expect(readdirSync(await store.stage(KEY))).toEqual([])
  })
})

describe('A5 a crash', () => {
  test('before the meta stands leaves no archive, and the next try makes one', async () => {
    await stageOne()
    failAt('archiving.before-meta')
    await expect(store.commit(KEY, metaFor(ID, 'op1'))).rejects.toThrow('failpoint')
    expect(await store.meta(KEY)).toBeUndefined()
    await expect(opened(KEY)).rejects.toThrow(thrown('ARCHIVE_MISSING'))
    failAt('')
    await store.commit(KEY, metaFor(ID, 'op1'))
    expect(await opened(KEY)).toBe('data')
  })

  test('after it leaves one', async () => {
    await stageOne()
    failAt('archiving.after-meta')
    await expect(store.commit(KEY, metaFor(ID, 'op1'))).rejects.toThrow('failpoint')
    expect(await opened(KEY)).toBe('data')
  })

  test('after staging leaves an attempt', async () => {
    failAt('archiving.staged')
    await expect(store.stage(KEY)).rejects.toThrow('failpoint')
    expect(await store.contents()).toMatchObject([{ key: KEY, finished: false }])
  })
})

describe('A9 a store', () => {
  test.each<[string, () => void]>([
    ['an empty mount point', () => [renameSync(root, `${root}-away`), mkdirSync(root)]],
    ['nothing', () => renameSync(root, `${root}-away`)],
    ['one without its marker', () => rmSync(join(root, '.berth-archives'))],
  ])('that is not there (%s) knows of no archive, nor of its absence', async (_, leave) => {
    await make(ID, 'op1')
    leave()
    for (const ask of [
      () => store.meta(KEY),
      () => store.list(ID),
      () => store.contents(),
      () => store.stage(archiveKey(ID, 'op2')),
      () => store.remove(KEY),
      () => opened(KEY),
    ]) {
      await expect(ask()).rejects.toThrow(thrown('ARCHIVE_STORE_UNAVAILABLE'))
      await expect(ask()).rejects.toThrow(root)
    }
    expect(existsSync(join(root, ID, 'op2'))).toBe(false)
  })

  test('that cannot be written says so, with where', async () => {
    mkdirSync(root, { recursive: true })
    writeFileSync(join(root, ID), 'in the way')
    await expect(store.stage(KEY)).rejects.toThrow(thrown('ARCHIVE_FAILED'))
    await expect(store.stage(KEY)).rejects.toThrow(join(root, ID))
  })

  test.each(['', 'x', '../x/home.tar.zst', `${ID}/../home.tar.zst`, `${ID}/op/home.tar.zst/..`, `/${KEY}`])(
    'refuses the key %j',
    async (key) => {
      await expect(store.remove(key)).rejects.toThrow('not an archive key')
      await expect(store.stage(key)).rejects.toThrow('not an archive key')
    },
  )
})
