import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { withLock } from './cache.mjs'
import { npm } from './npm.mjs'
import { root } from './paths.mjs'
import { run } from './processes.mjs'
import { step } from './step.mjs'

const stamp = path.join(root, 'node_modules', '.berth-lock-sha256')

/** node_modules as package-lock.json says. The stamp is written last, and `npm ci` begins by removing it with all the rest. */
export async function ensureDependencies() {
  const wanted = createHash('sha256')
    .update(await readFile(path.join(root, 'package-lock.json')))
    .digest('hex')
  const installed = async () => (await readFile(stamp, 'utf8').catch(() => '')) === wanted
  if (await installed()) return
  await step('Installing dependencies (about a minute)', (say) =>
    withLock(lockName('dependencies'), say, async () => {
      if (await installed()) return
      await run(...npm(['ci', '--ignore-scripts', '--no-audit', '--no-fund']), {
        what: 'npm could not install the dependencies',
        log: 'dependencies',
        cwd: root,
      })
      await writeFile(stamp, wanted)
    }),
  )
}

/**
 * A lock for what belongs to this clone alone.
 * @param {string} name
 */
export const lockName = (name) => `${name}-${createHash('sha256').update(root).digest('hex').slice(0, 12)}`
