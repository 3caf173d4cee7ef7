// The commands behind `npm start`, `npm run serve`, `npm test` and `npm run test:crash`: each sets up what is missing, then runs. Starts on any Node from
// 18 on, with nothing installed.
import path from 'node:path'
import { parseArgs } from 'node:util'
import { ensureApp } from './setup/app.mjs'
import { ensureBrowser } from './setup/browser.mjs'
import { isRoot } from './setup/debian.mjs'
import { ensureDependencies } from './setup/dependencies.mjs'
import { ensureDisplay } from './setup/display.mjs'
import { ensureDocker } from './setup/docker.mjs'
import { ensureElectron } from './setup/electron.mjs'
import { ensureImage } from './setup/image.mjs'
import { ensureNode } from './setup/node.mjs'
import { root, versions } from './setup/paths.mjs'
import { runProgram } from './setup/processes.mjs'
import { ensureSqlite } from './setup/sqlite.mjs'
import { describe, note } from './setup/step.mjs'
import { runTests } from './setup/tests.mjs'

const [command = '', ...args] = process.argv.slice(2)
const ownNapi = Number(process.versions.napi)

async function start() {
  await ensureDependencies()
  const electron = await ensureElectron()
  await ensureSqlite(electron.napi)
  await containersIfPossible()
  await ensureApp()
  const display = await ensureDisplay()
  Object.assign(process.env, display)
  const flags = isRoot ? ['--no-sandbox'] : []
  // Chromium complains at length about a desktop that is not there.
  if (display) flags.push('--log-level=3')
  const own = display ? ['--print-address'] : []
  return runProgram(electron.executable, [...flags, root, ...own, ...args])
}

async function serve() {
  await ensureDependencies()
  await ensureSqlite(ownNapi)
  await containersIfPossible()
  await ensureApp()
  return runProgram(process.execPath, [path.join(root, 'out', 'main', 'serve.js'), ...args])
}

async function test() {
  const all = /** @type {const} */ (['static', 'unit', 'e2e'])
  const only = all.find((part) => part === args[0])
  await ensureDependencies()
  if (only !== 'static') {
    await containers()
    await ensureSqlite(ownNapi)
  }
  if (!only || only === 'e2e') {
    const electron = await ensureElectron()
    await ensureSqlite(electron.napi)
    await ensureApp()
    const browser = await ensureBrowser()
    const programs = { BERTH_ELECTRON: electron.executable, BERTH_CHROMIUM: browser }
    Object.assign(process.env, programs, await ensureDisplay())
  }
  return only ? runTests([only], args.slice(1)) : runTests([...all], [])
}

/** The long crash test. The same seed does the same again. */
async function crash() {
  const { values } = parseArgs({
    args,
    options: { seed: { type: 'string', default: '1' }, kills: { type: 'string', default: '200' } },
  })
  await ensureDependencies()
  await containers()
  await ensureSqlite(ownNapi)
  Object.assign(process.env, { BERTH_CRASH_SEED: values.seed, BERTH_CRASH_KILLS: values.kills })
  return runTests(
    ['unit'],
    ['--project=integration', '--disableConsoleIntercept', 'main/crash.integration.test.ts'],
  )
}

/** An engine and an image, told to the program by its environment where they are not what it would take by itself. */
async function containers() {
  const engine = await ensureDocker()
  process.env.DOCKER_HOST ||= engine.host
  const chosen = process.env.BERTH_IMAGE || args.some((argument) => /^--image\b/.test(argument))
  if (chosen) return
  const image = await ensureImage(engine)
  if (image !== versions.workspaceImage.official) process.env.BERTH_IMAGE = image
}

/** The app says by itself when there is no Docker, so that is no reason not to start it. */
async function containersIfPossible() {
  try {
    await containers()
  } catch (error) {
    note(describe(error))
  }
}

/** @returns {Promise<number>} the exit code */
async function main() {
  const run = { start, serve, test, crash }[command]
  if (!run) {
    note(
      'Usage: node build/run.mjs start | serve | test [static | unit | e2e] | crash [--seed N] [--kills N]',
    )
    return 2
  }
  const node = await ensureNode()
  // Everything from here on, and every child, runs on that Node.
  if (node !== process.execPath) {
    process.env.PATH = `${path.dirname(node)}${path.delimiter}${process.env.PATH}`
    return runProgram(node, process.argv.slice(1))
  }
  return run()
}

// Set in the terminal of another Electron app, it would make ours run as plain Node.
delete process.env.ELECTRON_RUN_AS_NODE

process.exit(
  await main().catch((error) => {
    note(describe(error))
    if (command === 'test' || command === 'crash') process.stdout.write('\n0 passed, 1 failed\n')
    return 1
  }),
)
