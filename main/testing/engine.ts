import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, open, readFile, readdir, rm } from 'node:fs/promises'
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
  /** Stops it for good. */
  close: () => Promise<void>
}

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
    // In a network of its own: its bridges and firewall rules are nobody else's.
    child = spawn(
      'unshare',
      [
        ...['--net', 'dockerd', '--host', `unix://${socketPath}`, '--pidfile', join(dir, 'dockerd.pid')],
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
    // It dies with its engine, but a moment later, in which the next engine would take it for a living one.
    await until('its containerd has ended', async () =>
      (await processesOf(dir)).every(({ command }) => !command.startsWith('containerd ')),
    )
    await rm(join(dir, 'exec/containerd/containerd.pid'), { force: true })
  }

  async function close(): Promise<void> {
    await stop('SIGTERM')
    await endLeft(dir)
  }

  await start()
  return { docker, host: `unix://${socketPath}`, start, stop, close }
}

/** Ends what is left running with `dir`, by an engine or a whole run that was killed: engine, containers, control plane. */
export async function endLeft(dir: string): Promise<void> {
  const engine = (await processesOf(dir)).find(({ command }) => command.startsWith('dockerd '))
  if (engine) {
    process.kill(engine.pid, 'SIGTERM') // it ends its containers itself
    await until(
      'the left engine has ended',
      async () => !(await processesOf(dir)).some(({ pid }) => pid === engine.pid),
    )
  }
  for (const { pid } of await processesOf(dir)) {
    const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
    for (const one of [...children.split(' ').filter(Boolean).map(Number), pid]) kill(one)
  }
  let left: unknown
  await until(`nobody uses ${dir}`, async () => (left = await processesOf(dir)).length === 0, {
    last: () => left,
  })
  const mounts = await readFile('/proc/self/mounts', 'utf8').catch(() => '')
  for (const [, path = ''] of mounts.split('\n').map((line) => line.split(' ')))
    if (path.startsWith(`${dir}/`)) spawnSync('umount', ['--lazy', path])
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // it has ended in the meantime
  }
}

/** The processes whose command line names something in `dir`. */
async function processesOf(dir: string): Promise<{ pid: number; command: string }[]> {
  const names = await readdir('/proc').catch(() => []) // only Linux has it
  const all = names
    .filter((name) => /^\d+$/.test(name))
    .map(async (name) => {
      const command = await readFile(`/proc/${name}/cmdline`, 'utf8').catch(() => '')
      return { pid: Number(name), command: command.replaceAll('\0', ' ') }
    })
  return (await Promise.all(all)).filter(({ command }) => command.includes(`${dir}/`))
}
