import { createInterface } from 'node:readline'
import type { IncomingMessage } from 'node:http'
import type WebSocket from 'ws'
import type {
  Archive,
  CreateWorkspace,
  Found,
  HistoryEntry,
  PatchWorkspace,
  ServerEventName,
  ServerEvents,
  System,
  Trashed,
  Workspace,
} from '../core/api.ts'
import { MAX_ATTEMPTS, type Level } from '../core/state.ts'
import { connect, openStream, send, type Answer, type Ask, type Greeting } from './send.ts'
import { until } from './until.ts'

export type Event = { [Name in ServerEventName]: { name: Name; data: ServerEvents[Name] } }[ServerEventName]

export type Client = ReturnType<typeof createClient>

/** Somebody with the token of a control plane that listens at `url`. */
export function createClient({ url, token }: { url: string; token: string }) {
  const authorization = `Bearer ${token}`
  const { port } = new URL(url)

  async function call<T>(method: string, path: string, body?: object): Promise<T> {
    const answer = await send(`${url}/api/v1${path}`, {
      method,
      headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
    if (answer.status >= 400) throw new Refused(`${method} ${path}`, answer)
    return (answer.text === '' ? undefined : JSON.parse(answer.text)) as T
  }

  const at = (id: string): string => `/workspaces/${id}`
  const get = (id: string): Promise<Workspace> => call('GET', at(id))

  const items = async <T>(list: Promise<{ items: T[] }>): Promise<T[]> => (await list).items

  /** Waits until the workspace is as `wanted` says. */
  async function untilSeen(
    id: string,
    what: string,
    wanted: (seen: Workspace) => boolean,
  ): Promise<Workspace> {
    let seen: Workspace | undefined
    return until(
      `${id} ${what}`,
      async () => {
        seen = await get(id)
        return wanted(seen) ? seen : undefined
      },
      { last: () => seen },
    )
  }

  /** Waits until it has settled in `level`; fails at once when an error waits for a person. */
  function untilIn(id: string, level: Level): Promise<Workspace> {
    return untilSeen(id, `is ${level}`, (seen) => {
      if (seen.status === 'ERROR' && seen.error_count >= MAX_ATTEMPTS)
        throw new Error(`${id} is not going to be ${level}: ${JSON.stringify(seen.error_info)}`)
      return seen.status === level && seen.operation === 'NONE'
    })
  }

  const isGone = (id: string): Promise<boolean> =>
    get(id).then(
      () => false,
      (error: unknown) => {
        if (error instanceof Refused && error.answer.status === 404) return true
        throw error
      },
    )

  return {
    url,
    token,
    call,
    get,
    untilSeen,
    untilIn,
    create: (fields: Partial<CreateWorkspace> = {}): Promise<Workspace> =>
      call('POST', '/workspaces', { name: 'test', ...fields }),
    patch: (id: string, fields: PatchWorkspace): Promise<Workspace> => call('PATCH', at(id), fields),
    start: (id: string): Promise<Workspace> => call('POST', `${at(id)}:start`),
    stop: (id: string): Promise<Workspace> => call('POST', `${at(id)}:stop`),
    retry: (id: string): Promise<Workspace> => call('POST', `${at(id)}:retry`),
    archive: (id: string): Promise<Workspace> => call('POST', `${at(id)}:archive`),
    restore: (id: string, archive_key?: string): Promise<Workspace> =>
      call('POST', `${at(id)}:restore`, archive_key === undefined ? {} : { archive_key }),
    archives: (id: string): Promise<Archive[]> => items(call('GET', `${at(id)}/archives`)),
    history: (id: string): Promise<HistoryEntry[]> => items(call('GET', `${at(id)}/history`)),
    log: (id: string): Promise<string> =>
      call<{ text: string }>('GET', `${at(id)}/logs`).then(({ text }) => text),
    remove: (id: string): Promise<void> => call('DELETE', at(id)),
    trash: (): Promise<Trashed[]> => items(call('GET', '/trash')),
    takeBack: (id: string): Promise<Workspace> => call('POST', `/trash/${id}:restore`),
    purge: (id: string): Promise<void> => call('DELETE', `/trash/${id}`),
    found: (): Promise<Found[]> => items(call('GET', '/found')),
    adopt: (ids: string[]): Promise<Workspace[]> => items(call('POST', '/found:adopt', { ids })),
    system: (): Promise<System> => call('GET', '/system'),

    /** Creates a workspace and waits until it runs. */
    async running(fields: Partial<CreateWorkspace> = {}): Promise<Workspace> {
      const { id } = await this.create(fields)
      return untilIn(id, 'RUNNING')
    },

    /** Waits until it waits for a person, with this code. */
    untilStuck: (id: string, code: string): Promise<Workspace> =>
      untilSeen(
        id,
        `is ERROR with ${code}`,
        (seen) =>
          seen.status === 'ERROR' && seen.error_count >= MAX_ATTEMPTS && seen.error_info?.code === code,
      ),

    untilGone: (id: string): Promise<true> => until(`${id} is gone`, () => isGone(id)),

    /** Asks the gateway for something of a workspace, below `/w/<id>`. */
    visit: (id: string, path: string, ask: Ask = {}): Promise<Answer> =>
      send(`${url}/w/${id}${path}`, { ...ask, headers: { authorization, ...ask.headers } }),

    /** The host of a workspace's own origin. */
    hostOf: (id: string): string => `${id}.localhost:${port}`,

    /** Opens a WebSocket through the gateway. */
    connect: (
      id: string,
      { path = '/', ...options }: Greeting & { path?: string } = {},
    ): Promise<WebSocket | number> =>
      connect(`${url}/w/${id}${path}`, { ...options, headers: { authorization, ...options.headers } }),

    /** Follows the event stream from now on; `seen` grows as events come. */
    async follow(): Promise<{ seen: Event[]; close: () => void }> {
      const stream = await openStream(`${url}/api/v1/events`, { headers: { authorization } })
      const seen: Event[] = []
      readEvents(stream, (event) => seen.push(event))
      return { seen, close: () => stream.destroy() }
    },
  }
}

/** A refusal of the API. */
export class Refused extends Error {
  readonly answer: Answer

  constructor(what: string, answer: Answer) {
    super(`${what} answered ${answer.status}: ${answer.text}`)
    this.answer = answer
  }
}

function readEvents(stream: IncomingMessage, on: (event: Event) => void): void {
  let name = ''
  stream.on('error', () => undefined)
  createInterface(stream)
    .on('line', (line) => {
      if (line.startsWith('event: ')) name = line.slice('event: '.length)
      else if (line.startsWith('data: '))
        on({ name, data: JSON.parse(line.slice('data: '.length)) as unknown } as Event)
    })
    .on('error', () => undefined) // the stream was cut off
}
