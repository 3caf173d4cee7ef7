import path from 'node:path'
import { cached } from './cache.mjs'
import { unpackPackage } from './npm.mjs'
import { versions } from './paths.mjs'
import { SetupError } from './step.mjs'

/**
 * The Node to run on: this one when it is new enough, else a pinned one from the cache. Runs on any Node from 18 on.
 * @returns {Promise<string>} the executable
 */
export async function ensureNode() {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const newEnough = (major === 22 && minor >= 12) || major === 24 || major >= 26
  return newEnough ? process.execPath : path.join(await pinnedNode(), executable)
}

const executable = path.join('bin', process.platform === 'win32' ? 'node.exe' : 'node')

/** A whole Node with its headers, which native builds need and a system's own Node may lack. */
export async function pinnedNode() {
  const platform = `${process.platform}-${process.arch}`
  const pinned = nodePackage(platform)
  if (!pinned)
    throw new SetupError('Berth needs Node 22.12 or newer (22, 24 or 26)', {
      why: `this is Node ${process.versions.node}`,
      fix: 'Install a current Node from https://nodejs.org and run the command again.',
    })
  return cached({
    name: `node-${pinned.version}-${platform}`,
    source: pinned.integrity,
    file: executable,
    title: `Fetching Node ${pinned.version} (this machine's is ${process.versions.node})`,
    make: (dir) => unpackPackage(pinned, dir),
  })
}

/**
 * @param {string} platform
 * @returns {import('./npm.mjs').PinnedPackage | undefined}
 */
export const nodePackage = (platform) =>
  Object.entries(versions.node.packages).find(([name]) => name === platform)?.[1]
