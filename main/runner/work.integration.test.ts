import type Docker from 'dockerode'
import { expect, test } from 'vitest'
import { IMAGE, useBench } from '../testing/harness.ts'
import { until } from '../testing/until.ts'
import { readWork } from './work.ts'

const bench = useBench()
const { docker, labels } = bench

/** A container that has a terminal, in which bash runs `script`. */
async function run(script: string, ...args: string[]): Promise<Docker.Container> {
  const container = await docker.createContainer({
    Image: IMAGE,
    Labels: labels,
    Entrypoint: ['bash', '-c', script, ...args],
    Cmd: [],
    Tty: true,
    HostConfig: { Init: true },
  })
  await container.start()
  return container
}

/** One with a process that is called like VS Code's terminal host, and has started `children`. */
const terminalHost = (...children: string[]): Promise<Docker.Container> =>
  run(
    `mkfifo /tmp/nobody-types; exec -a 'node /vscode/out/bootstrap-fork --type=ptyHost' bash -c "$0"`,
    [...children.map((child) => `${child} &`), 'wait'].join('\n'),
  )

/** Sees what is run there, without anything of ours: to know that it has begun. */
async function untilRuns(container: Docker.Container, ...lines: string[]): Promise<void> {
  const running = async (): Promise<string[]> =>
    ((await container.top({ ps_args: '-eo pid,args' })) as { Processes: string[][] }).Processes.map(
      ([, args]) => args!,
    )
  await until(`${lines.join(', ')} run`, async () => {
    const all = await running()
    return lines.every((line) => all.includes(line))
  })
}

const WAITING = 'bash --login --norc <> /tmp/nobody-types'

test('what runs in a terminal of the editor is seen, and nothing else', async () => {
  const container = await terminalHost(
    WAITING,
    'bash --norc <<< "sleep 1001; true"',
    'bash --norc <<< "bash --login <<< \'sleep 1002; true\'; true"',
    '(exec -a "npm run watch" sleep 1003)',
    'setsid sh -c "sleep 1004; true"', // as the host looks at its processes: in no terminal
  )
  await untilRuns(container, 'sleep 1001', 'sleep 1002', 'npm run watch 1003', 'sleep 1004')
  const { commands } = await readWork(docker, container.id)
  expect(commands.toSorted()).toEqual(['npm run watch 1003', 'sleep 1001', 'sleep 1002'])
})

test('terminals in which nobody has started anything are no work', async () => {
  const container = await terminalHost(WAITING)
  await untilRuns(container, 'bash --login --norc')
  expect((await readWork(docker, container.id)).commands).toEqual([])
})

test('CPU time is told in seconds: of what computes, and of what waits', async () => {
  const [burner, waiter] = [await run('while :; do :; done'), await run('sleep 1000')]
  const times = async (): Promise<number[]> =>
    Promise.all([burner, waiter].map(async ({ id }) => (await readWork(docker, id)).cpuSeconds))
  const [burnt, waited] = await times()
  const since = Date.now()
  await until('a second of CPU time is burnt', async () => (await times())[0]! - burnt! > 1)
  const [burntNow, waitedNow] = await times()
  expect(burntNow! - burnt!).toBeLessThan((Date.now() - since) / 1_000 + 0.5)
  expect(waitedNow! - waited!).toBeLessThan(0.1)
})

test('a container that has gone is an error, not idleness', async () => {
  const container = await run('true')
  await container.remove({ force: true })
  await expect(readWork(docker, container.id)).rejects.toMatchObject({
    name: 'AppError',
    code: 'DOCKER_FAILED',
  })
})
