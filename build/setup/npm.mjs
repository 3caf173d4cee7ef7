import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ask, run } from './processes.mjs'
import { SetupError } from './step.mjs'

/** @typedef {{ name: string, version: string, integrity: string }} PinnedPackage */

const cli = process.env.npm_execpath

/**
 * The npm that started us, on the Node that runs us; else the one on PATH.
 * @param {string[]} args
 * @returns {[string, string[]]}
 */
export function npm(args) {
  if (cli && path.basename(cli) === 'npm-cli.js') return [process.execPath, [cli, ...args]]
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', args]
}

/** @param {string} key */
export const npmConfig = (key) => ask(...npm(['config', 'get', key]))

/**
 * Unpacks a package into `dir` without installing it, so that none of its scripts run. npm checks it against what the registry says;
 * this checks it against what we pinned.
 * @param {PinnedPackage} pinned
 * @param {string} dir
 */
export async function unpackPackage(pinned, dir) {
  const tarball = await fetchPackage(pinned, dir)
  await run('tar', ['-xzf', tarball, '-C', dir, '--strip-components=1', '--no-same-owner'], {
    what: `${pinned.name} could not be unpacked`,
    log: 'unpack',
  })
  await rm(path.dirname(tarball), { recursive: true })
}

/**
 * @param {PinnedPackage} pinned
 * @param {string} dir
 * @returns {Promise<string>} the tarball
 */
export async function fetchPackage({ name, version, integrity }, dir) {
  const into = path.join(dir, `.${path.basename(name)}`)
  await mkdir(into)
  await run(...npm(['pack', `${name}@${version}`, '--pack-destination', into, '--ignore-scripts']), {
    what: `npm could not fetch ${name}@${version}`,
    log: 'npm-pack',
  })
  const tarball = path.join(into, /** @type {string} */ ((await readdir(into))[0]))
  const hash = createHash('sha512')
  await pipeline(createReadStream(tarball), hash)
  const actual = `sha512-${hash.digest('base64')}`
  if (actual !== integrity)
    throw new SetupError(`${name}@${version} is not the package that was pinned`, {
      why: `its checksum is ${actual}, not ${integrity}`,
      fix: 'Check which npm registry or proxy answers here (npm config get registry).',
    })
  return tarball
}
