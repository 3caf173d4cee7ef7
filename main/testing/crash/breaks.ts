import { setTimeout as sleep } from 'node:timers/promises'
import { FAILPOINTS, type Failpoint } from '../../core/failpoint.ts'
import { LABEL_PURPOSE, LABEL_WORKSPACE } from '../../runner/container-spec.ts'
import type { OwnEngine } from '../engine.ts'
import { until } from '../until.ts'
import { JOURNEYS, SECOND_THOUGHTS, canBegin, pathOf, type Journey, type State } from './journeys.ts'
import { createRandom, type Random } from './random.ts'
import { LIMIT_MS, type Rig, type Subject } from './rig.ts'

interface Move {
  subject: Subject
  journey: Journey
}

/** How long a journey takes of which nothing is known yet, in milliseconds. */
const USUAL_MS = 2_000
/** Only a home that is still empty is seeded. */
const SEEDING = new Set<Failpoint>(['starting.seed-created', 'starting.seed-staged', 'starting.seeded'])
/** These take their time before anything happens, and lead where others lead. */
const SLOW: readonly Journey[] = ['idle', 'idle for long', 'visit']
/** From where each state is reached, the quickest way first. */
const WAYS: Record<State, Journey[]> = {
  GONE: ['delete now', 'delete'],
  RUNNING: ['start', 'create', 'take back'],
  STANDBY: ['stop', 'take back', 'create'],
  ARCHIVED: ['archive', 'create', 'take back'],
  TRASHED: ['delete', 'create'],
}

const label = ({ subject, journey }: Move): string => `${journey} of ${subject.name} (${subject.state})`

