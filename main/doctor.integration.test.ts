import { existsSync, readdirSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import { CHECKS, doctor as schema, type Check, type Doctor } from './core/api.ts'
import { createClient, type Client } from './testing/client.ts'
import { useBench } from './testing/harness.ts'
import { until } from './testing/until.ts'

const bench = useBench()
let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
})

async function look(plane: Client): Promise<{ found: Doctor; of: (id: Check['id']) => Check }> {
  const found = schema.parse(await plane.call('GET', '/doctor'))
  expect(found.checks.map(({ id }) => id)).toEqual(CHECKS)
  return { found, of: (id) => found.checks.find((check) => check.id === id)! }
}

test('on a real engine everything is looked at, and the report tells nothing that is private', async () => {
  const home = join(await bench.dir(), 'canary-person')
  const dataDir = join(home, 'canary-client/berth')
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const { ready } = await bench.serve({ 'data-dir': dataDir, image: tiny }, { env: { HOME: home } })
  const plane = createClient(ready!)
  await plane.call('POST', '/accounts', { name: 'canary-account', password: 'canary-password' })
  const { id } = await plane.running({ name: 'canary-name', description: 'canary-text', memo: 'canary-memo' })
  await until('there is a backup', async () => (await look(plane)).of('DATABASE').level === 'OK')

  const { found, of } = await look(plane)
  for (const one of [
    'ENGINE',
    'IMAGE',
    'HOME_STORE',
    'ARCHIVE_STORE',
    'DATABASE',
    'NETWORK',
    'CLOCK',
  ] as const)
    expect(of(one)).toMatchObject({ level: 'OK', fix: null })
  expect(of('NETWORK').message).toContain(new URL(ready!.url).host)
  expect(of('IMAGE').message).toContain(tiny)

  const { report } = found
  expect(report).toMatch(/^Berth: \d/m)
  expect(report).toMatch(/^Docker: \d/m)
  expect(report).toMatch(/^Workspaces: 1 RUNNING$/m)
  for (const check of found.checks) expect(report).toContain(`[${check.level}] ${check.id}: `)
  for (const secret of ['canary', ready!.token, id, home]) expect(report).not.toContain(secret)
  // It has tried to write there.
  for (const dir of ['home-store', 'archives'])
    expect(readdirSync(join(dataDir, dir)).filter((name) => name.includes('doctor'))).toEqual([])
  expect(existsSync(join(dataDir, 'home-store/users/none'))).toBe(false)
})

test('an image that the engine has not is fetched later', async () => {
  const plane = await bench.plane({ image: 'berth-test.invalid/none:1' })
  await until('Docker is found', async () => (await plane.system()).engine.reachable)
  const { of } = await look(plane)
  expect(of('IMAGE')).toMatchObject({ level: 'WARNING', message: expect.stringContaining('first start') })
})

test('with the engine away that is said, and the rest is looked at all the same', async () => {
  const dir = await bench.dir()
  const env = { DOCKER_HOST: `unix://${dir}/canary.sock`, HOME: dir }
  const { ready } = await bench.serve({ 'data-dir': join(dir, 'data'), image: tiny }, { env })
  const plane = createClient(ready!)
  const isTold = async () => (await look(plane)).of('ENGINE').message.includes('canary.sock')
  await until('it is known to be away', isTold)
  await until('there is a backup', async () => (await look(plane)).of('DATABASE').level === 'OK')
  const { found, of } = await look(plane)
  expect(of('ENGINE')).toMatchObject({ level: 'PROBLEM', fix: expect.stringContaining('Start Docker') })
  for (const id of ['ISOLATION', 'IMAGE'] as const) expect(of(id).level).toBe('WARNING')
  for (const id of ['HOME_STORE', 'ARCHIVE_STORE', 'DATABASE', 'NETWORK', 'CLOCK'] as const)
    expect(of(id).level).toBe('OK')
  expect(found.report).toContain('~/canary.sock')
  expect(found.report).not.toContain(dir)
})
