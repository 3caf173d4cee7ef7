import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { workspacePath } from './address.ts'

/** The cookie of a workspace session. Names that begin so are ours: upstream neither sees nor sets them. */
export const COOKIE = 'berth-workspace'
const RESERVED_COOKIE = /^=?\s*(__host-|__secure-)?berth-/i // browsers send a cookie without a name as its value alone
const CODE_SERVER_COOKIE = /^code-server-session/

/** RFC 9110 §7.6.1, and what is as much between two hops as these. */
const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])
/** Credentials of ours, what we answer ourselves, and what a client may not claim. */
const NOT_FORWARDED = new Set(['authorization', 'cookie', 'expect', 'forwarded'])
/** What would reach beyond the workspace's own path; what of it is kept is rewritten. */
const NOT_ANSWERED = new Set(['service-worker-allowed', 'clear-site-data', 'set-cookie', 'location'])

/** Names listed in `Connection`: for this hop only. */
function listed(headers: IncomingHttpHeaders): Set<string> {
  return new Set((headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase()))
}

/** The value of a cookie, from a `Cookie` header. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  return pairs(header)
    .find((pair) => pair.startsWith(`${name}=`))
    ?.slice(name.length + 1)
}

const pairs = (header: string | undefined): string[] =>
  (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')

/** A request's headers as upstream may see them. `secret`: the cookie that opens a published port. */
export function requestHeaders(
  request: IncomingMessage,
  id: string,
  secret: string | undefined,
): OutgoingHttpHeaders {
  const { headers, socket } = request
  const forThisHop = listed(headers)
  const out: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers))
    if (
      !HOP_BY_HOP.has(name) &&
      !forThisHop.has(name) &&
      !NOT_FORWARDED.has(name) &&
      !name.startsWith('x-forwarded-')
    )
      out[name] = value
  // A body of unknown length stays one: otherwise Node would send none.
  if (headers['transfer-encoding'] !== undefined) out['transfer-encoding'] = 'chunked'
  const cookies = pairs(headers.cookie).filter(
    (pair) => !RESERVED_COOKIE.test(pair) && !CODE_SERVER_COOKIE.test(pair),
  )
  if (secret !== undefined) cookies.push(secret)
  if (cookies.length > 0) out['cookie'] = cookies.join('; ')
  out['x-forwarded-for'] = socket.remoteAddress ?? '' // unknown once the client has gone
  out['x-forwarded-host'] = headers.host
  out['x-forwarded-proto'] = 'http'
  out['x-forwarded-prefix'] = workspacePath(id)
  return out
}

/** The request's headers for a WebSocket: the one upgrade that we forward. */
export function upgradeHeaders(
  request: IncomingMessage,
  id: string,
  secret: string | undefined,
): OutgoingHttpHeaders {
  return { ...requestHeaders(request, id, secret), connection: 'Upgrade', upgrade: 'websocket' }
}

/** An answer's headers as the client may see them, kept within the workspace's path. */
export function responseHeaders(
  upstream: IncomingMessage,
  id: string,
  request: IncomingMessage,
): OutgoingHttpHeaders {
  const { headers } = upstream
  const forThisHop = listed(headers)
  const out: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers))
    if (!HOP_BY_HOP.has(name) && !forThisHop.has(name) && !NOT_ANSWERED.has(name)) out[name] = value
  const cookies = (headers['set-cookie'] ?? []).flatMap((cookie) => ownCookie(cookie, id) ?? [])
  if (cookies.length > 0) out['set-cookie'] = cookies
  if (headers.location !== undefined) out['location'] = ownLocation(headers.location, id, request)
  // The editor's service worker may have the workspace, and no more.
  if (request.headers['service-worker'] === 'script') out['service-worker-allowed'] = `${workspacePath(id)}/`
  return out
}

/** A `Set-Cookie` for this workspace's path alone; undefined when it would set one of ours. */
function ownCookie(cookie: string, id: string): string | undefined {
  if (RESERVED_COOKIE.test(cookie.trim())) return undefined
  const [pair, ...attributes] = cookie.split(';')
  const kept = attributes.filter((attribute) => !/^\s*(domain|path)\s*(=|$)/i.test(attribute))
  return [pair, ...kept, ` Path=${workspacePath(id)}/`].join(';')
}

/** A redirect within upstream, as one that stays below the prefix; to another's address it is left as it is. */
function ownLocation(location: string, id: string, { headers, url = '' }: IncomingMessage): string {
  const prefix = workspacePath(id)
  const here = new URL(`http://${headers.host}${url}`)
  const text = Buffer.from(location, 'latin1').toString('utf8') // bytes, which browsers read so
  if (!URL.canParse(text, here)) return `${prefix}/`
  const there = new URL(text, here)
  if (there.host !== here.host) return location
  const path = there.pathname + there.search + there.hash
  return path.startsWith(`${prefix}/`) ? path : prefix + path
}
