import type { IncomingMessage, ServerResponse } from 'node:http'
import { z } from 'zod'
import { AppError } from '../core/errors.ts'
import { pathOf, workspacePath } from '../gateway/address.ts'
import type { Front, Target } from '../gateway/front.ts'
import { isNavigation, valuesOf } from '../gateway/requests.ts'
import { guestCookie, guestTokens, knownBy, type GuestFrontDeps } from './guest-front.ts'
import type { PlainTarget } from './listener.ts'
import { sendClearPage, sendGuestPage } from './guest-page.ts'

const MAX_BODY_BYTES = 4 * 1024
/** A body has to have come by then. */
const BODY_MS = 10_000

const ENTER = '/.berth/enter'
const DOORBELL = '/.berth/doorbell'
/** The first page for somebody who is in already. */
const DOOR = '/.berth/door'
const CERTIFICATE = '/.berth/ca.crt'

const entering = z.strictObject({ link: z.string(), name: z.string() })

export interface GuestDoorDeps {
  originOf: Front['originOf']
  guestOf: GuestFrontDeps['guestOf']
  /**
   * Exchanges a link for a token; `tokens` are those that the browser has.
   * @throws {AppError} SHARE_OVER, TOO_MANY_TRIES, INVALID_INPUT, …
   */
  enter: (
    id: string,
    input: { link: string; name: string },
    address: string,
    tokens: readonly string[],
  ) => { token: string; expiresAt: number; state: 'RINGING' | 'IN'; workspace: string }
  /** The certificate (PEM) of this machine's authority; undefined while there is none. */
  authority: () => { certificate: string; fingerprint: string } | undefined
  /** What this machine is called. */
  machine: string
  now: () => number
  sendProblem: (response: ServerResponse, error: unknown) => void
}

/** What the listeners on the local network show to those who are not in yet. */
export function createGuestDoor(deps: GuestDoorDeps) {
  const { originOf, machine, sendProblem } = deps

  async function enter(request: IncomingMessage, response: ServerResponse, target: Target): Promise<void> {
    const origins = valuesOf(request, 'origin')
    const site = request.headers['sec-fetch-site'] ?? 'same-origin'
    if (origins.length !== 1 || origins[0] !== originOf(target.id, null) || site !== 'same-origin')
      throw new AppError('FORBIDDEN', 'Only the page that the link leads to may do this')
    if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
      throw new AppError('UNSUPPORTED_MEDIA_TYPE')
    const input = parse(await readBody(request))
    const address = (request.socket.remoteAddress ?? '').replace(/^::ffff:/, '')
    const entry = deps.enter(target.id, input, address, guestTokens(request, target))
    const { name, path } = guestCookie(target)
    const maxAge = Math.floor((entry.expiresAt - deps.now()) / 1_000)
    response.setHeader(
      'Set-Cookie',
      `${name}=${entry.token}; Path=${path}; Max-Age=${maxAge}; HttpOnly; Secure; SameSite=Lax`,
    )
    sendJson(response, { state: entry.state, workspace: entry.workspace })
  }

  /** Answers how far the guest has come. */
  function doorbell(request: IncomingMessage, response: ServerResponse, target: Target): void {
    const known = knownBy(deps.guestOf, request, target)
    if (!known) throw new AppError('NOT_LET_IN')
    sendJson(response, { state: known.guest.state })
  }

  function certificate(response: ServerResponse): void {
    const authority = deps.authority()
    if (!authority) throw new AppError('NOT_FOUND')
    response
      .writeHead(200, {
        'Content-Type': 'application/x-x509-ca-cert',
        'Content-Disposition': 'attachment; filename="berth-ca.crt"',
        'Content-Length': Buffer.byteLength(authority.certificate),
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      })
      .end(authority.certificate)
  }

  const trustAt = (href: string) => ({ href, fingerprint: deps.authority()?.fingerprint ?? '' })

  /** Whether somebody who goes there is shown the first page, and is. */
  function visit(request: IncomingMessage, response: ServerResponse, target: Target): boolean {
    const home = `${workspacePath(target.id)}/`
    const known = knownBy(deps.guestOf, request, target)
    const isIn = known?.guest.state === 'IN'
    // The cookie is for what lies below; what follows the # goes along.
    if (target.path === '') return redirect(response, home)
    // Somebody who is in follows a link: its secret is not for the workspace to see.
    const site = request.headers['sec-fetch-site'] ?? 'same-origin'
    if (isIn && target.path === '/' && target.search === '' && site !== 'same-origin')
      return redirect(response, workspacePath(target.id) + DOOR)
    if (isIn && target.path !== DOOR) return false
    sendGuestPage(response, {
      machine,
      workspace: known?.row.name,
      state: known?.guest.state,
      base: `${home}.berth/`,
      next: target.path === DOOR ? home : pathOf(target),
      trust: trustAt(workspacePath(target.id) + CERTIFICATE),
    })
    return true
  }

  return {
    /** Comes before the gateway, over TLS. True when it answers. */
    handle(request: IncomingMessage, response: ServerResponse, target: Target): boolean {
      if (target.port !== null) return false
      const failed = (error: unknown): void => sendProblem(response, error)
      const call = `${request.method} ${target.path}`
      try {
        if (call === `POST ${ENTER}`) void enter(request, response, target).catch(failed)
        else if (call === `GET ${DOORBELL}`) doorbell(request, response, target)
        else if (call === `GET ${CERTIFICATE}`) certificate(response)
        else return isNavigation(request) && visit(request, response, target)
      } catch (error) {
        failed(error)
      }
      return true
    },

    /** Answers in the clear: the certificate, or a page that leads to the same place over TLS. Nothing else is served so. */
    plain(request: IncomingMessage, response: ServerResponse, target: PlainTarget): void {
      try {
        if (request.method === 'GET' && target.path === CERTIFICATE) return certificate(response)
        if (!isNavigation(request))
          throw new AppError('FORBIDDEN', 'This is served over HTTPS only', {
            hint: 'Begin the address with https.',
          })
        const root = target.port === null ? workspacePath(target.id) : ''
        sendClearPage(response, { machine, href: target.httpsUrl, trust: trustAt(root + CERTIFICATE) })
      } catch (error) {
        sendProblem(response, error)
      }
    },
  }
}

function redirect(response: ServerResponse, location: string): true {
  response
    .writeHead(302, {
      Location: location,
      'Content-Length': 0,
      'Cache-Control': 'no-store',
      'Referrer-Policy': 'no-referrer',
    })
    .end()
  return true
}

function sendJson(response: ServerResponse, body: unknown): void {
  const text = JSON.stringify(body)
  response
    .writeHead(200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': Buffer.byteLength(text),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    })
    .end(text)
}

function parse(text: string): z.infer<typeof entering> {
  try {
    return entering.parse(JSON.parse(text))
  } catch (error) {
    throw new AppError('INVALID_INPUT', 'The body is not {"link": …, "name": …}', { cause: error })
  }
}

/** The whole body. What is too large is answered at once and read on for a while, as closing would take the answer away. */
function readBody(request: IncomingMessage): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const late = setTimeout(() => request.destroy(), BODY_MS)
    request.once('close', () => clearTimeout(late))
    request.on('error', () => undefined) // nobody is left to answer
    request.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    request.on('data', (chunk: Buffer) => {
      bytes += chunk.length
      if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
      else reject(new AppError('PAYLOAD_TOO_LARGE'))
    })
  })
}
