import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type Docker from 'dockerode'
import type { Archive, HistoryEntry, Trashed, Workspace } from '../../core/api.ts'
import type { Failpoint } from '../../core/failpoint.ts'
import { manifest } from '../../core/manifest.ts'
import { LABEL_PURPOSE, LABEL_WORKSPACE } from '../../runner/container-spec.ts'
import { Refused, createClient, type Client } from '../client.ts'
import type { Bench } from '../harness.ts'
import type { Headless } from '../headless.ts'
import { until } from '../until.ts'
import type { Journey, State } from './journeys.ts'
import type { Random } from './random.ts'
import { newTally } from './tally.ts'
import { copyTree, differences, lookAt, makeTree, type Look } from './tree.ts'

/** It must come to rest within this time. */
export const LIMIT_MS = 60_000

export interface RigOptions {
  bench: Bench
  seed: number
  /** How many workspaces. */
  size: number
  image: string
  docker: Docker
  env?: Record<string, string>
  say?: (line: string) => void
}

/** A workspace, as the test believes it to be. */
export interface Subject {
  name: string
  id: string | undefined
  state: State
  /** Where it may come to rest: one state, but for requests that were not answered. */
  wished: Set<State>
  /** What may be in its home: one look, but for requests that were not answered; none before it was filled. */
  contents: Look[]
  /** By key, what may be in each. */
  archives: Map<string, Look[]>
  /** The archive that stands for its home. */
  current: string | null
  /** What an archive that is made now may hold. */
  archivable: Look[]
  /** Its operations that have failed. */
  failed: Set<string>
}

interface World {
  living: Map<string, Workspace>
  trash: Map<string, Trashed>
  containers: Docker.ContainerInfo[]
}

export type Rig = ReturnType<typeof createRig>

/**
 * A headless control plane with a data directory of its own, and a model of what was asked of it: after whatever has
 * happened it must come to rest, by itself, where it was last wished, with all that was there before.
 */
