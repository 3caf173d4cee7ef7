import { describe, expect, test } from 'vitest'
import { commandsOf } from './work.ts'

/** As the engine tells it: a workspace with an editor, and terminals below its terminal host (4). */
const top = (...terminals: [pid: number, parent: number, foreground: number, args: string][]) => ({
  Titles: ['PID', 'PPID', 'TPGID', 'COMMAND'],
  Processes: [
    [1, 0, -1, '/sbin/docker-init -- code-server --config /run/berth/config.yaml /home/coder'],
    [2, 1, -1, 'node /usr/local/bin/code-server --config /run/berth/config.yaml /home/coder'],
    [3, 2, -1, '/usr/bin/node /opt/lib/vscode/out/bootstrap-fork --type=extensionHost --transformURIs'],
    [4, 2, -1, '/usr/bin/node /opt/lib/vscode/out/bootstrap-fork --type=ptyHost --logsPath /home/coder/logs'],
    [5, 3, -1, '/usr/bin/node /opt/lib/vscode/extensions/json/server --node-ipc'],
    ...terminals,
  ].map((row) => row.map(String)),
})
const BASH = '/usr/bin/bash --init-file /opt/lib/vscode/out/vs/scripts/shellIntegration-bash.sh'
const ZSH = '/usr/bin/zsh -il'
const FISH = '/usr/bin/fish --init-command source "/opt/lib/vscode/out/vs/scripts/shellIntegration.fish"'

const IDLE: Record<string, ReturnType<typeof top>> = {
  'no terminal at all': top(),
  'a shell that waits': top([10, 4, 10, BASH]),
  'shells of all kinds that wait': top(
    [10, 4, 10, ZSH],
    [11, 4, 11, FISH],
    [12, 4, 12, '/bin/bash -l'],
    [13, 4, 13, '-zsh'],
  ),
  'a shell in a shell in a shell': top([10, 4, 12, BASH], [11, 10, 12, 'bash -l'], [12, 11, 12, '-bash']),
  'a look of the terminal host at its processes': top(
    [10, 4, 10, BASH],
    [11, 4, -1, '/bin/sh -c /usr/bin/ps -ax -o pid=,ppid=,pcpu=,pmem=,command='],
    [12, 11, -1, '/usr/bin/ps -ax -o pid=,ppid=,pcpu=,pmem=,command='],
    [13, 4, -1, '/bin/sh -c "/opt/lib/vscode/out/vs/base/node/cpuUsage.sh" 100 148'],
    [14, 13, -1, '/bin/bash /opt/lib/vscode/out/vs/base/node/cpuUsage.sh 100 148'],
    [15, 14, -1, 'sleep 1'],
  ),
  'a language server': top([10, 3, -1, 'rust-analyzer']),
  'what runs in no terminal of the editor': top(
    [10, 1, -1, 'sleep 1000'],
    [11, 1, 11, 'bash'],
    [12, 11, 11, 'sleep 9'],
  ),
}
test.each(Object.entries(IDLE))('%s is no work', (_, processes) => {
  expect(commandsOf(processes)).toEqual([])
})

const BUSY: Record<string, [ReturnType<typeof top>, string[]]> = {
  'a command': [top([10, 4, 11, BASH], [11, 10, 11, 'npm run build']), ['npm run build']],
  'the top of what a command has started': [
    top(
      [10, 4, 11, BASH],
      [11, 10, 11, 'npm run build'],
      [12, 11, 11, 'sh -c tsc'],
      [13, 12, 11, 'node tsc'],
    ),
    ['npm run build'],
  ],
  'all of a pipe, in each terminal': [
    top(
      [10, 4, 11, BASH],
      [11, 10, 11, 'tail -f log'],
      [12, 10, 11, 'grep x'],
      [13, 4, 14, ZSH],
      [14, 13, 14, 'vi'],
    ),
    ['tail -f log', 'grep x', 'vi'],
  ],
  'a command in a nested shell': [
    top([10, 4, 12, BASH], [11, 10, 12, 'bash -l'], [12, 11, 12, 'make -j4']),
    ['make -j4'],
  ],
  'a job in the background': [top([10, 4, 10, BASH], [11, 10, 10, './serve']), ['./serve']],
  'a script': [top([10, 4, 11, BASH], [11, 10, 11, 'bash ./deploy.sh --all']), ['bash ./deploy.sh --all']],
  'a line given to a shell': [
    top([10, 4, 11, BASH], [11, 10, 11, 'sh -c sleep 500; true'], [12, 11, 11, 'sleep 500']),
    ['sh -c sleep 500; true'],
  ],
  'a task, which has no shell of its own': [top([10, 4, 10, 'npm run watch']), ['npm run watch']],
  'a task of many steps': [
    top([10, 4, 10, '/usr/bin/bash -lc make && make test'], [11, 10, 10, 'make']),
    ['/usr/bin/bash -lc make && make test'],
  ],
  'what is only called like a shell': [
    top([10, 4, 11, BASH], [11, 10, 11, 'ssh host'], [12, 10, 11, 'shfmt x']),
    ['ssh host', 'shfmt x'],
  ],
}
test.each(Object.entries(BUSY))('%s is work', (_, [processes, commands]) => {
  expect(commandsOf(processes)).toEqual(commands)
})

describe('an engine', () => {
  test('may tell columns in another order', () => {
    const { Titles, Processes } = top([10, 4, 11, BASH], [11, 10, 11, 'make'])
    const turned = { Titles: Titles.toReversed(), Processes: Processes.map((row) => row.toReversed()) }
    expect(commandsOf(turned)).toEqual(['make'])
  })

  test.each([null, []])('may tell no process (%j)', (Processes) => {
    expect(commandsOf({ Titles: ['PID', 'PPID', 'TPGID', 'COMMAND'], Processes })).toEqual([])
  })
})
