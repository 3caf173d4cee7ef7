import { execFile } from 'node:child_process'
import { COPYFILE_FICLONE } from 'node:constants'
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from '@playwright/test'
import { fusesFor, readFuses, setFuses } from '../build/fuses.mjs'

const run = promisify(execFile)
const electron = process.env['BERTH_ELECTRON']!
const inBundle = process.platform === 'darwin'
/** The folder with all of the runtime; on macOS that is the bundle. */
const runtime = inBundle ? join(dirname(electron), '../..') : dirname(electron)

/** An app that says which one it is, and whether somebody may look into it. */
const app = (name: string): string => `
  const { app } = require('electron')
  const { url } = require('node:inspector')
  console.log(JSON.stringify({ app: '${name}', debugged: url() !== undefined, told: globalThis.told === true }))
  app.exit(0)`

/** The asar format: a header that says where each file begins, then the files one after the other. */
function asar(files: Record<string, string>): Buffer {
  let offset = 0
  const entries = Object.entries(files).map(([name, text]) => {
    const size = Buffer.byteLength(text)
    offset += size
    return [name, { size, offset: String(offset - size) }]
  })
  const json = Buffer.from(JSON.stringify({ files: Object.fromEntries(entries) as unknown }))
  const padded = Buffer.alloc(Math.ceil(json.length / 4) * 4)
  json.copy(padded)
  const head = Buffer.alloc(16)
  head.writeUInt32LE(4, 0)
  head.writeUInt32LE(padded.length + 8, 4)
  head.writeUInt32LE(padded.length + 4, 8)
  head.writeUInt32LE(json.length, 12)
  return Buffer.concat([head, padded, ...Object.values(files).map((text) => Buffer.from(text))])
}

test('X8: the packaged app cannot be talked into being a Node, or another app', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'berth-fuses-'))
  try {
    const copy = join(dir, inBundle ? 'Berth.app' : 'berth')
    await cp(runtime, copy, { recursive: true, verbatimSymlinks: true, mode: COPYFILE_FICLONE })
    const executable = join(copy, relative(runtime, electron))
    const resources = inBundle ? join(copy, 'Contents/Resources') : join(copy, 'resources')
    const manifest = JSON.stringify({ name: 'fused', main: 'main.cjs' })
    const packed = asar({ 'package.json': manifest, 'main.cjs': app('packaged') })
    await rm(join(resources, 'app'), { recursive: true, force: true })
    await mkdir(join(resources, 'app'))
    await writeFile(join(resources, 'app/package.json'), manifest)
    await writeFile(join(resources, 'app/main.cjs'), app('another'))
    const told = join(dir, 'told.cjs')
    await writeFile(told, 'globalThis.told = true')
    const script = join(dir, 'script.cjs')
    await writeFile(script, 'console.log(JSON.stringify({ node: true }))')

    /** What the app says of itself; a Node says something else. */
    async function say(args: string[] = [], env: NodeJS.ProcessEnv = {}): Promise<unknown> {
      const flags = process.getuid?.() === 0 ? ['--no-sandbox'] : []
      const own = [`--user-data-dir=${join(dir, 'user')}`]
      const { stdout } = await run(executable, [...args, ...flags, ...own], {
        env: { ...process.env, ...env },
        timeout: 60_000,
      })
      return JSON.parse(stdout.split('\n').find((line) => line.startsWith('{')) ?? '"nothing"')
    }
    const asNode = () => say([script], { ELECTRON_RUN_AS_NODE: '1' })
    const withOptions = () => say([], { NODE_OPTIONS: `--require ${told}` })
    const inspected = () => say(['--inspect=0'])

    // Before: each of these works.
    expect(await say()).toEqual({ app: 'another', debugged: false, told: false })
    expect(await asNode()).toEqual({ node: true })
    expect(await withOptions()).toMatchObject({ told: true })
    expect(await inspected()).toMatchObject({ debugged: true })

    await setFuses(executable, process.platform)
    const fuses = await readFuses(executable)
    expect(fuses).toMatchObject(fusesFor(process.platform))
    expect(fuses).toMatchObject({
      RunAsNode: false,
      EnableNodeOptionsEnvironmentVariable: false,
      EnableNodeCliInspectArguments: false,
      EnableCookieEncryption: true,
      OnlyLoadAppFromAsar: true,
      LoadBrowserProcessSpecificV8Snapshot: false,
      GrantFileProtocolExtraPrivileges: false,
    })

    await expect(say()).rejects.toMatchObject({ code: 1, stdout: '' })
    await writeFile(join(resources, 'app.asar'), packed)
    const packaged = { app: 'packaged', debugged: false, told: false }
    expect(await say()).toEqual(packaged)
    expect(await asNode()).toEqual(packaged)
    expect(await withOptions()).toEqual(packaged)
    expect(await inspected()).toEqual(packaged)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
})