export function createRig(dir: string, options: RigOptions) {
  const { bench, seed, size, image, docker, env = {}, say = () => undefined } = options
  const dataDir = join(dir, 'data')
  const template = join(dir, 'template')
  mkdirSync(template)
  makeTree(template, seed)

  const tally = newTally()
  let names = 0
  const subjects = Array.from({ length: size }, newSubject)
  let plane: { client: Client; headless: Headless; failpoints: string; readyAt: number } | undefined
  let hits = 0
  let where = 'at the beginning'
  let lastWords = ''

  function newSubject(): Subject {
    return {
      name: `subject-${names++}`,
      id: undefined,
      state: 'GONE',
      wished: new Set(['GONE']),
      contents: [],
      archives: new Map(),
      current: null,
      archivable: [],
      failed: new Set(),
    }
  }

  /** Whatever is wrong, the message tells how to come here again. */
  function broken(what: string, more = ''): Error {
    const log = plane?.headless.stderr() ?? lastWords
    return new Error(
      `seed ${seed}, step ${tally.steps}, ${where}: ${what}\n${more}\n${log.split('\n').slice(-40).join('\n')}`,
    )
  }

  function lost(what: string, more?: string): Error {
    tally.losses++
    return broken(`LOST: ${what}`, more)
  }

  // The control plane

  async function boot(failpoints = ''): Promise<void> {
    const flags = { 'data-dir': dataDir, image, failpoints, 'log-level': 'info' }
    const headless = await bench.serve(flags, { env })
    if (!headless.ready) throw broken('it did not start', headless.stderr())
    plane = { client: createClient(headless.ready), headless, failpoints, readyAt: Date.now() }
  }

  function running(): NonNullable<typeof plane> {
    if (!plane) throw broken('it does not run')
    return plane
  }

  /** Lets one run that has these failpoints armed. */
  async function ensure(failpoints = ''): Promise<void> {
    if (plane?.failpoints === failpoints) return
    if (plane) await close()
    await boot(failpoints)
  }

  async function close(): Promise<void> {
    const { headless } = running()
    headless.kill('SIGTERM')
    const { code, signal } = await headless.ended
    if (code !== 0) throw broken(`it ended with ${code ?? signal}`)
    plane = undefined
  }

  async function kill({ duringRecovery = false } = {}): Promise<void> {
    running().headless.kill('SIGKILL')
    await died({ duringRecovery })
  }

  /** It was killed, by a failpoint or by us. */
  async function died({ duringRecovery }: { duringRecovery: boolean }): Promise<void> {
    const { headless } = running()
    const { code, signal } = await headless.ended
    if (signal !== 'SIGKILL') throw broken(`it ended by itself (${code ?? signal})`)
    lastWords = headless.stderr()
    plane = undefined
    tally.kills++
    if (duringRecovery) tally.killsDuringRecovery++
  }

  /** The failpoints that were reached since this was last asked. */
  function newHits(): Failpoint[] {
    const path = join(dataDir, 'failpoints.log')
    const all = existsSync(path)
      ? (readFileSync(path, 'utf8').split('\n').filter(Boolean) as Failpoint[])
      : []
    return all.slice(hits, (hits = all.length))
  }

  /** True when a failpoint has killed it, false when all is at rest. */
  async function killedOrSettled(): Promise<boolean> {
    const { headless } = running()
    let killed = false
    const death = headless.ended.then(() => (killed = true))
    const rest = settled(() => killed).catch(async (error: unknown) => {
      if (!(await hasEnded(headless))) throw error
    })
    await Promise.race([death, rest])
    await rest
    return killed
  }

  /** Whether it has ended, or is just about to. */
  const hasEnded = (headless: Headless): Promise<boolean> =>
    Promise.race([headless.ended.then(() => true), sleep(1_000, false)])

  // What is asked for

  /** Archives that it can go back to. Of one of a home that was still empty it is not known what comes of it. */
  const olderThan = ({ archives, current }: Subject): string[] =>
    [...archives].flatMap(([key, looks]) => (key !== current && looks.length > 0 ? [key] : []))

  async function ask(subject: Subject, journey: Journey, random: Random): Promise<void> {
    const { client, headless } = running()
    const { id = '' } = subject
    const older = journey === 'go back' ? random.pick(olderThan(subject)) : ''
    const target = journey === 'go back' ? subject.archives.get(older)! : subject.contents
    const post = (path: string, body?: object): Promise<Workspace> => client.call('POST', path, body)
    const calls: Record<Journey, () => Promise<State[]>> = {
      async create() {
        subject.id = (await client.create({ name: subject.name })).id
        return ['RUNNING']
      },
      start: () => client.start(id).then(() => ['RUNNING']),
      async visit() {
        const { status } = await client.visit(id, '/', { headers: { accept: 'text/html' } })
        if (status !== 200) throw broken(`a visit was answered with ${status}`)
        return ['RUNNING']
      },
      stop: () => client.stop(id).then(() => ['STANDBY']),
      archive: () => post(`/workspaces/${id}:archive`).then(() => ['ARCHIVED']),
      restore: () => post(`/workspaces/${id}:restore`).then(() => ['RUNNING']),
      'go back': () => post(`/workspaces/${id}:restore`, { archive_key: older }).then(() => ['RUNNING']),
      delete: () => client.remove(id).then(() => (target.length === 0 ? ['TRASHED', 'GONE'] : ['TRASHED'])),
      async 'take back'() {
        const { desired_state } = await post(`/trash/${id}:restore`)
        return [desired_state === 'PENDING' ? 'ARCHIVED' : 'STANDBY']
      },
      'delete now': () => client.call('DELETE', `/trash/${id}`).then(() => ['GONE']),
      idle: () =>
        client.patch(id, { standby_ttl_seconds: 1, busy_shield: random.chance(0.5) }).then(() => ['STANDBY']),
      'idle for long': () =>
        client.patch(id, { standby_ttl_seconds: 1, archive_ttl_seconds: 1 }).then(() => ['ARCHIVED']),
    }
    try {
      subject.wished = new Set(await calls[journey]())
      subject.contents = target
    } catch (error) {
      if (error instanceof Refused || !(await hasEnded(headless)))
        throw broken(`${journey} failed`, String(error))
      // Not answered: it may or may not have counted.
      subject.wished = new Set([...subject.wished, ...UNANSWERED[journey]])
      subject.contents = [...new Set([...subject.contents, ...target])]
    }
  }

  // Coming to rest

  async function observe(): Promise<World> {
    const { client } = running()
    const [list, trash, containers] = await Promise.all([
      client.call<{ items: Workspace[] }>('GET', '/workspaces?limit=500'),
      client.call<{ items: Trashed[] }>('GET', '/trash'),
      docker.listContainers({ all: true, filters: { label: [`io.berth.label=${bench.label}`] } }),
    ])
    const owners = containers
      .filter(({ Labels }) => Labels[LABEL_PURPOSE] === 'instance')
      .map(({ Labels }) => Labels[LABEL_WORKSPACE])
    if (new Set(owners).size < owners.length) throw broken('a workspace has two containers')
    return {
      living: new Map(list.items.map((one) => [one.id, one])),
      trash: new Map(trash.items.map((one) => [one.id, one])),
      containers,
    }
  }

  /** Where it is at rest; undefined while it is not. */
  function restOf(subject: Subject, { living, trash }: World): State | undefined {
    // Of a creation that was not answered its name tells.
    subject.id ??= [...living.values()].find(({ name }) => name === subject.name)?.id
    if (subject.id === undefined) return 'GONE'
    const seen = living.get(subject.id)
    if (!seen) return trash.has(subject.id) ? 'TRASHED' : 'GONE'
    if (seen.operation !== 'NONE' || seen.deleted_at !== null || seen.restore_key !== null) return undefined
    if (seen.status !== seen.desired_state) return undefined
    switch (seen.status) {
      case 'RUNNING':
        return seen.standby_ttl_seconds > 0 ? undefined : 'RUNNING'
      case 'STANDBY':
        return seen.archive_ttl_seconds > 0 ? undefined : 'STANDBY'
      case 'PENDING':
        return seen.archive_key === null ? undefined : 'ARCHIVED'
    }
  }

  /** What does not fit where it is at rest. */
  async function faultsOf({ id, name, failed }: Subject, state: State, world: World): Promise<string[]> {
    if (id === undefined) return []
    const { client } = running()
    const faults: string[] = []
    const expect = (what: string, is: unknown, wanted: unknown): void => {
      const [said, meant] = [JSON.stringify(is), JSON.stringify(wanted)]
      if (said !== meant) faults.push(`${name} is ${state}, but ${what}: ${said} instead of ${meant}`)
    }
    const own = world.containers.filter(({ Labels }) => Labels[LABEL_WORKSPACE] === id)
    const states = own.map((container) => container.State)
    expect('its containers', states, state === 'RUNNING' ? ['running'] : [])
    expect('it has a run directory', existsSync(join(dataDir, 'run', id)), state === 'RUNNING')

    const archived = world.trash.get(id)?.archived ?? state === 'ARCHIVED'
    const files = archived ? [] : [state === 'TRASHED' ? 'trash' : 'home']
    expect('in its place', listing(placeOf(id)), state === 'GONE' ? [] : [...files, 'workspace.json'])
    const archives = join(dataDir, 'archives', id)
    for (const attempt of listing(archives))
      expect(`archive ${attempt}`, listing(join(archives, attempt)), ['home.tar.zst', 'home.tar.zst.meta'])
    if (state === 'GONE' || faults.length > 0) return faults

    const said = manifest.parse(JSON.parse(readFileSync(join(placeOf(id), 'workspace.json'), 'utf8')))
    expect('its manifest says deleted', said.deleted_at !== null, state === 'TRASHED')
    const seen = world.living.get(id)
    if (!seen) return faults
    expect('its manifest names the archive', said.archive_key, seen.archive_key)
    const { items } = await client.call<{ items: HistoryEntry[] }>('GET', `/workspaces/${id}/history`)
    const unfinished = items.filter(({ outcome }) => outcome === null)
    expect('its history is open', unfinished, [])
    for (const { op_id, outcome } of items) if (outcome === 'FAILED') failed.add(op_id)
    if (state === 'RUNNING') expect('its editor answers', (await client.visit(id, '/healthz')).status, 200)
    return faults
  }

  const listing = (path: string): string[] => (existsSync(path) ? readdirSync(path).sort() : [])

  function placeOf(id: string): string {
    const users = join(dataDir, 'home-store', 'users')
    const [user = ''] = listing(users)
    return join(users, user, 'workspaces', id)
  }

  /** Resolves when everything is at rest and in order, or when it `isOver`. */
  async function settled(isOver = (): boolean => false): Promise<void> {
    let faults: string[] = []
    async function look(): Promise<World | undefined> {
      const world = await observe()
      const found: string[] = []
      for (const subject of subjects) {
        const state = restOf(subject, world)
        if (state !== undefined) found.push(...(await faultsOf(subject, state, world)))
        else found.push(`${subject.name} is under way: ${JSON.stringify(world.living.get(subject.id ?? ''))}`)
      }
      const passing = world.containers.filter(({ Labels }) => Labels[LABEL_PURPOSE] !== 'instance')
      if (passing.length > 0) found.push(`${passing.length} containers of jobs are there`)
      faults = found
      return found.length === 0 ? world : undefined
    }
    let world: World | true
    try {
      world = await until('everything is at rest', async () => isOver() || look(), { ms: LIMIT_MS })
    } catch (error) {
      throw faults.length > 0 ? broken('it does not come to rest', faults.join('\n')) : error
    }
    if (world === true) return
    for (const subject of subjects) await conclude(subject, restOf(subject, world) ?? 'GONE')
  }

  /** What came of what was asked for. */
  async function conclude(subject: Subject, state: State): Promise<void> {
    const { id, wished, archives, archivable } = subject
    if (!wished.has(state))
      throw lost(`${subject.name} is ${state}, and was wished ${[...wished].join(' or ')}`)
    subject.state = state
    subject.wished = new Set([state])
    // What comes after it is another workspace.
    if (state === 'GONE' && id !== undefined) return void Object.assign(subject, newSubject())
    if (state === 'GONE' || state === 'TRASHED') return
    const { items } = await running().client.call<{ items: Archive[] }>('GET', `/workspaces/${id}/archives`)
    for (const { key } of items) if (!archives.has(key)) archives.set(key, archivable)
    for (const key of archives.keys())
      if (!items.some((one) => one.key === key)) throw lost(`the archive ${key} is gone`)
    subject.current = items.find(({ current }) => current)?.key ?? null
    const [before] = archivable
    const isKept =
      !before || subject.contents.includes(before) || [...archives.values()].flat().includes(before)
    if (!isKept) throw lost(`what ${subject.name} was before it went back is in no archive`)
  }

  /** Looks into a home that lies there. A new one is given its first content. */
  function compare(subject: Subject): void {
    if (subject.id === undefined) return
    const path = join(placeOf(subject.id), subject.state === 'TRASHED' ? 'trash' : 'home')
    if (!existsSync(path)) return
    if (subject.contents.length === 0) {
      if (subject.state !== 'RUNNING') return
      if (readFileSync(join(path, '.bashrc'), 'utf8') === '') throw lost(`${subject.name} was not seeded`)
      mkdirSync(join(path, 'tree'))
      copyTree(template, join(path, 'tree'))
      writeFileSync(join(path, 'name'), subject.name)
      subject.contents = [lookAt(path)]
      return
    }
    const look = lookAt(path)
    const same = subject.contents.find(({ digest }) => digest === look.digest)
    if (!same)
      throw lost(
        `the home of ${subject.name} is not what it was`,
        differences(subject.contents[0]!, look).join('\n'),
      )
    subject.contents = [same]
  }

  /** Something new in its home, so that its archives differ. */
  function change(subject: Subject, random: Random): void {
    const isThere = subject.state === 'STANDBY' || subject.state === 'RUNNING'
    if (!isThere || subject.contents.length !== 1) return
    const home = join(placeOf(subject.id!), 'home')
    writeFileSync(join(home, `news-${random.below(5)}`), random.bytes(random.below(10_000)))
    rmSync(join(home, 'tree', `pipe-${random.below(20)}`), { force: true })
    subject.contents = [lookAt(home)]
  }

  return {
    seed,
    tally,
    subjects,
    docker,
    say,
    broken,
    boot,
    running,
    ensure,
    close,
    kill,
    died,
    newHits,
    killedOrSettled,
    olderThan,
    ask,
    settled,
    compare,
    change,
    isRunning: (): boolean => plane !== undefined,
    /** Tells what is done now. */
    at: (what: string): void => void (where = what),
    also: (what: string): void => void (where += `, ${what}`),
    where: (): string => where,
    /** From now on it is expected to come to rest. */
    restart: (): void => void (running().readyAt = Date.now()),

    /** What is left where homes and sockets are. */
    leftovers: (): string[] => [...listing(join(dataDir, 'run')), ...listing(dirname(placeOf('any')))],
  }
}

/** Where a request leads that may have counted. */
const UNANSWERED: Record<Journey, State[]> = {
  create: ['RUNNING'],
  start: ['RUNNING'],
  visit: ['RUNNING'],
  stop: ['STANDBY'],
  archive: ['ARCHIVED'],
  restore: ['RUNNING'],
  'go back': ['RUNNING'],
  delete: ['TRASHED', 'GONE'],
  'take back': ['STANDBY', 'ARCHIVED'],
  'delete now': ['GONE'],
  idle: ['STANDBY'],
  'idle for long': ['ARCHIVED'],
}