/** Every way to break a control plane, in steps that follow from the rig's seed. */
export function createBreaks(rig: Rig) {
  const { seed, tally, subjects } = rig
  /** How long each journey took when it was not broken, in milliseconds. */
  const durations = new Map<Journey, number>()
  const usual = (moves: readonly Move[]): number =>
    Math.max(0, ...moves.map(({ journey }) => durations.get(journey) ?? USUAL_MS))

  const movesOf = (journeys: readonly Journey[], among: readonly Subject[] = subjects): Move[] =>
    among.flatMap((subject) =>
      journeys
        .filter(
          (journey) =>
            canBegin(journey, subject.state) &&
            (journey !== 'go back' || (subject.contents.length > 0 && rig.olderThan(subject).length > 0)),
        )
        .map((journey) => ({ subject, journey })),
    )

  /** One move for each. */
  const anyMoves = (among: readonly Subject[], random: Random): Move[] =>
    among.flatMap((subject) => {
      const able = movesOf(JOURNEYS, [subject])
      return able.length > 0 ? [random.pick(able)] : []
    })

  const failures = (): number => subjects.reduce((sum, { failed }) => sum + failed.size, 0)

  /** A step: the moves begin together, `work` breaks them, and all comes to rest. Nothing may fail after a mere kill. */
  async function step(
    what: string,
    moves: Move[],
    random: Random,
    work: () => Promise<void>,
    { failpoints = '', mayFail = false } = {},
  ): Promise<void> {
    const from = Date.now()
    tally.steps++
    rig.at(`${moves.map(label).join(' and ')}, ${what}`)
    for (const { subject } of moves) {
      rig.change(subject, random)
      subject.archivable = subject.contents
    }
    await rig.ensure(failpoints)
    const before = failures()
    await Promise.all(moves.map(({ subject, journey }) => rig.ask(subject, journey, random)))
    await work()
    if (!rig.isRunning()) await rig.boot()
    await rig.settled()
    const ms = Date.now() - rig.running().readyAt
    tally.convergences.push(ms)
    if (!mayFail && failures() > before) throw rig.broken('a kill has made an operation fail')
    await endTtls(moves)
    for (const { subject } of moves) rig.compare(subject)
    rig.say(`${tally.steps}: ${rig.where()}: at rest after ${ms} ms, ${Date.now() - from} ms in all`)
  }

  /** Nobody's time to live runs out in a step that is not about that. */
  async function endTtls(moves: readonly Move[]): Promise<void> {
    for (const { subject, journey } of moves)
      if (journey.startsWith('idle') && subject.id !== undefined && subject.state !== 'TRASHED')
        await rig.running().client.patch(subject.id, { standby_ttl_seconds: 0, archive_ttl_seconds: 0 })
  }

  async function unbroken(move: Move, random: Random): Promise<void> {
    const from = Date.now()
    rig.at(`${label(move)}, unbroken`)
    move.subject.archivable = move.subject.contents
    await rig.ensure()
    await rig.ask(move.subject, move.journey, random)
    await rig.settled()
    durations.set(move.journey, Date.now() - from)
    rig.say(`${rig.where()}: ${Date.now() - from} ms`)
    rig.compare(move.subject)
  }

  // At failpoints

  /** `reconciler.failed` is reached when something else fails. */
  const armed = (name: Failpoint, action: 'kill' | 'throw'): string =>
    `${name === 'reconciler.failed' ? 'starting.image-ready=throw,' : ''}${name}=${action}`

  const leadsTo = (name: Failpoint, { subject, journey }: Move): boolean =>
    name === 'reconciler.failed'
      ? journey === 'start' || journey === 'create'
      : pathOf(journey, subject.state).includes(name) && (!SEEDING.has(name) || journey === 'create')

  /** The next failpoint and what leads to it: of up to `many` at once, on the shortest way. */
  async function nextOf(
    pending: ReadonlySet<Failpoint>,
    many: number,
    random: Random,
  ): Promise<Move & { name: Failpoint }> {
    const journeys = JOURNEYS.filter((journey) => !SLOW.includes(journey))
    for (;;) {
      const ways = random.shuffled(movesOf(journeys)).map((move) => {
        const path = [...pathOf(move.journey, move.subject.state), 'reconciler.failed' as const]
        const names = path.filter((name) => pending.has(name) && leadsTo(name, move))
        return { ...move, names, worth: Math.min(names.length, many) / path.length }
      })
      const [best] = ways.sort((a, b) => b.worth - a.worth)
      if (best?.names[0]) return { ...best, name: best.names[0] }
      await approach([...pending][0]!, random)
    }
  }

  /** Goes to where something can begin that leads to the failpoint. */
  async function approach(name: Failpoint, random: Random): Promise<void> {
    const states = (Object.keys(WAYS) as State[]).filter((state) =>
      JOURNEYS.some(
        (journey) =>
          canBegin(journey, state) && leadsTo(name, { journey, subject: { ...subjects[0]!, state } }),
      ),
    )
    const [move] = states.flatMap((state) => WAYS[state].flatMap((journey) => movesOf([journey])))
    if (!move) throw rig.broken(`no way leads to ${name}`)
    await unbroken(move, random)
  }

  /** Killed at the failpoint; then, in the recoveries from it, at each of `more` for as long as they are reached. */
  async function killAt(
    move: Move,
    first: Failpoint,
    more: Failpoint[],
    random: Random,
  ): Promise<Failpoint[]> {
    const done: Failpoint[] = []
    const note = async (name: Failpoint): Promise<void> => {
      if (!rig.newHits().includes(name)) throw rig.broken(`it was not ${name} that killed it`)
      await rig.died({ duringRecovery: done.length > 0 })
      tally.killedAt.add(name)
      done.push(name)
    }
    const work = async (): Promise<void> => {
      if (!(await rig.killedOrSettled())) throw rig.broken(`${first} is not on the way`)
      await note(first)
      for (const name of more) {
        await rig.boot(armed(name, 'kill'))
        if (!(await rig.killedOrSettled())) return
        await note(name)
      }
    }
    await step(`killed at ${[first, ...more].join(', then maybe at ')}`, [move], random, work, {
      failpoints: armed(first, 'kill'),
      mayFail: first === 'reconciler.failed',
    })
    return done
  }

  /** Each failpoint is killed at; `chain`: at up to so many more in the recoveries from it. */
  async function sweepKills(chain: number): Promise<void> {
    const random = createRandom(seed * 31 + 1)
    const pending = new Set(FAILPOINTS)
    while (pending.size > 0) {
      const { name, ...move } = await nextOf(pending, 1 + chain, random)
      const path = pathOf(move.journey, move.subject.state)
      // What has been started answers by itself, and is not waited for.
      const later = path
        .slice(path.indexOf(name) + 1)
        .filter((one) => pending.has(one) && one !== 'starting.answered')
      for (const one of await killAt(move, name, later.slice(0, chain), random)) pending.delete(one)
    }
  }

  /** At each failpoint something is thrown, until the process ends. */
  async function sweepThrows(): Promise<void> {
    const random = createRandom(seed * 31 + 2)
    const pending = new Set(FAILPOINTS)
    while (pending.size > 0) {
      const { name, ...move } = await nextOf(pending, 1, random)
      const work = async (): Promise<void> => {
        await until(`${name} is reached`, () => rig.newHits().includes(name), { ms: LIMIT_MS })
        tally.thrownAt.add(name)
        await sleep(random.below(400))
        await (random.chance(0.5) ? rig.kill() : rig.close())
      }
      const failpoints = armed(name, 'throw')
      await step(`thrown at ${name}`, [move], random, work, { failpoints, mayFail: true })
      pending.delete(name)
    }
  }

  // At any moment

  async function killAtRandom(moves: Move[], random: Random): Promise<void> {
    const [first] = moves
    const ms = usual(moves)
    const path = first ? pathOf(first.journey, first.subject.state) : []
    await step('killed at random', moves, random, async () => {
      await sleep(random.next() * ms)
      if (first && random.chance(0.25)) await reconsider(first, random)
      await rig.kill()
      if (!random.chance(0.4)) return
      const name = random.chance(0.5) ? random.pick(path) : undefined
      rig.also(name ? `then maybe at ${name}` : 'and again at random')
      await rig.boot(name ? armed(name, 'kill') : '')
      if (!name) {
        await sleep(random.next() * ms)
        await rig.kill({ duringRecovery: true })
      } else if (await rig.killedOrSettled()) {
        for (const hit of rig.newHits()) tally.killedAt.add(hit)
        await rig.died({ duringRecovery: true })
      }
    })
  }

  /** Asks for something else on the way. */
  async function reconsider({ subject, journey }: Move, random: Random): Promise<void> {
    const thoughts = SECOND_THOUGHTS[journey]
    if (thoughts.length === 0 || subject.id === undefined) return
    const thought = random.pick(thoughts)
    rig.also(`${thought} on the way`)
    // On the way back to an archive either may be in the home.
    subject.contents = subject.archivable = [...new Set([...subject.archivable, ...subject.contents])]
    await rig.ask(subject, thought, random)
    await sleep(random.next() * usual([{ subject, journey: thought }]))
  }

  /** The container of its storage job is killed, or removed. */
  async function killJob(move: Move, random: Random): Promise<void> {
    const filters = {
      label: [`${LABEL_WORKSPACE}=${move.subject.id}`, `${LABEL_PURPOSE}=storage`],
    }
    const work = async (): Promise<void> => {
      const job = await until('a storage job is there', async () => {
        const [found] = await rig.docker.listContainers({ filters })
        return found
      })
      await sleep(random.below(400))
      const container = rig.docker.getContainer(job.Id)
      const end = random.chance(0.5) ? container.remove({ force: true }) : container.kill()
      await end.then(
        () => tally.jobKills++,
        () => undefined, // it has ended by itself
      )
      rig.restart()
    }
    await step('its storage job killed', [move], random, work, { mayFail: true })
  }

  /** Steps of all kinds, until `enough`. */
  async function randomly(enough: () => boolean): Promise<void> {
    for (let n = 0; !enough(); n++) {
      const random = createRandom(seed * 1_000_003 + n)
      const some = random.shuffled(subjects).slice(0, 1 + random.below(3))
      const [job] = movesOf(['archive', 'restore', 'go back'], random.shuffled(subjects))
      if (job && random.chance(0.12)) await killJob(job, random)
      else await killAtRandom(anyMoves(some, random), random)
    }
  }

  /** The engine is killed in the middle of things and started again, and Berth sometimes with it. */
  async function withoutEngine(times: number, engine: OwnEngine): Promise<void> {
    for (let n = 0; n < times; n++) {
      const random = createRandom(seed * 7_919 + n)
      const moves = anyMoves(subjects, random)
      const work = async (): Promise<void> => {
        await sleep(random.next() * usual(moves))
        await engine.stop('SIGKILL')
        tally.engineKills++
        if (random.chance(0.4)) {
          rig.also('and Berth with it')
          await sleep(random.below(500))
          await rig.kill()
          await rig.boot()
        }
        await sleep(random.below(2_000))
        await engine.start()
        rig.restart()
      }
      await step('the engine killed', moves, random, work, { mayFail: true })
    }
  }

  return {
    sweepKills,
    sweepThrows,
    randomly,
    withoutEngine,

    /** Looks at the end into every home, every archive that stands for one, and an older one of each. */
    async lookAtAll(): Promise<void> {
      const random = createRandom(seed * 31 + 3)
      for (const journey of ['take back', 'restore', 'go back'] as const)
        for (const move of movesOf([journey])) await unbroken(move, random)
      for (const subject of subjects) rig.compare(subject)
    },

    /** Removes everything for good, and ends: nothing is left. */
    async close(): Promise<void> {
      const random = createRandom(seed * 31 + 4)
      await rig.ensure()
      for (const journey of ['delete', 'delete now'] as const) {
        rig.at(`${journey} of all at the end`)
        await Promise.all(movesOf([journey]).map(({ subject }) => rig.ask(subject, journey, random)))
        await rig.settled()
      }
      const left = rig.leftovers()
      if (left.length > 0) throw rig.broken(`something is left: ${left.join(' ')}`)
      await rig.close()
    },
  }
}
