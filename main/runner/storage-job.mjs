/**
 * The program of a storage job: packs a home into `home.tar.zst`, unpacks one, or removes what is of no more use. It runs inside a container of the
 * workspace's own image, with the image's Node, GNU tar and zstd, and says how it goes in lines of JSON.
 */
/* global AbortController */
import { spawn, spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, lstatSync, readdirSync, readlinkSync, statSync, statfsSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { createInterface } from 'node:readline'
import { Transform, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'

/** @typedef {'PACKING' | 'VERIFYING' | 'UNPACKING'} Step */
/** @typedef {(step: Step, done: number, total: number) => void} Tell */
/** @typedef {{ sha256: string, bytes: number, content_bytes: number, disk_bytes: number, entries: number, skipped: number, newest_change_ms: number }} Packed */

/** Stays free whatever is written. */
const RESERVE = 64 * 2 ** 20
/** How much may pass before free space is looked at again. */
const LOOK_EVERY = 16 * 2 ** 20
/** Each takes some 20 MB, and the container has so much and no more. */
const THREADS = 16
/** A sign between 0 and 2^8 for each byte: names need not be text. */
const BYTES = 'latin1'

const ENV = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C', TZ: 'UTC' }
const KEEP = ['--numeric-owner', '--xattrs', '--xattrs-include=user.*', '--acls']
const CREATE = [
  '--create',
  '--format=posix',
  '--sort=name',
  '--sparse',
  '--pax-option=delete=atime,delete=ctime',
]
const EXTRACT = ['--extract', '--same-owner', '--preserve-permissions', '--delay-directory-restore']
// Names as they are, absolute ones too, and escaped so that each line can be taken apart without a doubt.
const LISTED = [
  '--numeric-owner',
  '--absolute-names',
  '--full-time',
  '--quoting-style=escape',
  '--quote-chars= ',
]

/** What a person is told. */
class JobError extends Error {
  /** @param {string} code @param {string} message @param {string} [hint] */
  constructor(code, message, hint) {
    super(message)
    this.code = code
    this.hint = hint
  }
}

/**
 * Packs the directory `home` into `home.tar.zst` in `archive`, reads it back from there, and compares it with the home.
 * @param {{ home: string, archive: string }} job
 * @param {Tell} tell
 * @returns {Promise<Packed>}
 */
export async function pack({ home, archive }, tell) {
  requireTools('ARCHIVE_FAILED')
  const before = walk(home)
  requireSpace(archive, before.disk_bytes)
  const file = `${archive}/home.tar.zst`
  /** @type {{ sha256: string, bytes: number } | undefined} */
  let sum
  /** @type {unknown} */
  let failure
  try {
    sum = await write(file, home, (bytes) => tell('PACKING', bytes, before.disk_bytes))
    await compare(file, home, before, sum.sha256, (bytes) => tell('VERIFYING', bytes, before.disk_bytes))
  } catch (error) {
    failure = error
  }
  if (isFull(failure)) throw full(archive, before.disk_bytes)
  // A change explains whatever went wrong, and spoils what seemed to go well.
  if (!isUnchanged(home, before)) throw new JobError('HOME_CHANGED', changedBy(failure))
  if (failure !== undefined) throw as('ARCHIVE_FAILED', failure)
  const { sha256, bytes } = /** @type {{ sha256: string, bytes: number }} */ (sum)
  const { content_bytes, disk_bytes, entries, skipped, newest_change_ms } = before
  return { sha256, bytes, content_bytes, disk_bytes, entries, skipped, newest_change_ms }
}

/**
 * Unpacks `home.tar.zst` of `archive` into the empty directory `home`, once all of it has been found right.
 * @param {{ home: string, archive: string, meta: Packed }} job
 * @param {Tell} tell
 */
export async function unpack({ home, archive, meta }, tell) {
  requireTools('RESTORE_FAILED')
  const file = `${archive}/home.tar.zst`
  requireSpace(home, meta.disk_bytes)
  await check(file, meta, (bytes) => tell('VERIFYING', bytes, meta.disk_bytes))
  try {
    await extract(file, home, meta, (bytes) => tell('UNPACKING', bytes, meta.disk_bytes))
  } catch (error) {
    await erase({ home }).catch(() => undefined) // what stays, another job removes
    throw error
  }
}

/**
 * Removes all that is in the directory `home`, whosever it is and however deep, and nothing of another disk.
 * @param {{ home: string }} job
 */
export async function erase({ home }) {
  await together((signal) => [start(signal, 'find', [home, '-xdev', '-mindepth', '1', '-delete']).done])
}

/**
 * Finds out whether an archive is whole, the one it is said to be, and holds nothing that no home may hold.
 * @param {string} file
 * @param {Packed} meta
 * @param {(bytes: number) => void} [onBytes]
 */
export async function check(file, meta, onBytes) {
  const { size } = statSync(file)
  if (size !== meta.bytes)
    throw new JobError('ARCHIVE_CORRUPT', `The archive has ${size} bytes instead of ${meta.bytes}`)
  const judge = createJudge(meta)
  let sum
  /** @type {JobError | undefined} */
  let failure
  try {
    sum = await read(file, ['--list', '--verbose', ...LISTED], judge.line, onBytes)
    judge.end()
  } catch (error) {
    failure = as('ARCHIVE_CORRUPT', error)
    sum ??= await sumOf(file)
  }
  // Damage may look like anything: only of an archive with the right sum it is said that somebody made it so.
  if (sum !== meta.sha256)
    throw new JobError('ARCHIVE_CORRUPT', 'The archive is not what it was: its SHA-256 is another one')
  if (failure) throw failure
}

/**
 * @param {string} file
 * @param {string} home
 * @param {Packed} meta
 * @param {(bytes: number) => void} [onBytes]
 */
export async function extract(file, home, meta, onBytes) {
  let looked = 0
  try {
    const sum = await read(file, [...EXTRACT, ...KEEP, '-C', home], undefined, (bytes) => {
      onBytes?.(bytes)
      if (bytes < looked + LOOK_EVERY) return
      looked = bytes
      if (free(home) < RESERVE) throw full(home, meta.disk_bytes)
    })
    if (sum !== meta.sha256)
      throw new JobError('ARCHIVE_CORRUPT', 'The archive changed while it was unpacked')
    const { entries, content_bytes } = walk(home)
    if (entries !== meta.entries || content_bytes !== meta.content_bytes)
      throw new JobError(
        'RESTORE_FAILED',
        `${entries} files came out of the archive instead of ${meta.entries}`,
      )
    await together((signal) => [start(signal, 'sync', ['-f', home]).done])
  } catch (error) {
    throw isFull(error) ? full(home, meta.disk_bytes) : as('RESTORE_FAILED', error)
  }
}

/**
 * Goes through a directory without following a link. The fingerprint is another one whenever anything has changed.
 * @param {string} root
 */
export function walk(root) {
  const found = {
    entries: 0,
    skipped: 0,
    content_bytes: 0,
    disk_bytes: 0,
    newest_change_ms: 0,
    fingerprint: '',
  }
  const print = createHash('sha256')
  const linked = new Set()
  const { dev } = lstatSync(root)

  /** @param {string} path */
  function visit(path) {
    const at = Buffer.from(path, BYTES)
    const stat = lstatSync(at, { bigint: true })
    // The top's own changes when it is renamed.
    if (path !== root) found.newest_change_ms = Math.max(found.newest_change_ms, Number(stat.ctimeNs) / 1e6)
    if (stat.isSocket()) return void found.skipped++
    const { mode, uid, gid, size, mtimeNs, ctimeNs } = stat
    const target = stat.isSymbolicLink() ? readlinkSync(at, { encoding: BYTES }) : ''
    print.update(JSON.stringify([path, target, ...[mode, uid, gid, size, mtimeNs, ctimeNs].map(String)]))
    found.entries++
    const link = `${stat.dev}:${stat.ino}`
    if (stat.isDirectory()) {
      if (Number(stat.dev) !== dev)
        throw new JobError(
          'ARCHIVE_FAILED',
          `Another disk is mounted at ${show(path)}`,
          'Unmount it, then retry.',
        )
      found.disk_bytes += Number(stat.blocks) * 512
      for (const name of readdirSync(at, { encoding: BYTES }).sort()) visit(`${path}/${name}`)
    } else if (!stat.isFile() && !stat.isSymbolicLink() && !stat.isFIFO())
      throw new JobError('ARCHIVE_FAILED', `${show(path)} is a device`, 'Remove it, then retry.')
    else if (stat.nlink === 1n || !linked.has(link)) {
      if (stat.isFile()) found.content_bytes += Number(size)
      found.disk_bytes += Number(stat.blocks) * 512
      if (stat.nlink > 1n) linked.add(link)
    }
  }

  visit(root)
  found.fingerprint = print.digest('hex')
  return found
}

/**
 * Judges the lines of a listing one by one. As tar sorts them, each parent is a directory on the way from the top, and
 * each name comes after its elder sibling: nothing else need be remembered, and nothing can be there twice.
 * @param {{ entries: number, content_bytes: number }} expected
 */
export function createJudge(expected) {
  /** From the top to the last entry: the directories, and each's youngest child. @type {{ name: string, directory: boolean }[]} */
  let way = []
  /** Their digests: a name would keep alive all that was read with it. @type {Set<string>} */
  const symlinks = new Set()
  let entries = 0
  let bytes = 0

  /** @param {string} name @param {string} why */
  const refuse = (name, why) => new JobError('ARCHIVE_UNSAFE', `The archive holds ${show(name)}, ${why}`)

  /** The parts of a name below the top. @param {string} name */
  function partsOf(name) {
    if (name.startsWith('/')) throw refuse(name, 'an absolute name')
    const [top, ...parts] = name.split('/')
    if (parts.includes('..') || top === '..') throw refuse(name, 'which leads out of the home')
    if (top !== '.' || parts.some((part) => part === '' || part === '.'))
      throw refuse(name, 'an unusual name')
    if (name.length > 4_095 || parts.some((part) => part.length > 255))
      throw refuse(name, 'a name that is too long')
    return parts
  }

  /** @param {string} name @param {string} target */
  function judgeHardLink(name, target) {
    const parts = partsOf(target)
    for (let depth = 1; depth < parts.length; depth++)
      if (symlinks.has(digest(['.', ...parts.slice(0, depth)].join('/'))))
        throw refuse(name, `a hard link through the symbolic link ${show(target)}`)
    if (!isBefore(parts, partsOf(name))) throw refuse(name, 'a hard link to what does not come before it')
  }

  return {
    /** @param {string} line */
    line(line) {
      const { type, size, name: listed, target } = parseLine(line)
      const directory = type === 'd'
      const name = directory ? listed.replace(/(?<=.)\/$/s, '') : listed
      if (++entries > expected.entries)
        throw refuse(name, `more than the ${expected.entries} files it is said to hold`)
      const parts = partsOf(name)
      if (!'-dlhp'.includes(type))
        throw refuse(name, type === 'c' || type === 'b' ? 'a device' : 'of a kind unknown here')
      const parents = way.slice(0, parts.length)
      if (
        parents.length < parts.length ||
        parents.some((parent, depth) => !parent.directory || (depth > 0 && parent.name !== parts[depth - 1]))
      )
        throw refuse(name, 'which is not in a directory of the archive')
      const elder = way[parts.length]
      const own = parts.at(-1) ?? '.'
      if (elder && elder.name >= own) throw refuse(name, 'which is there twice or out of order')
      if (parts.length === 0 && !directory) throw refuse(name, 'which should be a directory')
      if (type === 'l') symlinks.add(digest(name))
      if (type === 'h') judgeHardLink(name, target)
      way = [...parents, { name: own, directory }]
      bytes += size
      if (bytes > expected.content_bytes)
        throw refuse(name, `more than the ${expected.content_bytes} bytes it is said to hold`)
    },

    end() {
      if (entries !== expected.entries || bytes !== expected.content_bytes)
        throw new JobError(
          'ARCHIVE_CORRUPT',
          `The archive holds ${entries} files and ${bytes} bytes instead of ${expected.entries} and ${expected.content_bytes}`,
        )
    },
  }
}

/** @param {string} name */
const digest = (name) => createHash('sha256').update(name, BYTES).digest('binary')

/** True when the listing comes to `a` before it comes to `b`. @param {string[]} a @param {string[]} b */
function isBefore(a, b) {
  for (const [depth, part] of a.entries()) {
    const other = b[depth]
    if (other === undefined) return false
    if (part !== other) return part < other
  }
  return a.length < b.length
}

/**
 * A line such as `-rw-r--r-- 1000/1000 3 2026-01-01 00:00:00.5 ./a\ name`; links have ` -> target` or ` link to target` after it.
 * @param {string} line
 */
export function parseLine(line) {
  const words = line.match(/(?:\\.|[^\\ ])+/g) ?? []
  const type = line.charAt(0)
  const size = Number(words[2])
  const after = type === 'l' ? ['->'] : type === 'h' ? ['link', 'to'] : []
  const at = after.length === 0 ? words.length - 1 : words.length - 2 - after.length
  const name = words[at]
  // A time so far away that it has no date is one word instead of two.
  if (
    !Number.isSafeInteger(size) ||
    size < 0 ||
    name === undefined ||
    (at !== 4 && at !== 5) ||
    after.some((word, n) => words[at + 1 + n] !== word)
  )
    throw new JobError('ARCHIVE_UNSAFE', `The archive holds what cannot be told: ${line.slice(0, 200)}`)
  return {
    type,
    size,
    name: unescape(name),
    target: after.length === 0 ? '' : unescape(/** @type {string} */ (words.at(-1))),
  }
}

/** @type {Record<string, string>} */
const ESCAPES = { a: '\x07', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v' }

/** @param {string} word */
const unescape = (word) =>
  word.replace(/\\([0-7]{3}|.)/g, (_, code) =>
    code.length === 3 ? String.fromCharCode(parseInt(code, 8)) : (ESCAPES[code] ?? code),
  )

/** Whatever bytes a name has, a line that can be read. @param {string} name */
const show = (name) => JSON.stringify(Buffer.from(name.slice(0, 300), BYTES).toString('utf8'))

/** @param {string} file @param {string} home @param {(bytes: number) => void} onBytes */
async function write(file, home, onBytes) {
  const hash = createHash('sha256')
  let bytes = 0
  const handle = await open(file, 'w')
  const save = new Writable({
    write(chunk, _, done) {
      hash.update(chunk)
      bytes += chunk.length
      handle.writeFile(chunk).then(() => done(), done)
    },
  })
  try {
    await together((signal) => {
      const tar = start(signal, 'tar', [...CREATE, ...KEEP, '-C', home, '.'])
      const zip = zstd(signal, false)
      return [
        feed(tar.stdout, counted(onBytes), zip.input, signal),
        pipeline(zip.output, save, { signal }),
        tar.done,
        zip.done,
      ]
    })
    await handle.sync()
  } finally {
    await handle.close()
  }
  return { sha256: hash.digest('hex'), bytes }
}

/**
 * @param {string} file
 * @param {string} home
 * @param {{ entries: number, content_bytes: number }} expected
 * @param {string} sha256
 * @param {(bytes: number) => void} onBytes
 */
async function compare(file, home, expected, sha256, onBytes) {
  const judge = createJudge(expected)
  const sum = await read(
    file,
    ['--compare', '-vv', ...LISTED, '-C', home],
    (line) => {
      if (line.startsWith('./')) throw new Error(`the archive is not equal to the home: ${line}`)
      judge.line(line)
    },
    onBytes,
  )
  if (sum !== sha256) throw new Error('the archive did not reach the disk as it was written')
  judge.end()
}

/**
 * Lets tar read an archive; resolves to its sum. `onLine` is given what tar says, `onBytes` how much it has read.
 * @param {string} file
 * @param {string[]} args
 * @param {(line: string) => void} [onLine]
 * @param {(bytes: number) => void} [onBytes]
 */
async function read(file, args, onLine, onBytes) {
  const hash = createHash('sha256')
  await together((signal) => {
    // To the very end: what comes after the mark of an end is read, and judged, too.
    const tar = start(signal, 'tar', [...args, '--ignore-zeros', '-f', '-'])
    const zip = zstd(signal, true)
    return [
      feed(
        createReadStream(file, { highWaterMark: 2 ** 20 }),
        tapped((chunk) => void hash.update(chunk)),
        zip.input,
        signal,
      ),
      feed(zip.output, counted(onBytes), tar.stdin, signal),
      each(tar.stdout, onLine),
      tar.done,
      zip.done,
    ]
  })
  return hash.digest('hex')
}

/** @param {string} file */
async function sumOf(file) {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk)
  return hash.digest('hex')
}

/**
 * Parts that live and die together: when one fails the others are ended, and its failure is thrown.
 * @param {(signal: AbortSignal) => Promise<unknown>[]} begin
 */
async function together(begin) {
  const controller = new AbortController()
  const failures = /** @type {unknown[]} */ ([])
  const fail = (/** @type {unknown} */ error) => {
    failures.push(error)
    controller.abort()
  }
  await Promise.all(begin(controller.signal).map((part) => part.catch(fail)))
  if (failures.length > 0) throw failures[0]
}

/**
 * A process; `done` rejects with its own words when it fails.
 * @param {AbortSignal} signal
 * @param {string} command
 * @param {string[]} args
 */
function start(signal, command, args) {
  const child = spawn(command, args, { env: ENV, signal, killSignal: 'SIGKILL' })
  let words = ''
  child.stderr.setEncoding('utf8').on('data', (text) => void (words = (words + text).slice(0, 2_000)))
  child.stdin.on('error', () => undefined) // it has ended, and `done` tells why
  const done = new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, killed) =>
      code === 0
        ? resolve(undefined)
        : reject(new Error(words.trim() || `${command} ended with ${code ?? killed}`)),
    )
  })
  return { stdin: child.stdin, stdout: child.stdout, done }
}

