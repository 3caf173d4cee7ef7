import { Agent, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError } from '../core/errors.ts'
import { connectionOf, type Upstream } from '../core/upstream.ts'
import { requestHeaders, responseHeaders, upgradeHeaders } from './headers.ts'

export interface Hop {
  id: string
  /** Where to, path and query, without our prefix. */
  path: string
  upstream: Upstream
}

// No connection is used twice: Node before 22.23.2 / 24.18.1 can be made to mix up requests on one (CVE-2026-58044).
const agent = new Agent({ keepAlive: false })

/** Upstream's status. What is none, and would make us throw, counts as a bad gateway. */
const statusOf = ({ statusCode = 0 }: IncomingMessage): number => (statusCode < 200 ? 502 : statusCode)

const secretOf = (upstream: Upstream): string | undefined =>
  'cookie' in upstream ? upstream.cookie : undefined

/** Forwards one request. `answered` is told the status; `failed` that upstream could not be asked (nothing was answered then). */
export function proxyRequest(
  request: IncomingMessage,
  response: ServerResponse,
  hop: Hop,
  on: { answered: (status: number) => void; failed: (error: AppError) => void },
): void {
  const forward = httpRequest({
    ...connectionOf(hop.upstream),
    agent,
    method: request.method,
    path: hop.path,
    headers: requestHeaders(request, hop.id, secretOf(hop.upstream)),
    setHost: false,
  })
  forward.on('response', (answer) => {
    const status = statusOf(answer)
    on.answered(status)
    response.writeHead(status, responseHeaders(answer, hop.id, request))
    response.flushHeaders()
    answer.pipe(response)
    answer.on('error', () => response.destroy())
  })
  forward.on('error', (error) => {
    if (response.headersSent || response.destroyed) return void response.destroy()
    on.failed(new AppError('UPSTREAM_FAILED', undefined, { cause: error }))
  })
  forward.on('upgrade', () => forward.emit('error', new Error('upstream switched protocols unasked')))
  // Whichever side goes first takes the other with it.
  response.on('close', () => forward.destroy())
  request.on('error', () => forward.destroy())
  request.pipe(forward)
}

export type Sockets = ReturnType<typeof createSockets>

/** The upgraded connections of each workspace, so that a stopped one keeps none. */
export function createSockets() {
  const open = new Map<string, Set<Duplex>>()

  function close(id: string): void {
    for (const socket of open.get(id) ?? []) socket.destroy()
  }

  return {
    close,
    add(id: string, socket: Duplex): void {
      const sockets = open.get(id) ?? new Set()
      open.set(id, sockets.add(socket))
      socket.once('close', () => {
        sockets.delete(socket)
        if (sockets.size === 0 && open.get(id) === sockets) open.delete(id)
      })
    },
    closeAll(): void {
      for (const id of open.keys()) close(id)
    },
    count: (id: string): number => open.get(id)?.size ?? 0,
  }
}

/** Forwards a WebSocket. `onOpen` is called once it is there; what it returns, when it has ended, by whatever side. */
export function proxyUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  hop: Hop,
  { sockets, onOpen }: { sockets: Sockets; onOpen: () => () => void },
): void {
  const forward = httpRequest({
    ...connectionOf(hop.upstream),
    agent: false,
    method: 'GET',
    path: hop.path,
    headers: upgradeHeaders(request, hop.id, secretOf(hop.upstream)),
    setHost: false,
  })
  sockets.add(hop.id, socket)
  socket.on('error', () => socket.destroy())
  socket.on('close', () => forward.destroy())
  forward.on('error', () => refuseUpgrade(socket, 502, 'Bad Gateway'))
  // Upstream said something else than 101: that is the answer.
  forward.on('response', (answer) => {
    answer.resume()
    refuseUpgrade(socket, statusOf(answer), answer.statusMessage ?? '')
  })
  forward.on('upgrade', (answer, upstream, upstreamHead) => {
    upstream.on('error', () => upstream.destroy())
    upstream.on('close', () => socket.end(() => socket.destroy())) // once its last words are through
    socket.on('close', () => upstream.destroy())
    if (socket.destroyed) return void upstream.destroy()
    socket.on('close', onOpen())
    socket.write(handshake(answer, hop.id, request))
    if (upstreamHead.length > 0) socket.write(upstreamHead)
    if (head.length > 0) upstream.write(head)
    socket.pipe(upstream)
    upstream.pipe(socket)
  })
  forward.end()
}

function handshake(answer: IncomingMessage, id: string, request: IncomingMessage): string {
  const headers = { ...responseHeaders(answer, id, request), connection: 'Upgrade', upgrade: 'websocket' }
  const lines = Object.entries(headers).flatMap(([name, value]) =>
    [value].flat().map((one) => `${name}: ${String(one)}`),
  )
  return ['HTTP/1.1 101 Switching Protocols', ...lines, '', ''].join('\r\n')
}

/** Answers an upgrade with a refusal and closes the connection. */
export function refuseUpgrade(socket: Duplex, status: number, reason: string): void {
  socket.on('error', () => socket.destroy())
  if (!socket.destroyed)
    socket.end(`HTTP/1.1 ${status} ${reason}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`, () =>
      socket.destroy(),
    )
}
