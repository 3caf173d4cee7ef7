import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cp, rename, rm } from 'node:fs/promises'
import path from 'node:path'
import { hashOf, withLock, withTemporary } from './cache.mjs'
import { ensurePackages, isDebian, isRoot } from './debian.mjs'
import { aptMirror, writeHostFiles } from './host-files.mjs'
import { nodePackage } from './node.mjs'
import { fetchPackage } from './npm.mjs'
import { root, tilde, versions } from './paths.mjs'
import { causeIn, logFile, run } from './processes.mjs'
import { SetupError, step } from './step.mjs'

/** @typedef {import('./engine.mjs').Engine} Engine */
/** @typedef {import('./step.mjs').Say} Say */

const pinned = versions.workspaceImage
const recipe = path.join(root, 'resources', 'workspace-image')
const node = nodePackage(`linux-${process.arch}`)

/** Names whatever goes into the image, so that a changed recipe is another image. */
export async function recipeHash() {
  const parts = [pinned, node, versions.npm, await hashOf(recipe)]
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 12)
}

/**
 * A bare Debian to build on: pulled, or made here.
 * @param {Engine} engine
 * @param {string} refusal Why the finished image could not be pulled.
 * @returns {Promise<string>} its reference
 */
export async function ensureBase(engine, refusal) {
  const own = `berth-base:${pinned.suite}`
  for (const ref of [pinned.base, own]) if (await engine.hasImage(ref)) return ref
  try {
    await engine.pull(pinned.base)
    return pinned.base
  } catch {
    if (!isRoot || !isDebian)
      throw new SetupError(`The workspace image ${pinned.official} could not be pulled`, {
        why: `${refusal}\nBuilding it here instead takes root on Debian or Ubuntu.`,
        fix: `docker pull ${pinned.official}`,
      })
  }
  await ensurePackages(['debootstrap', 'debian-archive-keyring'], 'debootstrap')
  await step('Making a bare Debian for the workspace image (about a minute)', (say) =>
    withLock('workspace-base', say, async () => {
      if (!(await engine.hasImage(own)))
        await withTemporary('workspace-base', (dir) => makeBase(engine, own, dir))
    }),
  )
  return own
}

/**
 * @param {Engine} engine
 * @param {string} ref
 * @param {string} dir
 */
async function makeBase(engine, ref, dir) {
  const [system, tarball] = [path.join(dir, 'system'), path.join(dir, 'system.tar')]
  const options = { what: 'A bare Debian for the workspace image could not be made', log: 'workspace-base' }
  const mirror = (await aptMirror())?.main
  await run('debootstrap', ['--variant=minbase', pinned.suite, system, ...(mirror ? [mirror] : [])], options)
  const leftovers = ['--exclude=./var/cache/apt/archives/*.deb', '--exclude=./var/lib/apt/lists/*']
  await run('tar', ['-C', system, ...leftovers, '-cf', tarball, '.'], { ...options, append: true })
  await engine.import(tarball, ref)
}

/**
 * @param {Engine} engine
 * @param {{ ref: string, base: string, dir: string, say: Say }} options `dir`: a folder to work in.
 */
export async function buildImage(engine, { ref, base, dir, say }) {
  if (!node)
    throw new SetupError(`The workspace image cannot be built on ${process.arch}`, {
      fix: `docker pull ${pinned.official}`,
    })
  const context = path.join(dir, 'context')
  const log = logFile('workspace-image')
  await cp(recipe, context, { recursive: true })
  await writeHostFiles(path.join(context, 'host'))
  for (const [file, source] of Object.entries({ 'node.tgz': node, 'npm.tgz': versions.npm })) {
    say(`fetching ${source.name}`)
    await rename(await fetchPackage(source, context), path.join(context, file))
  }
  const args = { BASE: base, CODE_SERVER: pinned.codeServer, ...proxies() }
  try {
    const tar = spawn('tar', ['-C', context, '-cf', '-', '.'], { stdio: ['ignore', 'pipe', 'ignore'] })
    await engine.build(tar.stdout, { ref, args, log, say })
  } catch (error) {
    throw new SetupError('The workspace image could not be built', {
      why: `${/** @type {Error} */ (error).message}\n${causeIn(log)}`,
      log: tilde(log),
    })
  }
  await rm(context, { recursive: true })
  await engine.prune('berth.stage=build')
}

/** Docker knows these by name and keeps them out of the image. */
function proxies() {
  const names = ['http_proxy', 'https_proxy', 'no_proxy'].flatMap((name) => [name, name.toUpperCase()])
  return Object.fromEntries(names.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])))
}