/** @type {Map<string, string | null>} */
const versions = new Map()

/** What a program says of itself; null when the image has none of the name. @param {string} command */
function versionOf(command) {
  if (!versions.has(command))
    versions.set(command, spawnSync(command, ['--version'], { env: ENV, encoding: 'utf8' }).stdout)
  return versions.get(command) ?? null
}

/** What compresses or decompresses: zstd, or where an image has none, Node itself. @param {AbortSignal} signal @param {boolean} back */
function zstd(signal, back) {
  if (versionOf('zstd') !== null) {
    const { stdin, stdout, done } = start(
      signal,
      'zstd',
      back ? ['-dcq'] : [`-T${Math.min(availableParallelism(), THREADS)}`, '-cq'],
    )
    return { input: stdin, output: stdout, done }
  }
  const codec = back
    ? zlib.createZstdDecompress()
    : zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_checksumFlag]: 1 } })
  return { input: codec, output: codec, done: Promise.resolve() }
}

/**
 * Pours into a process. That it hears no more is no failure here: how it ended tells.
 * @param {import('node:stream').Readable} from
 * @param {Transform} through
 * @param {import('node:stream').Writable} to
 * @param {AbortSignal} signal
 */
async function feed(from, through, to, signal) {
  try {
    await pipeline(from, through, to, { signal })
  } catch (error) {
    if (
      !['EPIPE', 'ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE', 'ERR_STREAM_DESTROYED'].includes(codeOf(error))
    )
      throw error
  }
}

