import { STATUS_CODES, createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import sirv from 'sirv'
import { AppError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { parseAddress, type Address } from '../gateway/address.ts'
import type { Front } from '../gateway/front.ts'
import type { Gateway } from '../gateway/gateway.ts'
import { refuseUpgrade } from '../gateway/proxy.ts'
import {
  MAX_HEADERS,
  hasTooManyHeaders,
  isFrom,
  isSafe,
  refuseHeaders,
  valuesOf,
} from '../gateway/requests.ts'
import { sendProblem, toProblem } from './problem.ts'

const API = '/api/v1'
/** What a client may take up before it is known; times in milliseconds. */
const LIMITS = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 10_000,
  connectionsCheckingInterval: 2_000,
  /** In all: each WebSocket of an editor is one. */
  maxConnections: 4_000,
}
const CSP =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; font-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

/** For so long a client may read why its connection ends. */
const LINGER_MS = 1_000
const REFUSALS: Record<string, string> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
}

export interface ServerDeps {
  api: (request: IncomingMessage, response: ServerResponse, path: string, search: string) => void
  gateway: Pick<Gateway, 'handle' | 'upgrade'>
  /** By what those come in who are served here. */
  front: Front
  /** The built dashboard. */
  rendererDir: string
  log: Logger
  limits?: typeof LIMITS
}

/** The one listener, on 127.0.0.1: dashboard and API on the plain origin, workspaces on theirs. */
export function createHttpServer({ api, gateway, front, rendererDir, log, limits = LIMITS }: ServerDeps) {
  const server = createServer({ ...limits, requestTimeout: 0 }) // a large file takes its time
  server.maxConnections = limits.maxConnections
  server.maxHeadersCount = MAX_HEADERS
  const dashboard = sirv(rendererDir, {
    etag: true,
    setHeaders(response, path) {
      response.setHeader('Content-Security-Policy', CSP)
      response.setHeader('X-Content-Type-Options', 'nosniff')
      response.setHeader('Referrer-Policy', 'no-referrer')
      response.setHeader('Cross-Origin-Opener-Policy', 'same-origin-allow-popups')
      response.setHeader(
        'Cache-Control',
        path.includes('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
      )
    },
  })

  const portOf = (): number => (server.address() as AddressInfo | null)?.port ?? 0

  /** @throws {AppError} when the host or the path is none of ours. */
  function addressOf(request: IncomingMessage): Exclude<Address, { kind: 'refused' }> {
    const hosts = valuesOf(request, 'host')
    if (hosts.length > 1) throw new AppError('INVALID_INPUT', 'There is more than one Host header')
    const address = parseAddress(hosts, request.url ?? '', portOf())
    if (address.kind === 'refused')
      throw new AppError(address.why === 'host' ? 'HOST_NOT_ALLOWED' : 'NOT_FOUND')
    return address
  }

  function plain(request: IncomingMessage, response: ServerResponse, path: string, search: string): void {
    if (path === API || path.startsWith(`${API}/`)) {
      const site = request.headers['sec-fetch-site']
      const isStranger =
        request.headers.origin !== undefined && !isFrom(request, `http://${request.headers.host}`)
      if ((isStranger && !isSafe(request)) || site === 'cross-site' || site === 'same-site')
        throw new AppError('FORBIDDEN', 'Only the dashboard may do this')
      return api(request, response, path.slice(API.length), search)
    }
    dashboard(request, response, () => sendProblem(response, new AppError('NOT_FOUND'), log))
  }

  server.on('request', (request, response) => {
    response.on('error', () => response.destroy())
    response.once('finish', () => endRest(request))
    if (hasTooManyHeaders(request)) return refuseHeaders(response)
    try {
      const address = addressOf(request)
      if (request.method === 'TRACE') throw new AppError('METHOD_NOT_ALLOWED')
      if (address.kind === 'workspace') gateway.handle(front, request, response, address)
      else plain(request, response, address.path, address.search)
    } catch (error) {
      response.shouldKeepAlive = false // who is not understood once is not listened to again
      sendProblem(response, error, log)
    }
  })

  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (hasTooManyHeaders(request)) return refuseUpgrade(socket, 431, STATUS_CODES[431]!)
    try {
      const address = addressOf(request)
      if (address.kind === 'workspace') gateway.upgrade(front, request, socket, head, address)
      else refuseUpgrade(socket, 404, 'Not Found')
    } catch (error) {
      const { code, status } = toProblem(error)
      if (code === 'INTERNAL') log.error({ err: error }, 'an upgrade failed')
      refuseUpgrade(socket, status, STATUS_CODES[status] ?? '')
    }
  })

  server.on('connect', (_, socket) => refuseUpgrade(socket, 405, 'Method Not Allowed'))

  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
    const status = REFUSALS[error.code ?? ''] ?? '400 Bad Request'
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    setTimeout(() => socket.destroy(), LINGER_MS).unref() // closing at once would take the answer from the client
  })

  return { port: portOf, listen: (port: number) => listen(server, port), close: () => close(server) }
}

/** A body that nobody waits for any more holds its connection only until the answer can have been read. */
function endRest(request: IncomingMessage): void {
  if (request.complete) return
  const enough = (): void => {
    if (!request.complete) request.socket.destroy()
  }
  setTimeout(enough, LINGER_MS).unref()
}

/** Resolves to the port; rejects with the system's error (`EADDRINUSE`, …). */
function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, '127.0.0.1', () => {
      server.off('error', reject)
      resolve((server.address() as AddressInfo).port)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
