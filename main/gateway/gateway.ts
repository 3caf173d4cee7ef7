import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Upstream } from '../core/upstream.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { workspaceOrigin, workspacePath, type Address } from './address.ts'
import { ACTIONS, MAY, gate, wakes, type Action } from './gate.ts'
import { COOKIE, cookieOf } from './headers.ts'
import { sendPage, type Page } from './pages.ts'
import { createSockets, proxyRequest, proxyUpgrade, refuseUpgrade } from './proxy.ts'
import { sendWaitingPage } from './waiting-page.ts'

export type Target = Extract<Address, { kind: 'workspace' }>

/** The query parameter that holds a one-time code, exchanged for the cookie on first use. */
const CODE = 'berth-code'
const EVENTS_PATH = '/.berth/events'

export interface GatewayDeps<User> {
  port: () => number
  /** Who a bearer token or a workspace cookie names. */
  bearerUser: (request: IncomingMessage) => User | undefined
  cookieUser: (cookie: string, id: string) => User | undefined
  /** Exchanges a code for the value of the workspace cookie. */
  redeem: (code: string, id: string) => { token: string; expiresAt: number } | undefined
  /** @throws {AppError} NOT_FOUND, FORBIDDEN */
  enter: (user: User, id: string) => WorkspaceRow
  upstream: (id: string) => Upstream | undefined
  /** Wishes it running for somebody who opened it. */
  wake: (row: WorkspaceRow) => void
  /** What a person asked for on the waiting page. */
  act: (row: WorkspaceRow, action: Action) => void
  /** Somebody is at work: upstream has begun to answer. Returns what is called when that has ended. */
  begin: (id: string, kind: 'socket' | 'request') => () => void
  /** Upstream did not answer: its state should be looked at. */
  doubt: (id: string) => void
  serveEvents: (user: User, id: string, request: IncomingMessage, response: ServerResponse) => void
  sendProblem: (response: ServerResponse, error: unknown) => void
  log: Logger
}

