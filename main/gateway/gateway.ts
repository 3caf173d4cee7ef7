import type { IncomingMessage, ServerResponse } from 'node:http'
import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError, ERRORS } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { Upstream } from '../core/upstream.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { CODE, pathOf, portPath } from './address.ts'
import { createConnections } from './connections.ts'
import type { Front, Target, Ticket, Visit } from './front.ts'
import { ACTIONS, MAY, gate, wakes, type Action, type Gate } from './gate.ts'
import { sendPage, type Page } from './pages.ts'
import { proxyRequest, proxyUpgrade, refuseUpgrade, type Hop } from './proxy.ts'
import { isFrom, isNavigation, isSafe, isUnasked, isVisit } from './requests.ts'
import { sendWaitingPage } from './waiting-page.ts'

/** Below it, on every origin, is what the gateway answers itself. */
const OURS = '/.berth/'

export interface GatewayDeps {
  upstream: (id: string) => Upstream | undefined
  /** Wishes it running for somebody who opened it. */
  wake: (row: WorkspaceRow) => void
  /** What a person asked for on the waiting page. */
  act: (row: WorkspaceRow, action: Action) => void
  /** Somebody is at work: upstream has begun to answer. Returns what is called when that has ended. */
  begin: (id: string, kind: 'socket' | 'request') => () => void
  /** Upstream did not answer: its state should be looked at. */
  doubt: (id: string) => void
  /** Streams what the waiting page shows. */
  serveEvents: (visit: Visit, request: IncomingMessage, response: ServerResponse) => void
  sendProblem: (response: ServerResponse, error: unknown) => void
  /** A visitor's number of open connections has become 0, or has stopped being 0. */
  onVisitor: (workspaceId: string, visitor: string) => void
  now: () => number
  log: Logger
}

export type Gateway = ReturnType<typeof createGateway>

/**
 * A workspace's editor, and the servers inside it: who is asking, may they enter, and where it answers; or a page that
 * says why not. By what `front` somebody comes decides who they are.
 */
