import { createReadStream } from 'node:fs'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { FAILPOINTS } from './core/failpoint.ts'
import { createBreaks } from './testing/crash/breaks.ts'
import { createRig, type RigOptions } from './testing/crash/rig.ts'
import { summary, type Tally } from './testing/crash/tally.ts'
import { canRunEngine, createEngine } from './testing/engine.ts'
import { useBench } from './testing/harness.ts'
import { finished, slimFileSystem } from './testing/images.ts'

const bench = useBench()
/** `npm run test:crash` sets these; without them it is a short run. */
const { BERTH_CRASH_SEED, BERTH_CRASH_KILLS, BERTH_CRASH_SAY } = process.env
const seed = Number(BERTH_CRASH_SEED ?? 1)
const kills = Number(BERTH_CRASH_KILLS ?? 0)
const isLong = kills > 0
const say = (line: string): void => {
  if (isLong || BERTH_CRASH_SAY !== undefined) process.stdout.write(`${line}\n`)
}
const tallies: Tally[] = []

let image: string
beforeAll(async () => {
  image = await bench.image('tiny')
})
afterAll(() => say(summary(seed, tallies)))

async function prepare(options: Pick<RigOptions, 'size'> & Partial<RigOptions>) {
  const rig = createRig(await bench.dir(), { bench, seed, image, docker: bench.docker, say, ...options })
  tallies.push(rig.tally)
  return { tally: rig.tally, ...createBreaks(rig) }
}

test(
  'D2 D3: killed at every failpoint and at any moment, it comes to rest as wished and has lost nothing',
  { timeout: isLong ? 3_600_000 : 600_000 },
  async () => {
    const { tally, sweepKills, sweepThrows, randomly, lookAtAll, close } = await prepare({
      size: isLong ? 4 : 3,
    })
    // In a short run most failpoints are reached in the recovery from another one.
    await sweepKills(isLong ? 0 : 3)
    if (isLong) await sweepThrows()
    const enough = isLong ? kills : tally.kills + 6
    await randomly(() => tally.kills >= enough)
    await lookAtAll()
    await close()
    expect(tally.killedAt).toEqual(new Set(FAILPOINTS))
    if (isLong) expect(tally.thrownAt).toEqual(new Set(FAILPOINTS))
  },
)

test.skipIf(!canRunEngine)(
  'D11: with the engine killed in the middle of things, too',
  { timeout: isLong ? 1_800_000 : 300_000 },
  async () => {
    const ref = 'berth-slim:1'
    const files = slimFileSystem(bench.docker, { ref: image, dir: await bench.dir(), labels: bench.labels })
    const engine = await createEngine(await bench.dir())
    bench.atEnd(engine.close)
    const [repo, tag] = ref.split(':')
    await finished(
      engine.docker,
      await engine.docker.importImage(createReadStream(await files), { repo, tag }),
    )
    const { tally, withoutEngine, lookAtAll, close } = await prepare({
      size: isLong ? 3 : 2,
      docker: engine.docker,
      image: ref,
      env: { DOCKER_HOST: engine.host },
    })
    await withoutEngine(isLong ? 12 : 3, engine)
    await lookAtAll()
    await close()
    expect(tally.engineKills).toBe(isLong ? 12 : 3)
  },
)