/** `/w/<id>/…`: who is asking, may they enter, and where the workspace answers; or a page that says why not. */
export function createGateway<User>(deps: GatewayDeps<User>) {
  const sockets = createSockets()

  function handle(request: IncomingMessage, response: ServerResponse, target: Target): void {
    const { id } = target
    const navigation = isNavigation(request)
    // A browser's pages live on the workspace's own origin, where they can reach nothing else.
    if (!target.own && request.headers['sec-fetch-mode'] === 'navigate')
      return redirect(response, workspaceOrigin(id, deps.port()) + fullPath(target))
    if (target.own && exchangeCode(request, response, target)) return
    const user = userOf(request, target)
    if (user === undefined) return refuse(response, navigation, target, new AppError('UNAUTHENTICATED'))
    let row: WorkspaceRow
    try {
      row = deps.enter(user, id)
    } catch (error) {
      return refuse(response, navigation, target, error)
    }
    if (target.path === '') return redirect(response, fullPath(target))
    if (target.path === EVENTS_PATH && request.method === 'GET')
      return deps.serveEvents(user, id, request, response)
    const upstream = deps.upstream(id)
    const state = gate(row, upstream !== undefined)
    const action = request.method === 'POST' && ACTIONS.find((one) => target.path === `/.berth/${one}`)
    if (action) return act(request, response, target, row, MAY[state].includes(action) && action)
    if (navigation && wakes(row, state)) deps.wake(row)
    if (state === 'proxy' && upstream) return forward(request, response, target, row, upstream)
    if (state === 'deleting')
      return refuse(response, navigation, target, new AppError('NOT_FOUND', 'The workspace is being deleted'))
    if (!navigation) {
      response.setHeader('Retry-After', '2')
      return deps.sendProblem(
        response,
        new AppError('NOT_RUNNING', `The workspace is not running (${row.status})`),
      )
    }
    sendWaitingPage(response, state, row, dashboard())
  }

  /** `action`: false for one that has no place in the workspace's state. */
  function act(
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    row: WorkspaceRow,
    action: Action | false,
  ): void {
    const site = request.headers['sec-fetch-site']
    if (!originAllowed(request, target) || (site !== undefined && site !== 'same-origin'))
      throw new AppError('FORBIDDEN', 'Only the page of the workspace may do this')
    if (!action) throw new AppError('NOT_NOW', `This cannot be done now (${row.status})`)
    deps.act(row, action)
    response.writeHead(202, { 'Cache-Control': 'no-store', 'Content-Length': 0 }).end()
  }

  function forward(
    request: IncomingMessage,
    response: ServerResponse,
    { id, path, search }: Target,
    row: WorkspaceRow,
    upstream: Upstream,
  ): void {
    proxyRequest(
      request,
      response,
      { id, path: path + search, upstream },
      {
        // A failing request is no sign that somebody is at work.
        answered: (status) => status < 400 && response.once('close', begin(id, 'request')),
        failed(error) {
          deps.doubt(id)
          if (isNavigation(request)) sendWaitingPage(response, 'proxy', row, dashboard())
          else deps.sendProblem(response, error)
        },
      },
    )
  }

  function upgrade(request: IncomingMessage, socket: Duplex, head: Buffer, target: Target): void {
    const { id } = target
    const { headers } = request
    if (request.method !== 'GET' || headers.upgrade?.toLowerCase() !== 'websocket')
      return refuseUpgrade(socket, 400, 'Bad Request')
    if (!originAllowed(request, target)) return refuseUpgrade(socket, 403, 'Forbidden')
    const user = userOf(request, target)
    if (user === undefined) return refuseUpgrade(socket, 401, 'Unauthorized')
    let row: WorkspaceRow
    try {
      row = deps.enter(user, id)
    } catch (error) {
      const forbidden = error instanceof AppError && error.code === 'FORBIDDEN'
      return forbidden ? refuseUpgrade(socket, 403, 'Forbidden') : refuseUpgrade(socket, 404, 'Not Found')
    }
    const upstream = deps.upstream(id)
    const state = gate(row, upstream !== undefined)
    if (state === 'deleting') return refuseUpgrade(socket, 404, 'Not Found')
    if (state !== 'proxy' || !upstream) return refuseUpgrade(socket, 503, 'Service Unavailable')
    const hop = { id, path: (target.path || '/') + target.search, upstream }
    proxyUpgrade(request, socket, head, hop, { sockets, onOpen: () => begin(id, 'socket') })
  }

  /** Called by sockets, where whatever is thrown (the disk may be full) would end Berth. */
  function begin(id: string, kind: 'socket' | 'request'): () => void {
    const guarded = <Result>(note: () => Result): Result | undefined => {
      try {
        return note()
      } catch (error) {
        deps.log.warn({ id, err: error }, 'could not note an access')
        return undefined
      }
    }
    const end = guarded(() => deps.begin(id, kind))
    return () => {
      if (end) guarded(end)
    }
  }

  /** On a workspace's origin a cookie counts too; on the plain one nothing that a browser adds by itself. */
  function userOf(request: IncomingMessage, { id, own }: Target): User | undefined {
    const byBearer = deps.bearerUser(request)
    if (byBearer !== undefined || !own || isForeign(request)) return byBearer
    const cookie = cookieOf(request.headers.cookie, COOKIE)
    return cookie === undefined ? undefined : deps.cookieUser(cookie, id)
  }

  /** A page of another origin that uses the browser's cookie for more than a visit. */
  function isForeign({ headers, method }: IncomingMessage): boolean {
    const site = headers['sec-fetch-site']
    const visit = headers['sec-fetch-mode'] === 'navigate' && method === 'GET'
    return (site === 'cross-site' || site === 'same-site') && !visit
  }

  /** Exactly the origin that the request is sent to; none only from a client that is no browser and has a token. */
  function originAllowed(request: IncomingMessage, { id, own }: Target): boolean {
    const origins = request.rawHeaders.filter(
      (_, i, all) => i % 2 === 1 && all[i - 1]!.toLowerCase() === 'origin',
    )
    if (origins.length === 0) return deps.bearerUser(request) !== undefined
    const allowed = own ? workspaceOrigin(id, deps.port()) : `http://${request.headers.host}`
    return origins.length === 1 && origins[0] === allowed
  }

  /** The first visit with a code: the code becomes a cookie and leaves the address. True when it has answered. */
  function exchangeCode(request: IncomingMessage, response: ServerResponse, target: Target): boolean {
    const query = new URLSearchParams(target.search)
    const code = query.get(CODE)
    if (code === null || request.method !== 'GET') return false
    query.delete(CODE)
    const session = deps.redeem(code, target.id)
    if (session) {
      const maxAge = Math.floor((session.expiresAt - Date.now()) / 1_000)
      response.setHeader(
        'Set-Cookie',
        `${COOKIE}=${session.token}; Path=${workspacePath(target.id)}/; Max-Age=${maxAge}; HttpOnly; SameSite=Lax`,
      )
    }
    redirect(response, fullPath({ ...target, search: query.size > 0 ? `?${query}` : '' }))
    return true
  }

  const dashboard = (): string => `http://127.0.0.1:${deps.port()}/`

  function refuse(response: ServerResponse, navigation: boolean, target: Target, error: unknown): void {
    if (!navigation || !(error instanceof AppError)) return deps.sendProblem(response, error)
    sendPage(response, refusalPage(error, target, dashboard()))
  }

  return {
    handle,
    upgrade,
    /** Ends the connections of a workspace that is being stopped. */
    disconnect: (id: string) => sockets.close(id),
    close: () => sockets.closeAll(),
  }
}

/** A person going somewhere, as opposed to a page loading its parts. */
function isNavigation({ method, headers }: IncomingMessage): boolean {
  const document = headers['sec-fetch-dest'] === undefined || headers['sec-fetch-dest'] === 'document'
  return method === 'GET' && document && (headers.accept ?? '').includes('text/html')
}

function fullPath({ id, path, search }: Target): string {
  return workspacePath(id) + (path || '/') + search
}

function redirect(response: ServerResponse, location: string): void {
  response
    .writeHead(302, { Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' })
    .end()
}

function refusalPage(error: AppError, target: Target, dashboard: string): Page {
  switch (error.code) {
    case 'UNAUTHENTICATED': {
      const next = new URLSearchParams({ open: target.id, next: (target.path || '/') + target.search })
      const link = { href: `${dashboard}#${next}`, label: 'Sign in' }
      return {
        status: 401,
        title: 'Sign in to Berth',
        text: 'This workspace opens once you are signed in.',
        link,
        go: true,
      }
    }
    case 'FORBIDDEN':
      return {
        status: 403,
        title: 'Not yours',
        text: `This workspace belongs to somebody else. ${error.hint}`,
      }
    default:
      return {
        status: 404,
        title: 'No such workspace',
        text: 'It may have been deleted.',
        link: { href: dashboard, label: 'All workspaces' },
      }
  }
}
