import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import Docker from 'dockerode'
import { until } from './until.ts'

/** A Docker Engine of the test's own, which it may stop and kill. */
export interface OwnEngine {
  docker: Docker
  /** For `DOCKER_HOST`. */
  host: string
  start: () => Promise<void>
  /** As `systemctl stop docker` does (SIGTERM), or all at once (SIGKILL). */
  stop: (signal: 'SIGTERM' | 'SIGKILL') => Promise<void>
}

const PIDFILE = 'dockerd.pid'

/** Whether this machine lets the tests run one. */
export const canRunEngine =
  process.getuid?.() === 0 &&
  ['dockerd', 'unshare'].every((program) => spawnSync(program, ['--version']).status === 0)

/** Everything of it lives in `dir`. */
export async function createEngine(dir: string): Promise<OwnEngine> {
  const socketPath = join(dir, 'docker.sock')
  const docker = new Docker({ socketPath })
  await mkdir(join(dir, 'data'), { recursive: true })
  let child: ChildProcess | undefined

  async function start(): Promise<void> {
    const log = await open(join(dir, 'dockerd.log'), 'a')
    // In namespaces of its own: its bridges, firewall and mounts are nobody else's, and go with it.
    child = spawn(
      'unshare',
      [
        ...['--net', '--mount', 'dockerd', '--host', `unix://${socketPath}`, '--pidfile', join(dir, PIDFILE)],
        ...['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec')],
      ],
      { stdio: ['ignore', log.fd, log.fd] },
    )
    child.on('error', () => undefined) // then nothing answers, which is waited for
    await log.close()
    await until('the engine answers', () =>
      docker.ping().then(
        () => true,
        () => false,
      ),
    )
  }

  async function stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    const exit = once(child, 'exit')
    child.kill(signal)
    await exit
  }

  await start()
  return { docker, host: `unix://${socketPath}`, start, stop }
}

/** Ends the engine that a run which was killed has left in `dir`, if it has. */
export async function endLeftEngine(dir: string): Promise<void> {
  const pid = await readFile(join(dir, PIDFILE), 'utf8').catch(() => undefined)
  const isIt = async (): Promise<boolean> =>
    pid !== undefined && (await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')).includes(dir)
  if (!(await isIt())) return
  process.kill(Number(pid), 'SIGTERM')
  await until('the left engine has ended', async () => !(await isIt()))
}
