import type {
  Archive,
  CreateWorkspace,
  Found,
  HistoryEntry,
  PatchWorkspace,
  Problem,
  SignedIn,
  System,
  Trashed,
} from '../../main/core/api.ts'
import { messages } from '../messages.ts'

/** A failed call, in words for a person. `status` is 0 when there was no answer at all. */
export class ApiError extends Error {
  readonly status: number
  readonly detail: string
  readonly hint: string

  constructor(status: number, problem: { title: string; detail?: string; hint?: string }) {
    super(problem.title)
    this.name = 'ApiError'
    this.status = status
    this.detail = problem.detail ?? ''
    this.hint = problem.hint ?? ''
  }
}

export function toApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error
  // Electron wraps what the other side threw: "Error invoking remote method 'x': Error: message".
  const text = error instanceof Error ? error.message : String(error)
  return new ApiError(0, {
    title: messages.problem.unexpected,
    detail: text.replace(/^Error invoking remote method '[^']*': (\w*Error: )?/, ''),
  })
}

export type Credential = { token: string } | { code: string }
export type Command = 'start' | 'stop' | 'archive' | 'restore' | 'retry'

export type Client = ReturnType<typeof createClient>

interface Options {
  token: () => string | null
  /** The session that sent this token is over. */
  onUnauthorized: (token: string) => void
  fetch?: typeof fetch
}

/** Typed calls of `/api/v1`. Every failure is an ApiError. */
export function createClient({ token, onUnauthorized, fetch = globalThis.fetch.bind(globalThis) }: Options) {
  async function send(method: string, path: string, body?: unknown, bearer = token()): Promise<Response> {
    const headers: Record<string, string> = { Accept: 'application/json' }
    if (bearer !== null) headers['Authorization'] = `Bearer ${bearer}`
    if (body !== undefined) headers['Content-Type'] = 'application/json'
    const init: RequestInit = { method, headers, cache: 'no-store', credentials: 'omit' }
    if (body !== undefined) init.body = JSON.stringify(body)

    const response = await fetch(`/api/v1${path}`, init).catch(() => {
      throw new ApiError(0, { title: messages.problem.silentTitle, hint: messages.problem.silentHint })
    })
    if (response.ok) return response
    if (response.status === 401 && bearer !== null) onUnauthorized(bearer)
    throw new ApiError(response.status, await readProblem(response))
  }

  async function json<T>(response: Promise<Response>): Promise<T> {
    const answered = await response
    return (await answered.json().catch(() => {
      throw new ApiError(answered.status, { title: messages.problem.unexpected })
    })) as T
  }

  async function items<T>(path: string): Promise<T[]> {
    const list = await json<{ items: T[] }>(send('GET', path))
    return list.items
  }

  /** What these answer is said by the stream too, and the page listens to nothing else. */
  async function done(response: Promise<Response>): Promise<void> {
    await response
  }

  const at = (id: string) => `/workspaces/${encodeURIComponent(id)}`

  return {
    login: (credential: Credential) => json<SignedIn>(send('POST', '/login', credential, null)),
    system: () => json<System>(send('GET', '/system')),
    create: (wish: CreateWorkspace) => done(send('POST', '/workspaces', wish)),
    patch: (id: string, part: PatchWorkspace) => done(send('PATCH', at(id), part)),
    remove: (id: string) => done(send('DELETE', at(id))),
    command: (id: string, command: Command) => done(send('POST', `${at(id)}:${command}`, {})),
    /** Goes back to an older archive. */
    restoreFrom: (id: string, archive_key: string) =>
      done(send('POST', `${at(id)}:restore`, { archive_key })),
    archives: (id: string) => items<Archive>(`${at(id)}/archives`),
    history: (id: string) => items<HistoryEntry>(`${at(id)}/history`),
    /** The end of its container's log. */
    log: async (id: string) => (await json<{ text: string }>(send('GET', `${at(id)}/logs?lines=200`))).text,
    trash: () => items<Trashed>('/trash'),
    putBack: (id: string) => done(send('POST', `/trash/${encodeURIComponent(id)}:restore`, {})),
    purge: (id: string) => done(send('DELETE', `/trash/${encodeURIComponent(id)}`)),
    found: () => items<Found>('/found'),
    adopt: (ids: readonly string[]) => done(send('POST', '/found:adopt', { ids })),
    removeFound: (id: string) => done(send('DELETE', `/found/${encodeURIComponent(id)}`)),
    /** An address good for one visit, within a minute. */
    open: async (id: string, path?: string) => {
      const opened = await json<{ url: string }>(
        send('POST', `${at(id)}:open`, path === undefined ? {} : { path }),
      )
      return opened.url
    },
  }
}

async function readProblem(response: Response): Promise<{ title: string; detail?: string; hint?: string }> {
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null
  if (typeof problem?.title !== 'string') {
    return { title: messages.problem.unexpected, detail: messages.problem.status(response.status) }
  }
  return { title: problem.title, detail: problem.detail ?? '', hint: problem.hint ?? '' }
}
