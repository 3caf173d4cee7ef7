import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../..', import.meta.url))

/** Heavy results live here, outside the clone, so that the next clone has them too. */
export const cacheDir = path.resolve(process.env.BERTH_CACHE_DIR ?? path.join(homedir(), '.cache', 'berth'))

/** @type {typeof import('./versions.json')} */
export const versions = JSON.parse(readFileSync(new URL('versions.json', import.meta.url), 'utf8'))

/** @param {string} name A command that a dependency brings. */
export const bin = (name) =>
  path.join(root, 'node_modules', '.bin', process.platform === 'win32' ? `${name}.cmd` : name)

/** @param {string} file */
export const tilde = (file) => file.replace(homedir() + path.sep, `~${path.sep}`)
