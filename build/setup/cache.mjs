import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { cacheDir } from './paths.mjs'
import { step } from './step.mjs'

/** @typedef {import('./step.mjs').Say} Say */

const marker = 'complete.json'

/** @param {string} file */
export async function sha256(file) {
  const hash = createHash('sha256')
  await pipeline(createReadStream(file, { highWaterMark: 1 << 20 }), hash)
  return hash.digest('hex')
}

/** @param {string} dir A folder, with all that is in it. */
export async function hashOf(dir) {
  const hash = createHash('sha256')
  for (const name of (await readdir(dir)).sort())
    hash.update(name).update(await contentOf(path.join(dir, name)))
  return hash.digest('hex')
}

/** @param {string} file */
const contentOf = async (file) => ((await stat(file)).isDirectory() ? hashOf(file) : readFile(file))

/**
 * A folder in the cache that is either whole or not there. `make` fills a temporary folder, a marker is written into it last, and
 * only then does it get its name. It is whole while it was made from `source` and its main file has the noted checksum.
 * @typedef {{ name: string, source: string, file: string }} Entry
 */

/**
 * @param {Entry & { title: string, make: (dir: string, say: Say) => Promise<void> }} entry
 * @returns {Promise<string>} the folder
 */
export async function cached({ title, make, ...entry }) {
  const dir = path.join(cacheDir, entry.name)
  if (await isWhole(entry)) return dir
  await step(title, (say) =>
    withLock(entry.name, say, async () => {
      if (await isWhole(entry)) return
      await withTemporary(entry.name, async (temporary) => {
        await make(temporary, say)
        const made = { source: entry.source, sha256: await sha256(path.join(temporary, entry.file)) }
        await writeFile(path.join(temporary, marker), JSON.stringify(made))
        await rm(dir, { recursive: true, force: true })
        await rename(temporary, dir)
      })
    }),
  )
  return dir
}

/** @param {Entry} entry */
export async function isWhole({ name, source, file }) {
  try {
    const made = JSON.parse(await readFile(path.join(cacheDir, name, marker), 'utf8'))
    return made.source === source && made.sha256 === (await sha256(path.join(cacheDir, name, file)))
  } catch {
    return false
  }
}

/**
 * A folder for work under way, on the cache's own file system so that its results can be renamed into place.
 * @template T
 * @param {string} name
 * @param {(dir: string) => Promise<T>} work
 */
export async function withTemporary(name, work) {
  const parent = path.join(cacheDir, 'tmp')
  await mkdir(parent, { recursive: true })
  // What a killed setup left behind; the caller holds the lock of that name, so nobody is using it.
  for (const entry of await readdir(parent))
    if (entry.startsWith(`${name}.`)) await rm(path.join(parent, entry), { recursive: true, force: true })
  const dir = path.join(parent, `${name}.${process.pid}`)
  await mkdir(dir)
  try {
    return await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

const beat = 5_000
const silence = 60_000

/**
 * Lets one setup at a time do a heavy thing; the others wait and then find it done. A lock whose owner is gone, or silent for long,
 * is taken over. Two takers at once would only do the work twice: every result is renamed into place whole.
 * @template T
 * @param {string} name
 * @param {Say} say
 * @param {() => Promise<T>} work
 */
export async function withLock(name, say, work) {
  const lock = path.join(cacheDir, 'locks', name)
  await mkdir(path.dirname(lock), { recursive: true })
  while (!(await take(lock))) {
    if (await abandoned(lock)) await rm(lock, { recursive: true, force: true })
    else {
      say('waiting for another setup that is doing this')
      await sleep(500)
    }
  }
  say('')
  const alive = setInterval(() => void utimes(lock, new Date(), new Date()).catch(() => undefined), beat)
  try {
    return await work()
  } finally {
    clearInterval(alive)
    await rm(lock, { recursive: true, force: true })
  }
}

/** @param {string} lock */
async function take(lock) {
  try {
    await mkdir(lock)
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code === 'EEXIST') return false
    throw error
  }
  await writeFile(path.join(lock, 'pid'), String(process.pid))
  return true
}

/** @param {string} lock */
async function abandoned(lock) {
  try {
    const silentFor = Date.now() - (await stat(lock)).mtimeMs
    if (silentFor > silence) return true
    const pid = Number(await readFile(path.join(lock, 'pid'), 'utf8'))
    process.kill(pid, 0)
    return false
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'ESRCH'
  }
}
