import { existsSync } from 'node:fs'
import { copyFile, cp, mkdir, readFile, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { cached, isWhole, sha256 } from './cache.mjs'
import { ensurePackages } from './debian.mjs'
import { pinnedNode } from './node.mjs'
import { cacheDir, root } from './paths.mjs'
import { ask, run } from './processes.mjs'

const library = path.join(root, 'node_modules', 'better-sqlite3')
const addon = 'better_sqlite3.node'

/**
 * better-sqlite3 brings binaries for Node-API 10. For a runtime with less it is built once from source for Node-API 9, which every
 * runtime of ours has; the library prefers such a build to its own binaries.
 * @param {number} napi The Node-API version of the runtime.
 */
export async function ensureSqlite(napi) {
  if (napi >= 10) return
  const { version } = JSON.parse(await readFile(path.join(library, 'package.json'), 'utf8'))
  const name = `better-sqlite3-${version}-napi9-${process.platform}-${process.arch}`
  const entry = { name, source: `better-sqlite3@${version}`, file: addon }
  if (!(await isWhole(entry))) {
    await ensureCompilers()
    const headers = await nodeWithHeaders()
    const title = 'Building better-sqlite3 for this runtime (about 2 minutes, once)'
    await cached({ ...entry, title, make: (dir) => build(dir, headers) })
  }
  await putInPlace(path.join(cacheDir, name, addon), path.join(library, 'build', 'Release', addon))
}

async function ensureCompilers() {
  const found = await Promise.all(['python3', 'make', 'g++'].map((command) => ask(command, ['--version'])))
  if (!found.every(Boolean))
    await ensurePackages(['python3', 'make', 'g++'], 'What it takes to build better-sqlite3')
}

/** A system's own Node may come without its headers, and then they would have to be fetched. */
async function nodeWithHeaders() {
  const own = path.dirname(path.dirname(process.execPath))
  return existsSync(path.join(own, 'include', 'node', 'node_api.h')) ? own : pinnedNode()
}

/**
 * @param {string} dir
 * @param {string} headers
 */
async function build(dir, headers) {
  const source = path.join(dir, 'source')
  await cp(library, source, { recursive: true, filter: (file) => !/\/(build|prebuilds)$/.test(file) })
  await copyFile(new URL('napi9.h', import.meta.url), path.join(source, 'napi9.h'))
  await run(process.execPath, [nodeGyp, 'rebuild', '--release', '--force_build=1', '--jobs=max'], {
    what: 'better-sqlite3 could not be built',
    log: 'better-sqlite3',
    cwd: source,
    env: {
      ...process.env,
      // A path relative to the compiler's folder, as this flag does not survive a blank.
      CXXFLAGS: '-DNAPI_VERSION=9 -include ../napi9.h',
      // So that the copy finds node-addon-api.
      NODE_PATH: path.join(root, 'node_modules'),
      npm_config_nodedir: headers,
    },
  })
  await rename(path.join(source, 'build', 'Release', addon), path.join(dir, addon))
  await rm(source, { recursive: true })
}

const nodeGyp = path.join(root, 'node_modules', 'node-gyp', 'bin', 'node-gyp.js')

/**
 * @param {string} built
 * @param {string} target
 */
async function putInPlace(built, target) {
  if (existsSync(target) && (await sha256(target)) === (await sha256(built))) return
  await mkdir(path.dirname(target), { recursive: true })
  const temporary = `${target}.${process.pid}`
  await copyFile(built, temporary)
  await rename(temporary, target)
}