/** @param {(chunk: Buffer) => void} look */
const tapped = (look) =>
  new Transform({
    transform(chunk, _, done) {
      try {
        look(chunk)
        done(null, chunk)
      } catch (error) {
        done(/** @type {Error} */ (error))
      }
    },
  })

/** @param {(bytes: number) => void} [onBytes] */
function counted(onBytes) {
  let bytes = 0
  return tapped((chunk) => onBytes?.((bytes += chunk.length)))
}

/** @param {import('node:stream').Readable} stream @param {(line: string) => void} [onLine] */
async function each(stream, onLine) {
  for await (const line of createInterface({ input: stream.setEncoding(BYTES) })) onLine?.(line)
}

/** @param {string} code */
function requireTools(code) {
  const hint = 'Use an image that has GNU tar and zstd, then retry.'
  if (!versionOf('tar')?.includes('GNU tar'))
    throw new JobError(code, 'The image of this workspace has no GNU tar', hint)
  if (versionOf('zstd') === null && !('createZstdCompress' in zlib))
    throw new JobError(code, 'The image of this workspace has no zstd', hint)
}

/** @param {string} dir */
function free(dir) {
  const { bavail, bsize } = statfsSync(dir)
  return bavail * bsize
}

/** @param {string} dir @param {number} bytes */
function requireSpace(dir, bytes) {
  if (free(dir) < bytes + RESERVE) throw full(dir, bytes)
}

