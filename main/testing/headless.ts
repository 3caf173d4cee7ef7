import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const ROOT = join(import.meta.dirname, '../..')
const PACKAGE = pathToFileURL(join(ROOT, 'package.json')).href

/** Lets Node run the sources as they are: it does not know the bundler's named import from package.json, nor its `?raw`. */
const HOOKS = `data:text/javascript,${encodeURIComponent(`
  import { registerHooks } from 'node:module'
  import { readFileSync } from 'node:fs'
  registerHooks({
    load(url, context, next) {
      const given = (source) => ({ format: 'module', shortCircuit: true, source })
      if (url.endsWith('?raw'))
        return given('export default ' + JSON.stringify(readFileSync(new URL(url), 'utf8')))
      if (url !== ${JSON.stringify(PACKAGE)}) return next(url, context)
      const { version } = JSON.parse(readFileSync(new URL(url), 'utf8'))
      return given('export const version = ' + JSON.stringify(version))
    },
  })
`)}`

export interface Headless {
  /** The line it printed once it accepted requests; undefined when it ended without one. */
  ready: { url: string; token: string; pid: number } | undefined
  stdout: () => string
  stderr: () => string
  kill: (signal: NodeJS.Signals) => void
  ended: Promise<{ code: number | null; signal: NodeJS.Signals | null }>
}

/**
 * The headless control plane as a process of its own; resolves when it accepts requests or has ended.
 * `as`: the user and group to run as, for root alone.
 */
export async function spawnServe(
  flags: readonly string[],
  {
    env = {},
    as,
  }: { env?: Record<string, string>; as?: { uid: number; gid: number; groups: number[] } } = {},
): Promise<Headless> {
  const node = [process.execPath, '--import', HOOKS, join(ROOT, 'main/serve.ts'), ...flags]
  const user = as && [
    'setpriv',
    `--reuid=${as.uid}`,
    `--regid=${as.gid}`,
    `--groups=${[as.gid, ...as.groups].join()}`,
  ]
  const [program = '', ...args] = [...(user ?? []), ...node]
  const child = spawn(program, args, { env: { ...environment(), ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on('close', (code, signal) => resolve({ code, signal }))
    child.on('error', reject)
  })
  const firstLine = new Promise<void>((resolve) => {
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text
      if (stdout.includes('\n')) resolve()
    })
  })
  await Promise.race([firstLine, ended])
  return {
    ready: stdout === '' ? undefined : (JSON.parse(stdout) as Headless['ready']),
    stdout: () => stdout,
    stderr: () => stderr,
    kill: (signal) => child.kill(signal),
    ended,
  }
}

/** Ours, without what would configure it. */
function environment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('BERTH_')))
}
