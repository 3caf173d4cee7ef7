import {
  Agent,
  STATUS_CODES,
  request as httpRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  type ServerResponse,
} from 'node:http'
import type { Duplex } from 'node:stream'
import { AppError } from '../core/errors.ts'
import { connectionOf, type Upstream } from '../core/upstream.ts'
import { requestHeaders, responseHeaders, upgradeHeaders, type Place } from './headers.ts'

/** A document larger than this is not rewritten, in bytes. */
const MAX_REWRITTEN = 2 ** 21

/** For what upstream still says to a WebSocket whose client has hung up. */
const LINGER_MS = 2_000

export interface Hop extends Place {
  /** Where to, path and query, as upstream knows them. */
  readonly path: string
  readonly upstream: Upstream
}

// No connection is used twice: Node before 22.23.2 / 24.18.1 can be made to mix up requests on one (CVE-2026-58044).
const agent = new Agent({ keepAlive: false })

/** Upstream's status. What is none, and would make us throw, counts as a bad gateway. */
const statusOf = ({ statusCode = 0 }: IncomingMessage): number =>
  statusCode < 200 || statusCode > 999 ? 502 : statusCode

const secretOf = (upstream: Upstream): string | undefined =>
  'cookie' in upstream ? upstream.cookie : undefined

export interface Proxying {
  /** Upstream has begun to answer. */
  answered: (status: number) => void
  /** It could not be asked; nothing was answered then. */
  failed: (error: AppError) => void
  /** Code-server has reached nobody on the port; true when that was answered. */
  unheard?: () => boolean
  /** What an HTML document is sent as. */
  rewrite?: ((html: string) => string) | undefined
}

/** Forwards one request. */
export function proxyRequest(
  request: IncomingMessage,
  response: ServerResponse,
  hop: Hop,
  { answered, failed, unheard, rewrite }: Proxying,
): void {
  const headers = requestHeaders(request, hop, secretOf(hop.upstream))
  const forward = httpRequest({
    ...connectionOf(hop.upstream),
    agent,
    method: request.method,
    path: hop.path,
    headers: rewrite ? { ...headers, 'accept-encoding': 'identity' } : headers,
    setHost: false,
  })
  let over = false
  function fail(cause: unknown): void {
    if (over) return
    over = true
    forward.destroy()
    if (response.headersSent || response.destroyed) return void response.destroy()
    failed(new AppError('UPSTREAM_FAILED', undefined, { cause }))
  }
  function pass(answer: IncomingMessage): void {
    const status = statusOf(answer)
    answered(status)
    const { 'content-type': type, 'content-encoding': encoding, 'content-length': length } = answer.headers
    // Only code-server says this without a word on what it says.
    if (hop.port !== null && status === 500 && type === undefined && unheard?.()) return void answer.resume()
    if (rewrite && status === 200 && type?.startsWith('text/html') && !encoding && isSmall(length))
      return sendRewritten(answer, response, responseHeaders(answer, hop, request), rewrite)
    response.writeHead(status, responseHeaders(answer, hop, request))
    response.flushHeaders()
    answer.pipe(response)
  }
  forward.on('response', (answer) => {
    answer.on('error', () => response.destroy())
    try {
      pass(answer)
    } catch (error) {
      fail(error) // whatever a workspace says, it is no reason to end
    }
  })
  forward.on('error', fail)
  forward.on('upgrade', (_, upstream) => {
    // It is nobody's any more: not the request's, which would listen to it and close it.
    upstream.on('error', () => undefined)
    upstream.destroy()
    fail(new Error('upstream switched protocols unasked'))
  })
  // Whichever side goes first takes the other with it.
  response.on('close', () => forward.destroy())
  request.on('error', () => forward.destroy())
  request.pipe(forward)
}

const isSmall = (length: string | undefined): boolean => Number(length ?? 0) <= MAX_REWRITTEN

/** Sends a document once it is there whole; one that grows too large is cut off. */
function sendRewritten(
  answer: IncomingMessage,
  response: ServerResponse,
  headers: OutgoingHttpHeaders,
  rewrite: (html: string) => string,
): void {
  const chunks: Buffer[] = []
  let bytes = 0
  answer.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    chunks.push(chunk)
    if (bytes > MAX_REWRITTEN) response.destroy()
  })
  answer.on('end', () => {
    if (response.headersSent || response.destroyed) return // it has failed after all
    const document = Buffer.from(rewrite(Buffer.concat(chunks).toString('utf8')))
    response.writeHead(200, { ...headers, 'content-length': document.length }).end(document)
  })
}

/** Forwards a WebSocket. `onOpen` is called once it is there; what it returns, when it has ended, by whatever side. */
export function proxyUpgrade(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
  hop: Hop,
  onOpen: () => () => void,
): void {
  const forward = httpRequest({
    ...connectionOf(hop.upstream),
    agent: false,
    method: 'GET',
    path: hop.path,
    headers: upgradeHeaders(request, hop, secretOf(hop.upstream)),
    setHost: false,
  })
  // Nobody reads yet, and so nobody would see the client leave.
  const look = (): void => {
    if (socket.readableLength === 0) socket.read()
  }
  const leave = (): void => void forward.destroy()
  socket.on('readable', look)
  socket.on('end', leave)
  socket.on('error', () => socket.destroy())
  socket.on('close', leave)
  forward.on('error', () => refuseUpgrade(socket, 502, 'Bad Gateway'))
  // Upstream said something else than 101: that is the answer.
  forward.on('response', (answer) => {
    answer.on('error', () => undefined)
    answer.destroy()
    const status = statusOf(answer)
    refuseUpgrade(socket, status, STATUS_CODES[status] ?? '')
  })
  forward.on('upgrade', (answer, upstream, upstreamHead) => {
    socket.off('readable', look).off('end', leave)
    upstream.on('error', () => upstream.destroy())
    upstream.on('close', () => socket.end(() => socket.destroy())) // once its last words are through
    socket.on('close', () => upstream.destroy())
    // Who has hung up waits for nobody: upstream could hold the connection for ever.
    socket.on('end', () => setTimeout(() => upstream.destroy(), LINGER_MS).unref())
    if (socket.destroyed) return void upstream.destroy()
    socket.on('close', onOpen())
    socket.write(handshake(answer, hop, request))
    if (upstreamHead.length > 0) socket.write(upstreamHead)
    if (head.length > 0) upstream.write(head)
    socket.pipe(upstream)
    upstream.pipe(socket)
  })
  forward.end()
}

function handshake(answer: IncomingMessage, place: Place, request: IncomingMessage): string {
  const headers = { ...responseHeaders(answer, place, request), connection: 'Upgrade', upgrade: 'websocket' }
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