/** @param {string} dir @param {number} bytes */
const full = (dir, bytes) =>
  new JobError('DISK_FULL', `The disk is full: ${size(bytes + RESERVE)} needed, ${size(free(dir))} free`)

/** @param {number} bytes */
function size(bytes) {
  const power = Math.min(4, Math.max(1, Math.floor(Math.log10(Math.max(bytes, 1)) / 3)))
  return `${(bytes / 1_000 ** power).toFixed(1)} ${['', 'kB', 'MB', 'GB', 'TB'][power]}`
}

/** @param {unknown} error */
const codeOf = (error) => String(/** @type {{ code?: unknown } | null} */ (error)?.code)

/** @param {unknown} error */
const isFull = (error) =>
  ['DISK_FULL', 'ENOSPC', 'EDQUOT'].includes(codeOf(error)) ||
  (error instanceof Error && /No space left on device|quota exceeded/i.test(error.message))

/** @param {string} home @param {{ fingerprint: string }} before */
function isUnchanged(home, before) {
  try {
    return walk(home).fingerprint === before.fingerprint
  } catch {
    return false // what was there can no longer be read
  }
}

/** @param {unknown} failure */
const changedBy = (failure) =>
  `Files changed while the home was being archived${failure instanceof Error ? `: ${failure.message}` : ''}`

