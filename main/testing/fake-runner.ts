import tar from 'tar-stream'
import type { Engine } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import type { Bytes, Instance, Runner } from '../runner/runner.ts'

/** How a method can go wrong. */
export type Failure =
  /** It is refused. */
  | 'fails'
  /** It is done, and yet an error comes back. */
  | 'fails late'
  /** It says that it is done, and nothing was done. */
  | 'lies'
  /** It never ends by itself, only by its signal. */
  | 'hangs'
  /** It never ends, whatever it is told. */
  | 'is deaf'
  /** The engine cannot be reached for it. */
  | 'unreachable'

type Method = 'observe' | 'ensureImage' | 'readImageHome' | 'start' | 'stop'
type State = Exclude<Instance['state'], 'absent'>

/** The methods that change the engine's world. */
const MUTATING = new Set<Method>(['start', 'stop', 'readImageHome'])

export type FakeEngine = ReturnType<typeof createFakeEngine>

/** An engine in memory, with the runner that works it. It outlives the processes that a test starts and ends on it. */
export function createFakeEngine() {
  const instances = new Map<string, State>()
  const images = new Set(['image:1'])
  const failures: Partial<Record<Method, Failure>> = {}
  const calls: { method: Method; id: string }[] = []
  const holds = new Map<Method, { reached: () => unknown; open: Promise<unknown> }>()
  const atWork = new Map<string, number>()
  let up = true
  let most = 0
  let latency = (): number => 0
  let cut = 0

  /** One call: what it does is `effect`; how it goes wrong is in `failures`. */
  async function act<T>(method: Method, id: string, effect: () => T, signal?: AbortSignal): Promise<T> {
    calls.push({ method, id })
    const begun = cut
    const changes = method === 'start' || method === 'stop'
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
      if (failure === 'hangs') await never(signal)
      if (failure === 'is deaf') await never(undefined)
      if (failure === 'unreachable') throw new AppError('DOCKER_UNREACHABLE', 'Docker is not running')
      if (failure === 'fails') throw new AppError('DOCKER_FAILED', `${method} was refused`)
      if (failure === 'lies') return undefined as T
      const result = effect()
      if (failure === 'fails late') throw new AppError('DOCKER_FAILED', `${method} was done and refused`)
      return result
    } finally {
      if (changes && begun === cut) atWork.set(id, atWork.get(id)! - 1)
    }
  }

  const runner: Runner = {
    observe: (id) => act('observe', id, () => ({ state: instances.get(id) ?? 'absent' })),

    ensureImage(ref, onProgress, signal) {
      const bytes: Bytes = { done: 1, total: 2 }
      if (!images.has(ref)) onProgress(bytes)
      return act('ensureImage', ref, () => void images.add(ref), signal)
    },

    async readImageHome(ref, use) {
      await act('readImageHome', ref, () => undefined)
      const pack = tar.pack()
      pack.entry({ name: 'coder/', type: 'directory' })
      pack.entry({ name: 'coder/.profile' }, 'from the image\n')
      pack.finalize()
      await use(pack as unknown as Parameters<typeof use>[0])
    },

    start: (spec, onStep, signal) =>
      act(
        'start',
        spec.id,
        () => {
          if (instances.get(spec.id) === 'foreign') throw new AppError('CONTAINER_NAME_TAKEN')
          onStep('CREATING_CONTAINER')
          onStep('WAITING_FOR_EDITOR')
          instances.set(spec.id, 'answering')
        },
        signal,
      ),

    stop: (id, signal) =>
      act(
        'stop',
        id,
        () => {
          if (instances.get(id) !== 'foreign') instances.delete(id)
        },
        signal,
      ),

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
    images,
    /** How methods go wrong from now on. */
    failures,
    calls,
    set up(now: boolean) {
      up = now
    },
    /** How long each call takes from now on, in milliseconds. */
    set latency(next: () => number) {
      latency = next
    },
    /** The calls under way never end and do nothing more, like those of a process that was killed. */
    cutOff(): void {
      cut++
      atWork.clear()
    },
    /** Most calls of `start` and `stop` that were under way for one workspace at the same time. */
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

const UP: Engine = { reachable: true, version: '20.10.24', message: null, hint: null }

const takes = (ms: number): Promise<void> =>
  new Promise((resolve) => (ms > 0 ? setTimeout(resolve, ms) : resolve()))

function never(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    const end = (): void => reject(signal!.reason as Error)
    if (signal?.aborted) end()
    else signal?.addEventListener('abort', end)
  })
}