export function createGateway(deps: GatewayDeps) {
  const connections = createConnections((workspaceId, visitor) =>
    guarded(workspaceId, () => deps.onVisitor(workspaceId, visitor)),
  )

  function handle(front: Front, request: IncomingMessage, response: ServerResponse, target: Target): void {
    try {
      answer(front, request, response, target)
    } catch (error) {
      refuse(front, request, response, target, error)
    }
  }

  /** @throws {AppError} what is refused. */
  function answer(front: Front, request: IncomingMessage, response: ServerResponse, target: Target): void {
    // A browser's pages live on the workspace's own origin, where they can reach nothing else.
    if (!target.own && request.headers['sec-fetch-mode'] === 'navigate')
      return redirect(response, originOf(front, target) + pathOf(target))
    if (!isSafe(request) && isStranger(front, request, target))
      throw new AppError('FORBIDDEN', 'Only its own pages may do this')
    if (target.own && exchangeCode(front, request, response, target)) return
    const admitted = front.admit(request, target)
    // The editor has no use for it; a server on a port may have one.
    if (request.method === 'OPTIONS' && target.port === null) throw new AppError('METHOD_NOT_ALLOWED')
    const visit = isUnasked(request) ? { ...admitted, mayWake: false } : admitted
    const ticket = target.own && isVisit(request) ? front.renew?.(request, target) : undefined
    if (ticket) {
      setCookie(front, response, target, ticket)
      return redirect(response, hereOf(front, target))
    }
    if (target.path === '') return redirect(response, pathOf(target))
    const upstream = deps.upstream(target.id)
    const state = gate(visit.row, upstream !== undefined)
    if (target.path.startsWith(OURS)) return ours(front, request, response, target, visit, state)
    if (target.port === null && toPort(front, request, response, target, visit)) return
    const navigation = isNavigation(request)
    if (navigation) wakeFor(visit)
    if (state === 'proxy' && upstream) return forward(front, request, response, target, visit, upstream)
    if (state === 'deleting') throw new AppError('NOT_FOUND', 'The workspace is being deleted')
    if (navigation) return wait(front, response, target, visit, state)
    response.setHeader('Retry-After', '2')
    deps.sendProblem(
      response,
      new AppError('NOT_RUNNING', `The workspace is not running (${visit.row.status})`),
    )
  }

  function wakeFor({ row, mayWake }: Visit): void {
    if (mayWake && wakes(row, gate(row, deps.upstream(row.id) !== undefined))) deps.wake(row)
  }

  function wait(
    front: Front,
    response: ServerResponse,
    target: Target,
    visit: Visit,
    state: Exclude<Gate, 'deleting'>,
  ): void {
    sendWaitingPage(response, state, visit, target, visit.isOwner ? front.dashboard() : null)
  }

  /** What the gateway answers itself: the events and actions of its own pages, and the way to a port. */
  function ours(
    front: Front,
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    visit: Visit,
    state: Gate,
  ): void {
    const what = target.path.slice(OURS.length)
    if (request.method === 'GET' && what === 'events') {
      track(visit, response, 'events')
      return deps.serveEvents(visit, request, response)
    }
    if (request.method === 'GET' && what === 'port' && target.port === null) {
      const query = new URLSearchParams(target.search)
      const digits = query.get('port') ?? ''
      const port = /^[1-9]\d{0,4}$/.test(digits) ? Number(digits) : 0
      return enterPort(front, response, visit, port, query.get('next') ?? '/')
    }
    const action = ACTIONS.find((one) => what === one)
    if (request.method !== 'POST' || !action) throw new AppError('NOT_FOUND')
    const site = request.headers['sec-fetch-site']
    if (!originAllowed(front, request, target) || (site !== undefined && site !== 'same-origin'))
      throw new AppError('FORBIDDEN', 'Only the page of the workspace may do this')
    const may = visit.isOwner ? MAY[state] : visit.mayWake && wakes(visit.row, state) ? ['start'] : []
    if (state === 'proxy' || !may.includes(action))
      throw new AppError('NOT_NOW', `This cannot be done now (${visit.row.status})`)
    deps.act(visit.row, action)
    response.writeHead(202, { 'Cache-Control': 'no-store', 'Content-Length': 0 }).end()
  }

  /** Leads who may be in the editor to the server on a port, with a code for its origin. */
  function enterPort(front: Front, response: ServerResponse, visit: Visit, port: number, next: string): void {
    const origin = port > 0 && port <= 65_535 ? front.originOf(visit.row.id, port) : undefined
    if (origin === undefined || !next.startsWith('/')) throw new AppError('NOT_FOUND')
    const url = new URL(origin + next)
    url.search += `${url.search === '' ? '?' : '&'}${CODE}=${front.issueCode(visit, port)}`
    redirect(response, url.href)
  }

  /** What code-server would forward to a port never reaches it: such a server has an origin of its own. True when it has answered. */
  function toPort(
    front: Front,
    request: IncomingMessage,
    response: ServerResponse,
    { id, path, search }: Target,
    visit: Visit,
  ): boolean {
    const to = portPath(path)
    if (to === undefined) return false
    const origin = to !== 'other' && isVisit(request) ? front.originOf(id, to.port) : undefined
    if (to === 'other' || origin === undefined) throw new AppError('NOT_FOUND')
    if (front.leadsBack(request)) redirect(response, origin + to.path + search)
    else enterPort(front, response, visit, to.port, to.path + search)
    return true
  }

  function forward(
    front: Front,
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    visit: Visit,
    upstream: Upstream,
  ): void {
    const { id } = target
    track(visit, response, 'answer')
    const isEditor = target.port === null && target.path === '/' && request.method === 'GET'
    const own = new RegExp(`http://\\{\\{port\\}\\}--${id}\\.localhost:\\d+/`, 'g')
    proxyRequest(request, response, hopTo(front, request, target, upstream), {
      // A failing request is no sign that somebody is at work.
      answered: (status) => status < 400 && response.once('close', begin(id, 'request')),
      failed(error) {
        deps.doubt(id)
        if (isNavigation(request)) wait(front, response, target, visit, 'proxy')
        else deps.sendProblem(response, error)
      },
      unheard() {
        if (!isVisit(request)) return false
        sendPage(response, nobodyOn(target.port))
        return true
      },
      // The editor was told at its start where servers are found; by now, or for this visitor, that may be elsewhere.
      rewrite: isEditor ? (html) => html.replace(own, () => front.portTemplate(id)) : undefined,
    })
  }

  function upgrade(
    front: Front,
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    target: Target,
  ): void {
    try {
      const { id } = target
      if (request.method !== 'GET' || request.headers.upgrade?.toLowerCase() !== 'websocket')
        throw new AppError('INVALID_INPUT')
      if (!originAllowed(front, request, target)) throw new AppError('FORBIDDEN')
      const visit = front.admit(request, target)
      const upstream = deps.upstream(id)
      const state = gate(visit.row, upstream !== undefined)
      if (state === 'deleting' || target.path.startsWith(OURS)) throw new AppError('NOT_FOUND')
      if (target.port === null && portPath(target.path) !== undefined) throw new AppError('NOT_FOUND')
      if (state !== 'proxy' || !upstream) throw new AppError('NOT_RUNNING')
      track(visit, socket, 'socket')
      proxyUpgrade(request, socket, head, hopTo(front, request, target, upstream), () => begin(id, 'socket'))
    } catch (error) {
      if (!(error instanceof AppError)) throw error
      const [status] = ERRORS[error.code]
      refuseUpgrade(socket, status, STATUS_CODES[status] ?? '')
    }
  }

  function hopTo(front: Front, request: IncomingMessage, target: Target, upstream: Upstream): Hop {
    const { id, port, path, search } = target
    return {
      id,
      port,
      secure: front.secure,
      editor: front.secure ? front.originOf(id, null) : undefined,
      // Its pages speak with their own server, by their own right.
      theirs: port !== null && !front.isProgram(request),
      path: (port === null ? path || '/' : `/proxy/${port}${path}`) + search,
      upstream,
    }
  }

  const track = (
    { row, visitor }: Visit,
    stream: Duplex | ServerResponse,
    kind: 'socket' | 'answer' | 'events',
  ) => connections.add({ workspaceId: row.id, visitor, kind, stream })

  /** Called by sockets, where whatever is thrown (the disk may be full) would end Berth. */
  function guarded<Result>(id: string, note: () => Result): Result | undefined {
    try {
      return note()
    } catch (error) {
      deps.log.warn({ id, err: error }, 'could not note an access')
      return undefined
    }
  }

  function begin(id: string, kind: 'socket' | 'request'): () => void {
    const end = guarded(id, () => deps.begin(id, kind))
    return () => {
      if (end) guarded(id, end)
    }
  }

  /** Exactly the origin that the request is sent to; none only from a client that is no browser and has a token. */
  function originAllowed(front: Front, request: IncomingMessage, target: Target): boolean {
    if (request.headers.origin === undefined) return front.isProgram(request)
    return isFrom(
      request,
      target.own ? front.originOf(target.id, target.port) : `http://${request.headers.host}`,
    )
  }

  /** A page of another origin. A form on a page with `no-referrer` has the origin `null`, and is told from others by its browser. */
  function isStranger(front: Front, request: IncomingMessage, target: Target): boolean {
    if (request.headers.origin === undefined || originAllowed(front, request, target)) return false
    const hides = isFrom(request, 'null') && request.headers['sec-fetch-site'] === 'same-origin'
    return target.port === null || !hides
  }

  /** The first visit with a code: the code becomes a cookie and leaves the address. True when it has answered. */
  function exchangeCode(
    front: Front,
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
  ): boolean {
    const isCode = (pair: string): boolean => pair.startsWith(`${CODE}=`)
    const query = target.search.slice(1).split('&')
    const code = query.find(isCode)?.slice(CODE.length + 1)
    if (code === undefined || request.method !== 'GET') return false
    const rest = query.filter((pair) => !isCode(pair))
    const ticket = front.redeem(code, target)
    if (ticket) {
      setCookie(front, response, target, ticket)
      if (isNavigation(request)) wakeArriving(front, request, target, ticket)
    }
    redirect(response, hereOf(front, { ...target, search: rest.length > 0 ? `?${rest.join('&')}` : '' }))
    return true
  }

  /** Who was handed a code wants in; to the browser the next request is one that a page of another site has begun. */
  function wakeArriving(front: Front, request: IncomingMessage, target: Target, { token }: Ticket): void {
    request.headers.cookie = `${front.cookieOf(target).name}=${token}`
    try {
      wakeFor(front.admit(request, target))
    } catch {
      // the next request is told why
    }
  }

  function setCookie(
    front: Front,
    response: ServerResponse,
    target: Target,
    { token, expiresAt }: Ticket,
  ): void {
    const { name, path, embeds } = front.cookieOf(target)
    const maxAge = Math.floor((expiresAt - deps.now()) / 1_000)
    // Browsers take this machine's own names for secure; a partition keeps every other site's pages out.
    const scope = embeds
      ? 'Secure; SameSite=None; Partitioned'
      : `${front.secure ? 'Secure; ' : ''}SameSite=Lax`
    response.setHeader('Set-Cookie', `${name}=${token}; Path=${path}; Max-Age=${maxAge}; HttpOnly; ${scope}`)
  }

  function refuse(
    front: Front,
    request: IncomingMessage,
    response: ServerResponse,
    target: Target,
    error: unknown,
  ): void {
    if (!(error instanceof AppError) || !isVisit(request) || response.headersSent)
      return deps.sendProblem(response, error)
    const { id, port } = target
    const editor = front.originOf(id, null)
    if (
      error.code === 'UNAUTHENTICATED' &&
      port !== null &&
      editor !== undefined &&
      front.leadsBack(request)
    ) {
      // Who may be in the editor may be here.
      const search = `?${new URLSearchParams({ port: String(port), next: pathOf(target) })}`
      return redirect(response, editor + pathOf({ id, port: null, path: `${OURS}port`, search }))
    }
    sendPage(response, front.refusal(error, target))
  }

  return {
    handle,
    upgrade,
    /** Ends the WebSockets of a workspace that is being stopped. */
    disconnect: connections.disconnect,
    /** Ends all connections of a visitor who has to go. */
    expel: connections.expel,
    /** How many WebSockets, answers in flight and event streams a visitor has. */
    connections: connections.count,
    close: connections.closeAll,
  }
}

/** It does not look again by itself: a forgotten tab would wake the workspace for ever. */
const nobodyOn = (port: number | null): Page => ({
  status: 502,
  title: `Nobody answers on port ${port}`,
  text: 'Start a server on it in the workspace; then load this page again.',
})

/** @throws {AppError} NOT_FOUND when that is not served. */
function originOf(front: Front, { id, port }: Target): string {
  const origin = front.originOf(id, port)
  if (origin === undefined) throw new AppError('NOT_FOUND')
  return origin
}

/** The address of this very target: on a port's origin whole, as its path could be read as another host. */
const hereOf = (front: Front, target: Target): string =>
  (target.port === null ? '' : originOf(front, target)) + pathOf(target)

function redirect(response: ServerResponse, location: string): void {
  response
    .writeHead(302, { Location: location, 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer' })
    .end()
}