/** What a person has not been told yet becomes an error of this code. @param {string} code @param {unknown} error */
function as(code, error) {
  if (error instanceof JobError) return error
  return new JobError(code, error instanceof Error ? error.message : String(error))
}

const JOB = process.env['BERTH_STORAGE_JOB']
if (JOB !== undefined) await main(JSON.parse(JOB))

/** @param {{ kind: 'pack' | 'unpack' | 'erase', home: string, archive: string, meta: Packed }} job */
async function main(job) {
  const say = (/** @type {unknown} */ message) => process.stdout.write(`${JSON.stringify(message)}\n`)
  /** @type {Step | undefined} */
  let last
  let at = 0
  /** @type {Tell} */
  const tell = (step, done, total) => {
    if (step === last && Date.now() < at + 200) return
    ;[last, at] = [step, Date.now()]
    say({ step, done: Math.min(done, total), total })
  }
  const KINDS = {
    pack: { run: pack, failed: 'ARCHIVE_FAILED' },
    unpack: { run: unpack, failed: 'RESTORE_FAILED' },
    erase: { run: erase, failed: 'HOME_NOT_WRITABLE' },
  }
  const { run, failed } = KINDS[job.kind]
  try {
    say({ result: (await run(job, tell)) ?? null })
  } catch (error) {
    const { code, message, hint } = as(failed, error)
    say({ error: { code, message, hint } })
  }
}
