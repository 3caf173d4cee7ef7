/**
 * What storage jobs are tried on, as root inside a container: trees of every kind, archives that somebody has tampered
 * with, and disks that are full. Names and contents are given as text in which each sign is a byte.
 */
import { execFileSync, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { zstdCompressSync } from 'node:zlib'
import { check, extract, pack, unpack } from '../runner/storage-job.mjs'

/**
 * One thing in a tree. `in` and `of` point at earlier ones, by number.
 * @typedef {object} Sprout
 * @property {'file' | 'dir' | 'symlink' | 'hard' | 'fifo' | 'socket' | 'sparse'} kind
 * @property {string} name
 * @property {number} [in]
 * @property {string} [target]
 * @property {number} [of]
 * @property {string} [data]
 * @property {number} [size]
 * @property {number} [mode]
 * @property {number} [uid]
 * @property {number} [gid]
 * @property {number} [mtime] in seconds
 */

/**
 * One entry of a tar, whatever it may be. `fields` overwrites fields of its header, `pax` puts records before it.
 * @typedef {object} Entry
 * @property {string} name
 * @property {string} [type]
 * @property {string} [link]
 * @property {string} [data]
 * @property {number} [size]
 * @property {number} [mode]
 * @property {number} [uid]
 * @property {Record<string, string>} [pax]
 * @property {Record<string, string>} [fields]
 * @property {number} [after] how many empty blocks follow: two are the end of a tar
 */

/** @typedef {import('../core/archive.ts').Packed} Packed */

const bytes = (/** @type {string} */ text) => Buffer.from(text, 'latin1')
const sha256 = (/** @type {Buffer} */ data) => createHash('sha256').update(data).digest('hex')
const quiet = () => undefined
const sh = (/** @type {string} */ script, /** @type {string[]} */ ...args) =>
  execFileSync('bash', ['-c', `set -o pipefail; ${script}`, 'sh', ...args], {
    encoding: 'latin1',
    maxBuffer: 2 ** 28,
  })

/** @param {() => unknown} work */
async function outcome(work) {
  try {
    await work()
    return { code: 'OK', message: '' }
  } catch (error) {
    const { code = 'UNFORESEEN', message } = /** @type {Error & { code?: string }} */ (error)
    return { code, message }
  }
}

/** @param {string} dir */
function fresh(dir) {
  fs.rmSync(dir, { recursive: true, force: true })
  fs.mkdirSync(dir, { recursive: true })
  return dir
}

/** Makes a tree; what cannot be made (a name twice, a path too long) is left out. @param {{ dir: string, tree: Sprout[] }} job */
export function grow({ dir, tree }) {
  fresh(dir)
  const dirs = [dir]
  /** @type {string[]} */
  const paths = []
  /** @type {(() => void)[]} */
  const finish = []
  for (const sprout of tree) {
    const path = `${dirs[(sprout.in ?? 0) % dirs.length]}/${sprout.name}`
    const at = bytes(path)
    const other = paths[(sprout.of ?? 0) % Math.max(paths.length, 1)]
    if (
      at.length > 3_000 ||
      fs.lstatSync(at, { throwIfNoEntry: false }) ||
      (sprout.kind === 'hard' && other === undefined)
    )
      continue
    try {
      if (sprout.kind === 'dir') (fs.mkdirSync(at), dirs.push(path))
      else if (sprout.kind === 'file') fs.writeFileSync(at, bytes(sprout.data ?? ''), { flag: 'wx' })
      else if (sprout.kind === 'symlink') fs.symlinkSync(bytes(sprout.target ?? 'x'), at)
      else if (sprout.kind === 'fifo') execFileSync('xargs', ['-0', 'mkfifo', '--'], { input: at })
      else if (sprout.kind === 'socket') listen(path)
      else if (sprout.kind === 'hard' && other !== undefined) fs.linkSync(bytes(other), at)
      else if (sprout.kind === 'sparse') sparse(at, sprout.size ?? 0, bytes(sprout.data ?? ''))
    } catch (error) {
      if (
        ['ENAMETOOLONG', 'EPERM', 'EMLINK'].includes(
          String(/** @type {NodeJS.ErrnoException} */ (error).code),
        )
      )
        continue
      throw error
    }
    // Pipes have no hard links in a tar: each name becomes one of its own.
    if (sprout.kind !== 'dir' && sprout.kind !== 'fifo') paths.push(path)
    finish.push(() => {
      if (sprout.uid !== undefined) fs.lchownSync(at, sprout.uid, sprout.gid ?? sprout.uid)
      if (sprout.mode !== undefined && !fs.lstatSync(at).isSymbolicLink()) fs.chmodSync(at, sprout.mode)
      if (sprout.mtime !== undefined) fs.lutimesSync(at, sprout.mtime, sprout.mtime)
    })
  }
  for (const end of finish.reverse()) end() // a directory after what is in it
}

/** Leaves a socket: only a server that dies does. @param {string} path */
const listen = (path) =>
  spawnSync(process.execPath, [
    '-e',
    `require('net').createServer().listen(process.argv[1], () => process.kill(process.pid, 'SIGKILL'))`,
    path,
  ])

/** @param {Buffer} at @param {number} size @param {Buffer} data */
function sparse(at, size, data) {
  const file = fs.openSync(at, 'wx')
  fs.ftruncateSync(file, size)
  if (data.length > 0) fs.writeSync(file, data, 0, data.length, Math.floor(size / 2))
  fs.closeSync(file)
}

/** All there is to know of a tree, sockets left out: by find, sha256sum and tar. @param {string} dir */
export const look = (dir) =>
  sh(
    `cd "$1" && export LC_ALL=C
    find . ! -type s ! -type d -printf '%y %m %U %G %T@ %n %s|%l|%p\\0' -o -type d -printf 'd %m %U %G %T@|%p\\0' | sort -z | tr '\\0' '\\n'
    find . -type f -print0 | sort -z | xargs -0r sha256sum | sha256sum
    tar --create --format=posix --numeric-owner --sort=name --xattrs --acls --pax-option=exthdr.name=x,delete=atime,delete=ctime . 2>/dev/null | sha256sum
    find . -type f -size +1M -printf '%p %b\\n' | sort`,
    dir,
  )

/** Packs and unpacks each of many trees. @param {{ trees: Sprout[][] }} job */
export async function roundTrips({ trees }) {
  const results = []
  for (const tree of trees) {
    grow({ dir: '/t/trip/home', tree })
    const [archive, home] = [fresh('/t/trip/archive'), fresh('/t/trip/restored')]
    const before = look('/t/trip/home')
    const packed = await pack({ home: '/t/trip/home', archive }, quiet)
    await unpack({ home, archive, meta: packed }, quiet)
    results.push({ before, after: look(home), untouched: look('/t/trip/home') === before, packed })
  }
  fs.rmSync('/t/trip', { recursive: true })
  return results
}

/** @param {Entry} entry @returns {Buffer} */
function tarEntry({
  name,
  type = '0',
  link = '',
  data = '',
  size = data.length,
  mode = 0o644,
  uid = 0,
  pax,
  fields = {},
  after = 0,
}) {
  const records = {
    ...(name.length > 100 && { path: name }),
    ...(link.length > 100 && { linkpath: link }),
    ...pax,
  }
  const head = Buffer.alloc(512)
  /** @type {[string, number, number, string][]} */
  const layout = [
    ['name', 0, 100, name.slice(0, 100)],
    ['mode', 100, 8, mode.toString(8).padStart(7, '0')],
    ['uid', 108, 8, uid.toString(8).padStart(7, '0')],
    ['gid', 116, 8, '0000000'],
    ['size', 124, 12, size.toString(8).padStart(11, '0')],
    ['mtime', 136, 12, '14000000000'],
    ['checksum', 148, 8, ' '.repeat(8)],
    ['type', 156, 1, type],
    ['link', 157, 100, link.slice(0, 100)],
    ['magic', 257, 8, 'ustar\x0000'],
    ['major', 329, 8, '0000001'],
    ['minor', 337, 8, '0000003'],
    ['prefix', 345, 155, ''],
  ]
  for (const [field, at, length, value] of layout)
    head.write((fields[field] ?? value).slice(0, length), at, 'latin1')
  const sum =
    fields['checksum'] ??
    head
      .reduce((total, byte) => total + byte, 0)
      .toString(8)
      .padStart(6, '0')
  head.write(`${sum}\0 `.slice(0, 8), 148, 'latin1')
  const body = bytes(data)
  const entry = Buffer.concat([head, body, Buffer.alloc((-body.length & 511) + after * 512)])
  if (Object.keys(records).length === 0) return entry
  const lines = Object.entries(records)
    .map(([key, value]) => paxRecord(key, value))
    .join('')
  return Buffer.concat([tarEntry({ name: 'pax', type: 'x', data: lines }), entry])
}

/** @param {string} key @param {string} value */
function paxRecord(key, value) {
  const rest = ` ${key}=${value}\n`
  let length = rest.length + 1
  while (String(length).length + rest.length !== length) length = String(length).length + rest.length
  return `${length}${rest}`
}

/** Puts an archive of entries in a directory. @param {string} dir @param {Entry[]} entries @param {Partial<Packed>} [more] */
export function forge(dir, entries, more) {
  fresh(dir)
  return store(dir, Buffer.concat([...entries.map(tarEntry), Buffer.alloc(10_240)]), {
    content_bytes: entries.reduce(
      (sum, { type = '0', data = '' }) => sum + ('07S'.includes(type) ? data.length : 0),
      0,
    ),
    ...more,
  })
}

/** @param {string} dir @param {Buffer} tar @param {Partial<Packed>} more @returns {Packed} */
function store(dir, tar, more) {
  const zipped = zstdCompressSync(tar)
  fs.writeFileSync(`${dir}/home.tar.zst`, zipped)
  return {
    sha256: sha256(zipped),
    bytes: zipped.length,
    content_bytes: 0,
    disk_bytes: 0,
    entries: 1_000,
    skipped: 0,
    newest_change_ms: 0,
    ...more,
  }
}

/** Adds what only a tar can make here: extended attributes and access lists. @param {{ dir: string, entries: Entry[] }} job */
export function adorn({ dir, entries }) {
  forge('/t/adorn', entries)
  sh('zstd -dcq /t/adorn/home.tar.zst | tar -x --xattrs --acls -C "$1"; rm -r /t/adorn', dir)
}

/** Tries to unpack hostile archives, as storage jobs do, and by tar alone. @param {{ cases: Entry[][] }} job */
export async function hostile({ cases }) {
  const outside = fresh('/t/around/outside')
  for (const path of [`${outside}/canary`, '/t/around/canary', '/canary']) fs.writeFileSync(path, 'untouched')
  fresh('/t/around/target')
  const everything = () =>
    sh(`cd /t/around; { find . -mindepth 1 -path ./target -prune -o -mindepth 1 -printf '%p %y %m %U %T@ %s %n %l\\n'; cat canary outside/canary
      find /canary /etc /home /root /var -printf '%p %y %m %U %T@ %C@ %s %n %l\\n'; } | sha256sum`)
  const before = everything()
  const results = []
  for (const entries of cases) {
    const archive = '/tmp/archive'
    const meta = forge(archive, entries)
    const home = fresh('/t/around/target')
    meta.entries = entries.length
    const told = await outcome(() => unpack({ home, archive, meta }, quiet))
    const left = told.code === 'OK' ? [] : fs.readdirSync(home)
    await outcome(() => extract(`${archive}/home.tar.zst`, home, meta))
    results.push({ ...told, left, outside: everything() === before ? 'as it was' : 'changed' })
    fs.rmSync(archive, { recursive: true })
    fresh('/t/around/target')
  }
  return results
}

/**
 * Damages a good archive in many ways, and its meta.
 * @param {{ flips: number[], cuts: number[], metas: Partial<Packed>[] }} job `flips` and `cuts` are places between 0 and 1.
 */
export async function damaged({ flips, cuts, metas }) {
  const archive = fresh('/t/damage/archive')
  /** @type {Sprout[]} */
  const tree = [
    { kind: 'file', name: 'text', data: 'some text, '.repeat(5_000) },
    { kind: 'dir', name: 'dir' },
    ...Array.from(
      { length: 20 },
      (_, n) =>
        /** @type {Sprout} */ ({
          kind: 'file',
          name: `f${n}`,
          in: 1,
          data: sha256(bytes(`${n}`)).repeat(50),
        }),
    ),
    { kind: 'hard', name: 'z', of: 0 },
  ]
  grow({ dir: '/t/damage/home', tree })
  const meta = await pack({ home: '/t/damage/home', archive }, quiet)
  const whole = fs.readFileSync(`${archive}/home.tar.zst`)
  const flipped = (/** @type {number} */ at) => {
    const data = Buffer.from(whole)
    const bit = Math.floor(at * data.length * 8)
    data[bit >> 3] = (data[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    return data
  }
  const variants = [
    ...flips.map(flipped),
    ...cuts.map((at) => whole.subarray(0, Math.floor(at * whole.length))),
    Buffer.concat([whole, Buffer.from('more')]),
    Buffer.concat([whole, whole]),
    Buffer.alloc(whole.length),
  ]
  /** @type {{ code: string, message: string }[]} */
  const results = []
  const good = look('/t/damage/home')
  const attempt = async (/** @type {Buffer} */ data, /** @type {Partial<Packed>} */ more) => {
    const home = fresh('/t/damage/restored')
    fs.writeFileSync(`${archive}/home.tar.zst`, data)
    const told = await outcome(() => unpack({ home, archive, meta: { ...meta, ...more } }, quiet))
    results.push(told.code === 'OK' ? { code: look(home) === good ? 'GOOD' : 'BAD', message: '' } : told)
  }
  for (const data of variants) {
    await attempt(data, {})
    // With a sum that fits: what is left to find it are zstd's own sums, tar's, and the counts.
    if (results.length % 8 === 1) await attempt(data, { bytes: data.length, sha256: sha256(data) })
  }
  for (const { sha256, ...counts } of metas)
    await attempt(whole, {
      ...(sha256 !== undefined && { sha256 }),
      ...Object.fromEntries(
        Object.entries(counts).map(([key, more]) => [
          key,
          Number(meta[/** @type {keyof Packed} */ (key)]) + more,
        ]),
      ),
    })
  await attempt(whole, {})
  return results
}

/** Archives that are small and become large. `/small` is a disk of 160 MB. */
export async function bombs() {
  const dir = fresh('/t/bombs')
  const top = tarEntry({ name: './', type: '5', mode: 0o755 })
  const zeros = (/** @type {number} */ gib) => {
    const head = tarEntry({
      name: './zeros',
      fields: { size: (gib * 2 ** 30).toString(8).padStart(11, '0') },
    })
    fs.writeFileSync('/tmp/head', Buffer.concat([top, head]))
    sh(
      `{ cat /tmp/head; head -c "$1" /dev/zero; head -c 10240 /dev/zero; } | zstd -qf -o "$2/home.tar.zst"`,
      String(gib * 2 ** 30),
      dir,
    )
    const data = fs.readFileSync(`${dir}/home.tar.zst`)
    return {
      sha256: sha256(data),
      bytes: data.length,
      content_bytes: gib * 2 ** 30,
      disk_bytes: 0,
      entries: 2,
      skipped: 0,
      newest_change_ms: 0,
    }
  }
  const timed = async (/** @type {() => unknown} */ work) => {
    const start = Date.now()
    return { ...(await outcome(work)), ms: Date.now() - start }
  }
  const many = (/** @type {number} */ count, /** @type {number} */ entries) =>
    store(
      dir,
      Buffer.concat([
        top,
        ...Array.from({ length: count }, (_, n) =>
          tarEntry({ name: `./${String(n).padStart(9, '0')}`, type: '2', link: '/etc' }),
        ),
      ]),
      { entries },
    )

  let least = Infinity
  const watch = setInterval(() => (least = Math.min(least, room('/small'))), 5)
  const meta = zeros(1)
  const results = {
    more: await timed(() =>
      unpack({ home: '/small', archive: dir, meta: { ...meta, content_bytes: 1_000 } }, quiet),
    ),
    honest: await timed(() =>
      unpack({ home: '/small', archive: dir, meta: { ...meta, disk_bytes: 2 ** 31 } }, quiet),
    ),
    lie: await timed(() => unpack({ home: '/small', archive: dir, meta }, quiet)),
    left: /** @type {string[]} */ ([]),
    least: 0,
    entries: await timed(() =>
      unpack({ home: fresh('/t/bombs-out'), archive: dir, meta: many(20_000, 10) }, quiet),
    ),
  }
  clearInterval(watch)
  results.left = fs.readdirSync('/small')
  results.least = Math.min(least, room('/small'))
  fs.rmSync(dir, { recursive: true })
  return results
}

const room = (/** @type {string} */ dir) => {
  const { bavail, bsize } = fs.statfsSync(dir)
  return bavail * bsize
}

/** How much memory judging takes, of an archive with so many entries. @param {{ count: number }} job */
export async function memory({ count }) {
  const dir = fresh('/t/memory')
  const file = fs.openSync('/t/memory/tar', 'w')
  fs.writeSync(file, tarEntry({ name: './', type: '5', mode: 0o755 }))
  for (let n = 0; n < count; n += 1_000)
    fs.writeSync(
      file,
      Buffer.concat(
        Array.from({ length: 1_000 }, (_, more) =>
          tarEntry({ name: `./${String(n + more).padStart(60, '0')}`, type: '2', link: '/etc/x' }),
        ),
      ),
    )
  fs.writeSync(file, Buffer.alloc(10_240))
  fs.closeSync(file)
  sh('zstd -q --rm -o "$1/home.tar.zst" "$1/tar"', dir)
  const data = fs.readFileSync(`${dir}/home.tar.zst`)
  const meta = {
    sha256: sha256(data),
    bytes: data.length,
    content_bytes: 0,
    disk_bytes: 0,
    entries: count + 1,
    skipped: 0,
    newest_change_ms: 0,
  }
  const result = await outcome(() => check(`${dir}/home.tar.zst`, meta))
  fs.rmSync(dir, { recursive: true })
  return { ...result, rss: process.resourceUsage().maxRSS * 1024 }
}

/** Full disks while packing. `/small` is a disk of 160 MB. */
export async function fullDisks() {
  const archive = fresh('/small/archive')
  const home = '/t/full/home'
  grow({
    dir: home,
    tree: Array.from({ length: 40 }, (_, n) => ({ kind: 'file', name: `${n}`, data: 'x' })),
  })
  for (let n = 0; n < 40; n++) sh('head -c 1000000 /dev/urandom > "$1"', `${home}/${n}`)
  const before = look(home)
  const results = []
  let filled = false
  const fill = () => {
    if (!filled) sh('head -c 1G /dev/zero > /small/other 2>/dev/null || true')
    filled = true
  }
  results.push(await outcome(() => pack({ home, archive }, fill)))
  results.push(await outcome(() => pack({ home, archive }, quiet)))
  fs.rmSync('/small/other')
  const packed = await pack({ home, archive }, quiet)
  // One disk for the archive and what comes of it: less than the home and the reserve is left.
  sh('head -c "$1" /dev/zero > /small/other', String(room('/small') - 60_000_000))
  results.push(await outcome(() => unpack({ home: fresh('/small/restored'), archive, meta: packed }, quiet)))
  return { results, left: fs.readdirSync('/small/restored'), untouched: look(home) === before }
}

/** What is done to a home while it is packed. Each is done at one step. */
const CHANGES = {
  'a new file': (/** @type {string} */ home) => fs.writeFileSync(`${home}/new`, 'x'),
  'a file gone': (/** @type {string} */ home) => fs.rmSync(`${home}/b`),
  'a file appended to': (/** @type {string} */ home) => fs.appendFileSync(`${home}/a`, 'x'),
  'a file of the same size and time': (/** @type {string} */ home) => {
    const { atime, mtime } = fs.statSync(`${home}/a`)
    fs.writeFileSync(`${home}/a`, 'y'.repeat(1_000))
    fs.utimesSync(`${home}/a`, atime, mtime)
  },
  'another mode': (/** @type {string} */ home) => fs.chmodSync(`${home}/a`, 0o600),
  'another owner': (/** @type {string} */ home) => fs.chownSync(`${home}/a`, 77, 77),
  'a file renamed': (/** @type {string} */ home) => fs.renameSync(`${home}/a`, `${home}/c`),
  'a link in place of a file': (/** @type {string} */ home) => {
    fs.rmSync(`${home}/a`)
    fs.symlinkSync('/etc/passwd', `${home}/a`)
  },
}

export async function changes() {
  /** @type {Record<string, string>} */
  const results = {}
  for (const when of ['PACKING', 'VERIFYING'])
    for (const [what, change] of Object.entries(CHANGES)) {
      const home = '/t/changes/home'
      grow({
        dir: home,
        tree: ['a', 'b'].map((name) => ({ kind: 'file', name, data: 'x'.repeat(1_000) })),
      })
      let done = false
      const { code } = await outcome(() =>
        pack({ home, archive: fresh('/t/changes/archive') }, (step) => {
          if (step === when && !done) (change(home), (done = true))
        }),
      )
      results[`${what} while ${when}`] = code
    }
  return results
}

/** What an archive holds, as text. @param {string} archive */
export const textOf = (archive) => sh('zstd -dcq "$1/home.tar.zst"', archive)
