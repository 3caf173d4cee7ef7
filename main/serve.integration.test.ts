import { chmod, readFile, stat } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { createClient } from './testing/client.ts'
import { containerOf } from './testing/containers.ts'
import { useBench } from './testing/harness.ts'
import { send } from './testing/send.ts'

const bench = useBench()
let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
})

test('it prints one line when it is ready, and leaves its instances running when it is told to end', async () => {
  const dataDir = join(await bench.dir(), 'data')
  const headless = await bench.serve({ 'data-dir': dataDir, image: tiny })
  const { ready } = headless
  expect(ready).toEqual({
    url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/),
    token: (await readFile(join(dataDir, 'token'), 'utf8')).trim(),
    pid: expect.any(Number),
  })
  expect(() => process.kill(ready!.pid, 0)).not.toThrow()
  expect((await send(`${ready!.url}/api/v1/healthz`)).status).toBe(401)
  for (const [name, mode] of [
    ['', 0o700],
    ['token', 0o600],
    ['berth.db', 0o600],
    ['logs/berth.log', 0o600],
  ] as const)
    expect([name, (await stat(join(dataDir, name))).mode & 0o777]).toEqual([name, mode])

  const plane = createClient(ready!)
  const { id } = await plane.running()
  const before = await containerOf(bench.docker, id)
  headless.kill('SIGTERM')
  expect(await headless.ended).toEqual({ code: 0, signal: null })
  expect(headless.stdout().trimEnd().split('\n')).toHaveLength(1)
  expect((await containerOf(bench.docker, id))!.State).toMatchObject({
    Running: true,
    StartedAt: before!.State.StartedAt,
  })

  const logged = headless.stderr() + (await readFile(join(dataDir, 'logs/berth.log'), 'utf8'))
  expect(logged).toContain('operation ended')
  expect(logged).not.toContain(ready!.token)
})

test('SIGINT ends it as well, in the midst of a start', async () => {
  const headless = await bench.serve({ 'data-dir': join(await bench.dir(), 'data'), image: tiny })
  await createClient(headless.ready!).create()
  headless.kill('SIGINT')
  expect(await headless.ended).toEqual({ code: 0, signal: null })
})

describe('it does not start, and says why', () => {
  test('when another uses the data directory', async () => {
    const dataDir = join(await bench.dir(), 'data')
    const first = await bench.serve({ 'data-dir': dataDir })
    const second = await bench.serve({ 'data-dir': dataDir })
    expect(await second.ended).toMatchObject({ code: 3 })
    expect(second.stdout()).toBe('')
    expect(second.stderr()).toContain('Another Berth is using this data directory')
    expect(await createClient(first.ready!).system()).toMatchObject({ data_dir: dataDir })
    // What holds the directory is the process: a killed one leaves no lock behind.
    first.kill('SIGKILL')
    await first.ended
    expect((await bench.serve({ 'data-dir': dataDir })).ready).toBeDefined()
  })

  test('when the port is taken', async () => {
    const taken = createServer()
    await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
    const { port } = taken.address() as AddressInfo
    const headless = await bench.serve({ 'data-dir': join(await bench.dir(), 'data'), port })
    taken.close()
    expect(await headless.ended).toMatchObject({ code: 4 })
    expect(headless.stderr()).toContain(`Port ${port} cannot be used`)
    expect(headless.stderr()).toContain('--port')
  })

  test.each([
    ['a flag is unknown', { 'no-such-flag': 1 }, '--no-such-flag'],
    ['a value is wrong', { port: 'many' }, 'port'],
    ['the label could be misread', { label: 'No Label' }, 'label'],
  ])('when %s', async (_, flags, named) => {
    const headless = await bench.serve({ 'data-dir': join(await bench.dir(), 'data'), ...flags })
    expect(await headless.ended).toMatchObject({ code: 2 })
    expect(headless.stdout()).toBe('')
    expect(headless.stderr()).toContain(named)
  })

  test('when others could have read its token', async () => {
    const dataDir = join(await bench.dir(), 'data')
    const first = await bench.serve({ 'data-dir': dataDir })
    first.kill('SIGTERM')
    await first.ended
    await chmod(join(dataDir, 'token'), 0o644)
    const second = await bench.serve({ 'data-dir': dataDir })
    expect(await second.ended).toMatchObject({ code: 2 })
    expect(second.stderr()).toContain('may be read by others')
    expect(second.stderr()).toContain(`rm ${join(dataDir, 'token')}`)
  })
})
