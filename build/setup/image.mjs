import path from 'node:path'
import { cached, isWhole } from './cache.mjs'
import { buildImage, ensureBase, recipeHash } from './image-build.mjs'
import { cacheDir, versions } from './paths.mjs'
import { attempt, step } from './step.mjs'

/** @typedef {import('./engine.mjs').Engine} Engine */

const { official, codeServer } = versions.workspaceImage

/**
 * The image workspaces run from: the official one, or, where it cannot be pulled, one built here from our recipe. That one is kept as
 * a file too, for an engine that has lost it.
 * @param {Engine} engine
 * @returns {Promise<string>} its reference
 */
export async function ensureImage(engine) {
  const tag = `${codeServer}-${await recipeHash()}`
  const own = `berth-workspace:${tag}`
  for (const ref of [official, own]) if (await engine.hasImage(ref)) return ref

  const copy = { name: `workspace-image-${tag}`, source: own, file: 'image.tar.gz' }
  if (!(await isWhole(copy))) {
    const refusal = await attempt(`Pulling ${official}`, (say) => engine.pull(official, say))
    if (!refusal) return official
    const base = await ensureBase(engine, refusal)
    await cached({
      ...copy,
      title: 'Building the workspace image, as it cannot be pulled (5 to 10 minutes, once)',
      async make(dir, say) {
        await buildImage(engine, { ref: own, base, dir, say })
        say('keeping a copy')
        await engine.save(own, path.join(dir, copy.file))
      },
    })
  }
  if (!(await engine.hasImage(own)))
    await step('Loading the workspace image', () => engine.load(path.join(cacheDir, copy.name, copy.file)))
  return own
}
