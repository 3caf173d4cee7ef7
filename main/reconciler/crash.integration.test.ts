import { existsSync } from 'node:fs'
import { readFile, readdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { FAILPOINTS, type Failpoint } from '../core/failpoint.ts'
import { createClient, type Client } from '../testing/client.ts'
import { containersOf, seedsOf } from '../testing/containers.ts'
import { removeAll, useBench, type Flags } from '../testing/harness.ts'
import { until } from '../testing/until.ts'

const bench = useBench()
const { docker } = bench
const NO_IMAGE = '127.0.0.1:1/none:1'

/** What a person is doing when the failpoint is reached. */
const JOURNEYS: Record<Failpoint, 'create' | 'fail' | 'stop' | 'delete'> = {
  'reconciler.claimed': 'create',
  'reconciler.executed': 'create',
  'reconciler.finished': 'create',
  'reconciler.failed': 'fail',
  'provisioning.staged': 'create',
  'provisioning.made': 'create',
  'starting.image-ready': 'create',
  'starting.seed-created': 'create',
  'starting.seed-staged': 'create',
  'starting.seeded': 'create',
  'starting.network-ready': 'create',
  'starting.prepared': 'create',
  'starting.removed-remains': 'create',
  'starting.created': 'create',
  'starting.named-user': 'create',
  'starting.started': 'create',
  'starting.answered': 'create',
  'stopping.stopped': 'stop',
  'stopping.removed': 'stop',
  'deleting.removed-container': 'delete',
  'deleting.renamed-home': 'delete',
  'deleting.removed-home': 'delete',
}

let tiny: string
beforeAll(async () => {
  tiny = await bench.image('tiny')
})

async function serve(
  flags: Flags,
): Promise<{ plane: Client; kill: (signal: NodeJS.Signals) => void; ended: Promise<unknown> }> {
  const { ready, kill, ended, stderr } = await bench.serve({ image: tiny, ...flags })
  if (!ready) throw new Error(stderr())
  return { plane: createClient(ready), kill, ended }
}

describe.concurrent('killed at any step, it goes on at its next start', () => {
  test.each(FAILPOINTS.map((name) => [name, JOURNEYS[name]] as const))(
    '%s (%s)',
    async (failpoint, journey) => {
      const dataDir = join(await bench.dir(), 'data')
      // Each with containers and a network of its own, so that these do not add up.
      const label = `${bench.label}-${FAILPOINTS.indexOf(failpoint)}`
      const flags = { 'data-dir': dataDir, label }
      try {
        const first = await serve({ ...flags, failpoints: `${failpoint}=kill` })
        const { id } = await first.plane.create(journey === 'fail' ? { image_ref: NO_IMAGE } : {})
        let file: string | undefined
        if (journey === 'stop' || journey === 'delete') {
          const { home_path } = await first.plane.untilIn(id, 'RUNNING')
          file = join(home_path!, 'precious.txt')
          await writeFile(file, 'precious')
          await (journey === 'stop' ? first.plane.stop(id) : first.plane.remove(id))
        }
        expect(await first.ended).toEqual({ code: null, signal: 'SIGKILL' })
        expect(await readFile(join(dataDir, 'failpoints.log'), 'utf8')).toBe(`${failpoint}\n`)

        const { plane, kill, ended } = await serve(flags)
        if (journey === 'delete') await plane.untilGone(id)
        else {
          if (journey === 'fail') await plane.patch(id, { image_ref: tiny })
          const level = journey === 'stop' ? 'STANDBY' : 'RUNNING'
          const { home_path, error_count } = await plane.untilIn(id, level)
          expect(error_count).toBe(0)
          if (file) expect(await readFile(file, 'utf8')).toBe('precious')
          expect(await readFile(join(home_path!, '.bashrc'), 'utf8')).not.toBe('')
          expect(await readdir(dirname(home_path!))).toEqual(['home'])
          expect(await containersOf(docker, id)).toHaveLength(level === 'RUNNING' ? 1 : 0)
          await until('no seed container is left', async () => (await seedsOf(docker, label)).length === 0)
          if (level === 'RUNNING') expect((await plane.visit(id, '/healthz')).status).toBe(200)
          await plane.remove(id)
          await plane.untilGone(id)
        }
        expect(await containersOf(docker, id)).toEqual([])
        expect(await readdir(join(dataDir, 'run'))).toEqual([])
        expect(await homesIn(dataDir)).toEqual([])
        kill('SIGTERM')
        expect(await ended).toEqual({ code: 0, signal: null })
      } finally {
        await removeAll(docker, label)
      }
    },
  )
})

/** Everything that lies where homes are. */
async function homesIn(dataDir: string): Promise<string[]> {
  const users = join(dataDir, 'home-store', 'users')
  if (!existsSync(users)) return []
  const [user = ''] = await readdir(users)
  return readdir(join(users, user, 'workspaces'))
}
