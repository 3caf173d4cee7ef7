import {
  STATUS_CODES,
  createServer as createHttpServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import { createServer, type AddressInfo, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { AppError, ERRORS, toAppError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { parseOwnAddress, pathOf } from '../gateway/address.ts'
import type { Target } from '../gateway/front.ts'
import { refuseUpgrade } from '../gateway/proxy.ts'
import { MAX_HEADERS, hasTooManyHeaders, refuseHeaders, valuesOf } from '../gateway/requests.ts'

/** What strangers on the network may take of us. */
export const LIMITS = {
  /** Connections of one listener. */
  total: 256,
  /** Of these, from one address. */
  perAddress: 64,
  /** For the first byte, for the TLS handshake, and for the head of each request. */
  headMs: 10_000,
  headBytes: 16 * 1_024,
  /** For the rest of a body, after the answer. */
  restMs: 1_000,
}

/** The first byte of a TLS connection: a handshake record. No HTTP request begins so. */
const TLS_HANDSHAKE = 0x16

/** What is asked for in the clear, and where it is to be asked for. */
export type PlainTarget = Target & { readonly httpsUrl: string }

export interface ListenerDeps {
  /** The one thing that is served; every other path is 404. */
  place: Pick<Target, 'id' | 'port'>
  /** The only address that is listened on. */
  address: string
  /** By what names this machine is asked for besides. */
  names: () => readonly string[]
  certificate: Certificate
  request: (request: IncomingMessage, response: ServerResponse, target: Target) => void
  upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer, target: Target) => void
  /** Answers what came without TLS. */
  plain: (request: IncomingMessage, response: ServerResponse, target: PlainTarget) => void
  sendProblem: (response: ServerResponse, error: unknown) => void
  log: Logger
  limits?: Partial<typeof LIMITS>
}

/** PEM, both. */
interface Certificate {
  key: string
  cert: string
}

export interface Listener {
  readonly port: number
  /** For connections from now on. */
  setCertificate: (certificate: Certificate) => void
  /** Ends its connections too. */
  close: () => Promise<void>
}

/**
 * Listens for one workspace, or for one server inside it, on one address: over TLS, and in the clear on the same port for
 * an explanation. `port` 0 is any. Rejects with the system's error (`EADDRINUSE`, `EADDRNOTAVAIL`, …).
 */
export async function openListener(deps: ListenerDeps, port: number): Promise<Listener> {
  const limits = { ...LIMITS, ...deps.limits }
  const http: ServerOptions = {
    headersTimeout: limits.headMs,
    connectionsCheckingInterval: Math.min(limits.headMs, 1_000),
    requestTimeout: 0, // an upload may take its time
    maxHeaderSize: limits.headBytes,
  }
  const tls = { ...deps.certificate, minVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] } as const
  const secure = createHttpsServer({ ...http, ...tls, handshakeTimeout: limits.headMs })
  const clear = createHttpServer(http)
  for (const server of [secure, clear]) server.maxHeadersCount = MAX_HEADERS
  const front = createServer({ noDelay: true, keepAlive: true, keepAliveInitialDelay: 60_000 })
  front.maxConnections = limits.total

  const sockets = new Set<Socket>()
  const perAddress = new Map<string, number>()
  const origin = (): string => `https://${deps.address}:${listener.port}`

  /** @throws {AppError} when the host or the path is none of ours. */
  function targetOf(request: IncomingMessage): Target {
    const hosts = valuesOf(request, 'host')
    if (hosts.length > 1) throw new AppError('INVALID_INPUT', 'There is more than one Host header')
    const allowed = [deps.address, ...deps.names()].map((name) => `${name}:${listener.port}`)
    const target = parseOwnAddress(allowed, hosts, request.url ?? '', deps.place)
    if (target.kind === 'refused')
      throw new AppError(target.why === 'host' ? 'HOST_NOT_ALLOWED' : 'NOT_FOUND')
    return target
  }

  function answer(server: Server, how: ListenerDeps['request']): void {
    server.on('request', (request, response) => {
      response.on('error', () => response.destroy())
      response.on('finish', () => hurry(request))
      if (hasTooManyHeaders(request)) return refuseHeaders(response)
      try {
        const target = targetOf(request)
        if (request.method === 'TRACE') throw new AppError('METHOD_NOT_ALLOWED')
        how(request, response, target)
      } catch (error) {
        response.shouldKeepAlive = false // who is not understood once is not listened to again
        deps.sendProblem(response, error)
      }
    })
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      const status = error.code?.startsWith('HPE_')
        ? error.code === 'HPE_HEADER_OVERFLOW'
          ? 431
          : 400
        : error.code === 'ERR_HTTP_REQUEST_TIMEOUT'
          ? 408
          : undefined
      if (status === undefined || !socket.writable) socket.destroy()
      else refuseUpgrade(socket, status, STATUS_CODES[status]!)
    })
    // Node watches over slow heads from here on; neither server ever listens by itself.
    server.emit('listening')
  }

  /** Who was answered, and goes on with a body that nobody waits for, holds no connection by it for long. */
  function hurry(request: IncomingMessage): void {
    if (request.complete) return
    const { socket } = request
    const end = setTimeout(() => {
      if (!request.complete) socket.destroy()
    }, limits.restMs)
    socket.once('close', () => clearTimeout(end))
  }

  answer(secure, (request, response, target) => {
    // There is one origin, by which cookies and WebSockets are checked: names only lead to it.
    const byName = request.headers.host !== `${deps.address}:${listener.port}`
    if (byName && (request.method === 'GET' || request.method === 'HEAD'))
      response
        .writeHead(307, {
          Location: origin() + pathOf(target),
          'Cache-Control': 'no-store',
          'Referrer-Policy': 'no-referrer',
        })
        .end()
    else deps.request(request, response, target)
  })

  answer(clear, (request, response, target) =>
    deps.plain(request, response, { ...target, httpsUrl: origin() + pathOf(target) }),
  )

  secure.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    if (hasTooManyHeaders(request)) return refuseUpgrade(socket, 431, STATUS_CODES[431]!)
    try {
      deps.upgrade(request, socket, head, targetOf(request))
    } catch (error) {
      const { code } = toAppError(error)
      const [status] = ERRORS[code]
      if (code === 'INTERNAL') deps.log.error({ err: error }, 'an upgrade failed')
      refuseUpgrade(socket, status, STATUS_CODES[status] ?? '')
    }
  })

  front.on('connection', (socket) => {
    socket.on('error', () => socket.destroy())
    const from = socket.remoteAddress // undefined once it has gone
    const others = perAddress.get(from ?? '') ?? 0
    if (from === undefined || others >= limits.perAddress) return void socket.destroy()
    sockets.add(socket)
    perAddress.set(from, others + 1)
    socket.on('close', () => {
      sockets.delete(socket)
      const left = perAddress.get(from)! - 1
      if (left > 0) perAddress.set(from, left)
      else perAddress.delete(from)
    })
    const giveUp = (): void => void socket.destroy()
    socket.setTimeout(limits.headMs, giveUp)
    socket.once('readable', () => {
      const first = socket.read(1) as Buffer | null
      if (first === null) return giveUp()
      socket.setTimeout(0, giveUp)
      socket.unshift(first)
      ;(first[0] === TLS_HANDSHAKE ? secure : clear).emit('connection', socket)
    })
  })

  await new Promise<void>((resolve, reject) => {
    front.once('error', reject)
    front.listen({ port, host: deps.address, exclusive: true }, () => {
      front.off('error', reject)
      front.on('error', (error) => deps.log.warn({ err: error }, 'a listener of a share failed'))
      resolve()
    })
  }).catch((error: unknown) => {
    for (const server of [secure, clear]) server.close()
    throw error
  })

  const listener: Listener = {
    port: (front.address() as AddressInfo).port,
    setCertificate: ({ key, cert }) => secure.setSecureContext({ ...tls, key, cert }),
    close: () =>
      new Promise((resolve) => {
        front.close(() => resolve())
        for (const socket of sockets) socket.destroy()
        for (const server of [secure, clear]) server.close() // ends Node's watch
      }),
  }
  return listener
}
