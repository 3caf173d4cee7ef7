import { createHash } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { hashOf, withLock } from './cache.mjs'
import { lockName } from './dependencies.mjs'
import { bin, root } from './paths.mjs'
import { run } from './processes.mjs'
import { step } from './step.mjs'

const stamp = path.join(root, 'out', '.stamp')
const folders = ['main', 'preload', 'renderer', 'resources']
const files = ['electron.vite.config.ts', 'package.json', 'package-lock.json']

/** The app itself in out/, built anew when its sources changed. */
export async function ensureApp() {
  const parts = [
    ...folders.map((name) => hashOf(path.join(root, name))),
    ...files.map((name) => readFile(path.join(root, name), 'utf8')),
  ]
  const wanted = createHash('sha256')
    .update(JSON.stringify(await Promise.all(parts)))
    .digest('hex')
  const built = async () => (await readFile(stamp, 'utf8').catch(() => '')) === wanted
  if (await built()) return
  await step('Building the app', (say) =>
    withLock(lockName('app'), say, async () => {
      if (await built()) return
      await rm(stamp, { force: true })
      await run(bin('electron-vite'), ['build'], {
        what: 'The app could not be built',
        log: 'app',
        cwd: root,
      })
      await writeFile(stamp, wanted)
    }),
  )
}
