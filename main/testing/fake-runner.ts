import { createHash } from 'node:crypto'
import { lstat, readFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import tar from 'tar-stream'
import type { Engine } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import type { Bytes, Instance, InstanceSpec, Listener, Runner } from '../runner/runner.ts'

/** How a method can go wrong. */
export type Failure =
  /** It is refused. */
  | 'fails'
  /** A part of it is done. */
  | 'fails half way'
  /** There is no room for it. */
  | 'disk full'
  /** It is done, and yet an error comes back. */
  | 'fails late'
  /** It says that it is done, and nothing was done. */
  | 'lies'
  /** It never ends by itself, only by its signal. */
  | 'hangs'
  /** It never ends, whatever it is told. */
  | 'is deaf'
  /** A start whose container runs, and whose code-server never answers. */
  | 'never answers'
  /** The engine cannot be reached for it. */
  | 'unreachable'

type Method =
  'observe' | 'ensureImage' | 'readImageHome' | 'start' | 'stop' | 'endStorage' | 'pack' | 'unpack'
type State = Exclude<Instance['state'], 'absent'>

/** The methods that change the engine's world. */
const MUTATING = new Set<Method>(['start', 'stop', 'readImageHome', 'pack', 'unpack'])

export type FakeEngine = ReturnType<typeof createFakeEngine>

/** An engine in memory, with the runner that works it. It outlives the processes that a test starts and ends on it. */
export function createFakeEngine() {
  const instances = new Map<string, State>()
  const commands = new Map<string, string[]>()
  const listeners = new Map<string, Listener[]>()
  const starts: InstanceSpec[] = []
  const images = new Set(['image:1'])
  const failures: Partial<Record<Method, Failure>> = {}
  const calls: { method: Method; id: string }[] = []
  const holds = new Map<Method, { reached: () => unknown; open: Promise<unknown> }>()
  const atWork = new Map<string, number>()
  /** The storage jobs that run, and how each is ended. */
  const jobs = new Map<string, (why: Error) => void>()
  const violations: string[] = []
  let up = true
  let most = 0
  let latency = (): number => 0
  let onDisk = async <T>(effect: () => T | Promise<T>): Promise<T> => effect()
  let cut = 0

  /** One call: what it does is `effect`; how it goes wrong is in `failures`. */
  async function act<T>(
    method: Method,
    id: string,
    effect: () => T | Promise<T>,
    signal?: AbortSignal,
    ended: Promise<never> = new Promise(() => undefined),
  ): Promise<T> {
    calls.push({ method, id })
    const begun = cut
    const changes = method !== 'observe' && MUTATING.has(method) && method !== 'readImageHome'
    if (changes) {
      atWork.set(id, (atWork.get(id) ?? 0) + 1)
      most = Math.max(most, atWork.get(id)!)
    }
    try {
      const hold = holds.get(method)
      hold?.reached()
      await hold?.open
      await takes(latency())
      if (begun !== cut) return await never(undefined)
      const failure = up ? failures[method] : 'unreachable'
      if (failure === 'hangs' || failure === 'never answers') await never(signal, () => begun === cut)
      if (failure === 'is deaf') await ended
      if (failure === 'unreachable') throw new AppError('DOCKER_UNREACHABLE', 'Docker is not running')
      if (failure === 'fails') throw new AppError('DOCKER_FAILED', `${method} was refused`)
      if (failure === 'disk full') throw new AppError('DISK_FULL', `${method} found no room`)
      if (failure === 'lies') return undefined as T
      const result = await onDisk(effect)
      if (failure === 'fails late') throw new AppError('DOCKER_FAILED', `${method} was done and refused`)
      return result
    } finally {
      if (changes && begun === cut) atWork.set(id, atWork.get(id)! - 1)
    }
  }

  /** A storage job: the only one of its workspace, beside no instance, and ended by `endStorage` and the next one. */
  async function job<T>(
    method: 'pack' | 'unpack',
    id: string,
    effect: () => Promise<T>,
    signal: AbortSignal,
  ): Promise<T> {
    if (isInUse(id)) violations.push(`${method} of ${id} beside its instance`)
    endJob(id)
    const ended = new Promise<never>((_, reject) => jobs.set(id, reject))
    const end = jobs.get(id)
    ended.catch(() => undefined) // most are not ended
    try {
      return await act(method, id, effect, signal, ended)
    } finally {
      if (jobs.get(id) === end) jobs.delete(id)
    }
  }
  function endJob(id: string): void {
    jobs.get(id)?.(new AppError('DOCKER_FAILED', 'the job was ended'))
    jobs.delete(id)
  }
  const isInUse = (id: string): boolean => ['answering', 'unready'].includes(instances.get(id) ?? '')

  const runner: Runner = {
    observe: (id) => act('observe', id, () => ({ state: instances.get(id) ?? 'absent' })),

    ensureImage(ref, onProgress, signal) {
      const bytes: Bytes = { done: 1, total: 2 }
      if (!images.has(ref)) onProgress(bytes)
      return act('ensureImage', ref, () => void images.add(ref), signal)
    },

    hasImage: (ref) => Promise.resolve(images.has(ref)),
    clockOffset: () => Promise.resolve(0),

    async readImageHome(ref, use) {
      await act('readImageHome', ref, () => undefined)
      const pack = tar.pack()
      pack.entry({ name: 'coder/', type: 'directory' })
      pack.entry({ name: 'coder/.profile' }, 'from the image\n')
      pack.finalize()
      await use(pack as unknown as Parameters<typeof use>[0])
    },

    start(spec, onStep, signal) {
      starts.push(spec)
      if (failures.start === 'never answers') {
        onStep('WAITING_FOR_EDITOR')
        instances.set(spec.id, 'unready')
      }
      return act(
        'start',
        spec.id,
        () => {
          if (jobs.has(spec.id)) violations.push(`start of ${spec.id} beside its storage job`)
          if (instances.get(spec.id) === 'foreign') throw new AppError('CONTAINER_NAME_TAKEN')
          onStep('CREATING_CONTAINER')
          onStep('WAITING_FOR_EDITOR')
          instances.set(spec.id, 'answering')
        },
        signal,
      )
    },

    stop: (id, signal) =>
      act(
        'stop',
        id,
        () => {
          if (instances.get(id) !== 'foreign') instances.delete(id)
        },
        signal,
      ),

    // What tar and zstd do is done by the real job's own tests: here an archive is a copy.
    pack: ({ id, archiveDir, homeDir }, onProgress, signal) =>
      job(
        'pack',
        id,
        async () => {
          onProgress('PACKING', { done: 1, total: 2 })
          const names = await copyOf(homeDir)
          const text = JSON.stringify(names)
          await writeFile(
            join(archiveDir, 'home.tar.zst'),
            failures.pack === 'fails half way' ? text.slice(1) : text,
          )
          if (failures.pack === 'fails half way') throw new AppError('ARCHIVE_FAILED', 'pack was cut off')
          return {
            sha256: createHash('sha256').update(text).digest('hex'),
            bytes: text.length,
            content_bytes: text.length,
            disk_bytes: text.length,
            entries: Object.keys(names).length + 1,
            skipped: 0,
            newest_change_ms: await newestChange(homeDir),
          }
        },
        signal,
      ),
    unpack: ({ id, archiveDir, homeDir, meta }, onProgress, signal) =>
      job(
        'unpack',
        id,
        async () => {
          onProgress('UNPACKING', { done: 1, total: 2 })
          const text = await readFile(join(archiveDir, 'home.tar.zst'), 'utf8')
          if (createHash('sha256').update(text).digest('hex') !== meta.sha256)
            throw new AppError('ARCHIVE_CORRUPT')
          for (const [name, content] of Object.entries(JSON.parse(text) as Record<string, string>))
            await writeFile(join(homeDir, name), failures.unpack === 'fails half way' ? '' : content)
          if (failures.unpack === 'fails half way') throw new AppError('RESTORE_FAILED', 'unpack was cut off')
        },
        signal,
      ),
    erase: () => Promise.reject(new AppError('DOCKER_FAILED', 'there is nothing to erase here')),
    endStorage: (id) => act('endStorage', id, () => endJob(id)),
    work: (id) =>
      act('observe', id, () =>
        instances.has(id) ? { cpuSeconds: 0, commands: commands.get(id) ?? [] } : undefined,
      ),
    usage: (id) =>
      act('observe', id, () => (instances.has(id) ? { cpuSeconds: 0, memoryBytes: 0 } : undefined)),
    listening: (id) => act('observe', id, () => (instances.has(id) ? (listeners.get(id) ?? []) : [])),
    risks: () => Promise.resolve([]),
    logTail: (id) => Promise.resolve(instances.has(id) ? `the log of ${id}` : ''),
    orphans: () => Promise.resolve([]),

    upstream: (id) => (instances.get(id) === 'answering' ? { socketPath: `/nowhere/${id}` } : undefined),
    tidy: () => Promise.resolve(),
    watch: ({ engine }) => {
      engine(UP)
      return { close: () => undefined }
    },
  }

  return {
    runner,
    /** The containers there are, and how they are. */
    instances,
    /** What was asked of each start. */
    starts,
    /** What runs in the terminals of instances. */
    commands,
    /** What listens in instances. */
    listeners,
    images,
    /** How methods go wrong from now on. */
    failures,
    calls,
    /** From now on nothing goes wrong. */
    mend(): void {
      for (const method of Object.keys(failures)) Reflect.deleteProperty(failures, method)
    },
    set up(now: boolean) {
      up = now
    },
    /** What each effect of a call runs in from now on: some of them use the real disk. */
    set onDisk(around: typeof onDisk) {
      onDisk = around
    },
    /** How long each call takes from now on, in milliseconds. */
    set latency(next: () => number) {
      latency = next
    },
    /** The calls under way never end and do nothing more, like those of a process that was killed. */
    cutOff(): void {
      cut++
      atWork.clear()
      jobs.clear()
    },
    /** What must never be: a storage job beside an instance. */
    violations,
    /** Most calls that change something and were under way for one workspace at the same time. */
    mostAtOnce: () => most,
    mutations: () => calls.filter(({ method }) => MUTATING.has(method)).length,
    count: (method: Method, id?: string) =>
      calls.filter((call) => call.method === method && (id === undefined || call.id === id)).length,

    /** Calls of `method` wait from now on until `open`, or for ever after `forget`; `reached` tells whether one waits. */
    hold(method: Method): { reached: () => boolean; open: () => void; forget: () => void } {
      const gate = new AbortController()
      const open = new Promise<unknown>((resolve) => gate.signal.addEventListener('abort', resolve))
      let waiting = false
      holds.set(method, { reached: () => (waiting = true), open })
      return {
        reached: () => waiting,
        open() {
          holds.delete(method)
          gate.abort()
        },
        forget: () => void holds.delete(method),
      }
    },
  }
}

/** The files of a directory without directories in it, by name. */
async function copyOf(dir: string): Promise<Record<string, string>> {
  const names = await readdir(dir)
  const files = names.map(async (name) => [name, await readFile(join(dir, name), 'utf8')] as const)
  return Object.fromEntries(await Promise.all(files))
}

/** The newest ctime in a directory without directories in it. */
async function newestChange(dir: string): Promise<number> {
  const stats = (await readdir(dir)).map((name) => lstat(join(dir, name), { bigint: true }))
  return Math.max(0, ...(await Promise.all(stats)).map(({ ctimeNs }) => Number(ctimeNs) / 1e6))
}

const UP: Engine = { reachable: true, version: '20.10.24', message: null, hint: null }

const takes = (ms: number): Promise<void> =>
  new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : resolve()))

function never(signal: AbortSignal | undefined, isLive = (): boolean => true): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => {
      if (isLive()) reject(signal!.reason as Error)
    }
    if (signal?.aborted) end()
    else signal?.addEventListener('abort', end)
  })
}
