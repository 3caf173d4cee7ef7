import { randomBytes } from 'node:crypto'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import Docker from 'dockerode'
import { beforeAll, expect, test } from 'vitest'
import { IMAGE, useBench } from '../testing/harness.ts'
import { idOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { LABEL_INSTALLATION, LABEL_PURPOSE, LABEL_WORKSPACE, containerSpec } from './container-spec.ts'
import { listOrphans } from './orphans.ts'

const bench = useBench()
const { docker, labels } = bench
const installation = randomBytes(4).toString('hex')
const ours = { ...labels, [LABEL_INSTALLATION]: installation }

/** Random, as the engine is shared: a container's name is its workspace's id. */
const [KNOWN, ORPHAN, RENAMED, FOREIGN, OTHERS] = Array.from({ length: 5 }, () =>
  idOf(randomBytes(6).readUIntBE(0, 6)),
) as [string, string, string, string, string]
let dir: string

/** As the runner makes one; it is never started. */
async function make(
  id: string,
  changes: { name?: string; labels?: Record<string, string> } = {},
): Promise<void> {
  await mkdir(join(dir, id), { recursive: true })
  const spec = {
    ...{ id, imageRef: IMAGE, homePath: join(dir, id) },
    ...{ cpus: 0.5, memoryBytes: 2 ** 28, sudo: false, env: {} },
  }
  const made = containerSpec(spec, {
    ...{ labels: ours, network: 'none', configDir: dir, socketDir: dir },
    ...{ identity: undefined, published: false, proxyUri: '' },
  })
  await docker.createContainer({
    ...made,
    name: changes.name ?? `ws-${id}`,
    Labels: changes.labels ?? made.Labels!,
  })
}

beforeAll(async () => {
  dir = await bench.dir()
  await make(KNOWN)
  await make(ORPHAN)
  await make(RENAMED, { name: `renamed-${RENAMED}` })
  await make(FOREIGN, { labels })
  const instance = { [LABEL_PURPOSE]: 'instance', [LABEL_WORKSPACE]: OTHERS }
  await make(OTHERS, { labels: { ...labels, ...instance, [LABEL_INSTALLATION]: 'another' } })
  for (const [name, more] of [
    ['a storage job', { [LABEL_PURPOSE]: 'storage', [LABEL_WORKSPACE]: OTHERS }],
    ['one of no workspace', { [LABEL_PURPOSE]: 'instance' }],
    ['one of a workspace that cannot be', { [LABEL_PURPOSE]: 'instance', [LABEL_WORKSPACE]: '../etc' }],
  ] as const)
    await make(OTHERS, { name: `${name.replaceAll(' ', '-')}-${OTHERS}`, labels: { ...ours, ...more } })
})

const names = async (): Promise<string[]> => {
  const filters = { label: [`io.berth.label=${bench.label}`] }
  return (await docker.listContainers({ all: true, filters })).flatMap(({ Names }) => Names).sort()
}
const byId = <T extends { id: string }>(items: T[]): T[] => items.toSorted((a, b) => (a.id < b.id ? -1 : 1))

test('C7: finds this installation’s instances that nobody knows, under whatever name, and no other container', async () => {
  const told = await listOrphans(docker, installation, (id) => id === KNOWN)
  const orphan = (id: string) => ({
    ...{ id, imageRef: IMAGE, cpus: 0.5, memoryBytes: 2 ** 28 },
    homePath: join(dir, id),
  })
  expect(byId(told)).toEqual(byId([orphan(ORPHAN), orphan(RENAMED)]))
})

test('C7: removing them leaves every other container alone, a foreign one of such a name and a storage job too', async () => {
  const runner = await bench.runner({ installation })
  const before = await names()
  for (const id of [ORPHAN, RENAMED, FOREIGN, OTHERS]) await runner.stop(id, AbortSignal.timeout(60_000))
  const gone = [`/ws-${ORPHAN}`, `/renamed-${RENAMED}`]
  expect(await names()).toEqual(before.filter((name) => !gone.includes(name)))
  expect(await listOrphans(docker, installation, (id) => id === KNOWN)).toEqual([])
})

test('an engine that is away has no orphans that are known, rather than none', async () => {
  const away = new Docker({ socketPath: join(tempDir(), 'nobody.sock') })
  await expect(listOrphans(away, installation, () => false)).rejects.toMatchObject({
    code: 'DOCKER_UNREACHABLE',
  })
})
