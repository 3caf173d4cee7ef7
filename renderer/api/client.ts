import type {
  Account,
  Archive,
  CreateShare,
  CreateWorkspace,
  Doctor,
  Found,
  HistoryEntry,
  Listening,
  PatchAccount,
  PatchSettings,
  PatchShare,
  PatchWorkspace,
  Problem,
  Settings,
  Shared,
  SignedIn,
  Stats,
  System,
  Trashed,
  User,
  Workspace,
} from '../../main/core/api.ts'
import type { ErrorCode } from '../../main/core/errors.ts'
import { messages } from '../messages.ts'

interface Words {
  title: string
  detail?: string
  hint?: string
  code?: ErrorCode | null
}

/** A failed call, in words for a person. `status` is 0 when there was no answer at all. */
export class ApiError extends Error {
  readonly status: number
  readonly code: ErrorCode | null
  readonly detail: string
  readonly hint: string

  constructor(status: number, problem: Words) {
    super(problem.title)
    this.name = 'ApiError'
    this.status = status
    this.code = problem.code ?? null
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

export type Credential = { token: string } | { code: string } | { name: string; password: string }
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
    const problem = await readProblem(response)
    // A wrong password, said by who is signed in, is another matter than who they are.
    if (response.status === 401 && bearer !== null && problem.code !== 'WRONG_PASSWORD')
      onUnauthorized(bearer)
    throw new ApiError(response.status, problem)
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
  const account = (id: string) => `/accounts/${encodeURIComponent(id)}`
  const share = (id: string) => `/shares/${encodeURIComponent(id)}`
  const guest = (id: string) => `/guests/${encodeURIComponent(id)}`

  return {
    login: (credential: Credential) => json<SignedIn>(send('POST', '/login', credential, null)),
    /** A new session in place of the one of this token. */
    renew: (token: string) => json<SignedIn>(send('POST', '/session:renew', {}, token)),
    /** Ends the session here, or that of another token. */
    logout: (of = token()) => done(send('POST', '/logout', {}, of)),
    /** Who is signed in: here, or with another token. */
    user: async (of = token()) => (await json<{ user: User }>(send('GET', '/session', undefined, of))).user,
    accounts: () => items<Account>('/accounts'),
    addAccount: (name: string, password: string) => done(send('POST', '/accounts', { name, password })),
    patchAccount: (id: string, part: PatchAccount) => done(send('PATCH', account(id), part)),
    removeAccount: (id: string) => done(send('DELETE', account(id))),
    /** New secrets, and a session in place of all that were. */
    rotate: () => json<SignedIn>(send('POST', '/secrets:rotate', {})),
    system: () => json<System>(send('GET', '/system')),
    /** Has Berth look at all that it stands on. */
    doctor: () => json<Doctor>(send('GET', '/doctor')),
    settings: () => json<Settings>(send('GET', '/settings')),
    patchSettings: (part: PatchSettings) => json<Settings>(send('PATCH', '/settings', part)),
    workspace: (id: string) => json<Workspace>(send('GET', at(id))),
    create: (wish: CreateWorkspace) => done(send('POST', '/workspaces', wish)),
    patch: (id: string, part: PatchWorkspace) => done(send('PATCH', at(id), part)),
    /** Another with the same settings and memo, and a home of its own. */
    duplicate: (id: string) => done(send('POST', `${at(id)}:duplicate`, {})),
    remove: (id: string) => done(send('DELETE', at(id))),
    command: (id: string, command: Command) => done(send('POST', `${at(id)}:${command}`, {})),
    /** Goes back to an older archive. */
    restoreFrom: (id: string, archive_key: string) =>
      done(send('POST', `${at(id)}:restore`, { archive_key })),
    archives: (id: string) => items<Archive>(`${at(id)}/archives`),
    history: (id: string) => items<HistoryEntry>(`${at(id)}/history`),
    /** The end of its container's log. */
    log: async (id: string) => (await json<{ text: string }>(send('GET', `${at(id)}/logs?lines=200`))).text,
    /** What it uses while it runs, and may use. */
    stats: (id: string) => json<Stats>(send('GET', `${at(id)}/stats`)),
    trash: () => items<Trashed>('/trash'),
    putBack: (id: string) => done(send('POST', `/trash/${encodeURIComponent(id)}:restore`, {})),
    purge: (id: string) => done(send('DELETE', `/trash/${encodeURIComponent(id)}`)),
    found: () => items<Found>('/found'),
    adopt: (ids: readonly string[]) => done(send('POST', '/found:adopt', { ids })),
    removeFound: (id: string) => done(send('DELETE', `/found/${encodeURIComponent(id)}`)),
    /** An address good for one visit, within a minute: of the editor, or of the server at a port inside. */
    open: async (id: string, where: { path?: string | undefined; port?: number } = {}) =>
      (await json<{ url: string }>(send('POST', `${at(id)}:open`, where))).url,
    /** The servers that listen inside while it runs. */
    ports: (id: string) => items<Listening>(`${at(id)}/ports`),
    /** Its answer is the only one that has the link. */
    share: (id: string, wish: CreateShare) => json<Shared>(send('POST', `${at(id)}/shares`, wish)),
    patchShare: (id: string, part: PatchShare) => done(send('PATCH', share(id), part)),
    stopShare: (id: string) => done(send('DELETE', share(id))),
    allowGuest: (id: string) => done(send('POST', `${guest(id)}:allow`, {})),
    /** Denies who rings, and throws out who is in. */
    removeGuest: (id: string) => done(send('DELETE', guest(id))),
  }
}

async function readProblem(response: Response): Promise<Words> {
  const problem = (await response.json().catch(() => null)) as Partial<Problem> | null
  if (typeof problem?.title !== 'string') {
    return { title: messages.problem.unexpected, detail: messages.problem.status(response.status) }
  }
  const { title, detail = '', hint = '', code = null } = problem
  return { title, detail, hint, code }
}
