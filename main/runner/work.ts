import type Docker from 'dockerode'
import { engineError, statusOf } from './engine-errors.ts'
import type { Work } from './runner.ts'

const PATIENCE_MS = 10_000

/** Dockerode's types do not know that it can be given up, too. */
type Asked = Docker.Container & {
  stats: (options: {
    stream: false
    'one-shot': true
    abortSignal: AbortSignal
  }) => Promise<Docker.ContainerStats>
  top: (options: { ps_args: string; abortSignal: AbortSignal }) => Promise<Top>
}

/** What the engine's `top` says. */
export interface Top {
  Titles: string[]
  Processes: string[][] | null
}

/** What goes on in a container. @throws {AppError} */
export async function readWork(docker: Docker, containerId: string): Promise<Work> {
  const container = docker.getContainer(containerId) as Asked
  const abortSignal = AbortSignal.timeout(PATIENCE_MS)
  try {
    const stats = await container.stats({ stream: false, 'one-shot': true, abortSignal })
    const top = await container
      .top({ ps_args: '-eo pid,ppid,tpgid,args', abortSignal })
      .catch((error: unknown) => {
        // An engine whose machine has no such `ps` refuses: then CPU time alone tells.
        if (statusOf(error) === undefined) throw error
      })
    return { cpuSeconds: stats.cpu_stats.cpu_usage.total_usage / 1e9, commands: top ? commandsOf(top) : [] }
  } catch (error) {
    throw engineError(error)
  }
}

interface Process {
  pid: string
  parent: string
  /** The group in the foreground of its terminal; -1 without one. */
  foreground: string
  args: string
}

const TERMINAL_HOST = /(^|\s)--type=ptyHost(\s|$)/
const SHELL = /^-?(\/\S*\/)?(ba|da|a|k|z|fi|c|tc|pw)?sh(\s|$)/
/** `-c`, `-lc`, …: the shell of a task. */
const GIVEN_COMMAND = /\s-[a-z]*c(\s|$)/
/** Nothing but options: no script. */
const OPTIONS_ALONE = /^\S+(\s+(--(init-file|rcfile)\s+\S+|-\S+))*$/

/**
 * The commands that run in VS Code's terminals: below its terminal host, in a terminal, whatever is no shell that waits for
 * somebody to type. What the terminal host does for itself (it looks at processes now and then) has no terminal.
 */
export function commandsOf({ Titles, Processes }: Top): string[] {
  const [pid, parent, foreground, args] = ['PID', 'PPID', 'TPGID', 'COMMAND'].map((title) =>
    Titles.indexOf(title),
  )
  const processes = (Processes ?? []).map((row): Process => ({
    pid: row[pid!] ?? '',
    parent: row[parent!] ?? '',
    foreground: row[foreground!] ?? '-1',
    args: row[args!] ?? '',
  }))
  const childrenOf = (of: string): Process[] => processes.filter((process) => process.parent === of)

  const below = (of: string): string[] =>
    childrenOf(of).flatMap((child) => (isIdleShell(child.args) ? below(child.pid) : [child.args]))

  return processes
    .filter(({ args }) => TERMINAL_HOST.test(args))
    .flatMap((host) => childrenOf(host.pid))
    .filter(({ foreground }) => foreground !== '-1')
    .flatMap((child) => (isShell(child.args) ? below(child.pid) : [child.args]))
}

/** Whatever arguments VS Code has given it. */
const isShell = (args: string): boolean => SHELL.test(args) && !GIVEN_COMMAND.test(args)
const isIdleShell = (args: string): boolean => isShell(args) && OPTIONS_ALONE.test(args)
