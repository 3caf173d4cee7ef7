import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { workspacePath } from './address.ts'

/** The cookie of a workspace session. Names that begin so are ours: upstream neither sees nor sets them. */
export const COOKIE = 'berth-workspace'
/** The cookie of a session for the server on a port. */
export const PORT_COOKIE = 'berth-port'
const RESERVED_COOKIE = /^=?\s*(__\w+-(\w+-)?)?berth-/i // browsers send a cookie without a name as its value alone
const CODE_SERVER_COOKIE = /^code-server-session/

/** Whose headers these are, and by what way they came. */
export interface Place {
  readonly id: string
  /** Null: the editor. */
  readonly port: number | null
  /** Served over TLS, on a host that is not this one's alone: a browser sends its cookies to all ports of it. */
  readonly secure: boolean
  /** The origin of the workspace's editor, when that and no other may show the server on a port in a frame. */
  readonly editor: string | undefined
  /** The request's `Authorization` is the server's own affair, not what it came in by. */
  readonly theirs: boolean
}

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
/** What would reach beyond the workspace's own path, or its address; what of it is kept is rewritten. */
const NOT_ANSWERED = new Set([
  'service-worker-allowed',
  'clear-site-data',
  'alt-svc',
  'set-cookie',
  'location',
])

/** Names listed in `Connection`: for this hop only. Where a body ends is never one of them. */
function listed(headers: IncomingHttpHeaders): Set<string> {
  const names = (headers.connection ?? '').split(',').map((name) => name.trim().toLowerCase())
  return new Set(names.filter((name) => name !== 'content-length' && name !== 'transfer-encoding'))
}

/** So many cookies of one name are looked at. */
const MAX_SAME = 5

/** The values of a cookie, from a `Cookie` header: who else is on the host, or below it, may have set one of its name. */
export function cookiesOf(header: string | undefined, name: string): string[] {
  return pairs(header)
    .filter((pair) => pair.startsWith(`${name}=`))
    .slice(0, MAX_SAME)
    .map((pair) => pair.slice(name.length + 1))
}

/** What the names of upstream's cookies begin with in the browser, where others could read and set them. */
const prefixOf = ({ id, port, secure }: Place): string => (secure ? `${id}-${port ?? 'editor'}-` : '')

const pairs = (header: string | undefined): string[] =>
  (header ?? '')
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair !== '')

/** A request's headers as upstream may see them. `secret`: the cookie that opens a published port. */
export function requestHeaders(
  request: IncomingMessage,
  place: Place,
  secret: string | undefined,
): OutgoingHttpHeaders {
  const { id, port, secure, theirs } = place
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
  if (theirs && headers.authorization !== undefined && !forThisHop.has('authorization'))
    out['authorization'] = headers.authorization
  // A body of unknown length stays one: otherwise Node would send none.
  if (headers['transfer-encoding'] !== undefined) out['transfer-encoding'] = 'chunked'
  const prefix = prefixOf(place)
  const cookies = pairs(headers.cookie)
    .filter((pair) => pair.startsWith(prefix))
    .map((pair) => pair.slice(prefix.length))
    .filter((pair) => pair !== '' && !RESERVED_COOKIE.test(pair) && !CODE_SERVER_COOKIE.test(pair))
  if (secret !== undefined) cookies.push(secret)
  if (cookies.length > 0) out['cookie'] = cookies.join('; ')
  out['x-forwarded-for'] = socket.remoteAddress ?? '' // unknown once the client has gone
  out['x-forwarded-host'] = headers.host
  out['x-forwarded-proto'] = secure ? 'https' : 'http'
  if (port === null) out['x-forwarded-prefix'] = workspacePath(id)
  return out
}

/** The request's headers for a WebSocket: the one upgrade that we forward. */
export function upgradeHeaders(
  request: IncomingMessage,
  place: Place,
  secret: string | undefined,
): OutgoingHttpHeaders {
  return { ...requestHeaders(request, place, secret), connection: 'Upgrade', upgrade: 'websocket' }
}

/** An answer's headers as the client may see them, kept within the workspace's path, or the port's origin. */
export function responseHeaders(
  upstream: IncomingMessage,
  place: Place,
  request: IncomingMessage,
): OutgoingHttpHeaders {
  const { id, port, secure } = place
  const { headers } = upstream
  const forThisHop = listed(headers)
  const out: OutgoingHttpHeaders = {}
  for (const [name, value] of Object.entries(headers))
    if (!HOP_BY_HOP.has(name) && !forThisHop.has(name) && !NOT_ANSWERED.has(name)) out[name] = value
  const path = port === null ? `${workspacePath(id)}/` : undefined
  const prefix = prefixOf(place)
  const cookies = (headers['set-cookie'] ?? []).flatMap((cookie) => ownCookie(cookie, prefix, path) ?? [])
  if (cookies.length > 0) out['set-cookie'] = cookies
  const origin = `${secure ? 'https' : 'http'}://${request.headers.host}`
  const { location, 'service-worker-allowed': scope } = headers
  if (location !== undefined)
    out['location'] =
      port === null
        ? ownLocation(location, id, new URL(request.url ?? '', origin))
        : portLocation(location, port, origin)
  // A server on a port has its origin to itself; the editor's service worker may have the workspace, and no more.
  if (port !== null && scope !== undefined) out['service-worker-allowed'] = scope
  else if (port === null && request.headers['service-worker'] === 'script')
    out['service-worker-allowed'] = path
  const framedBy = embedders(headers, place)
  // A policy more: none of upstream's is loosened by it.
  if (framedBy !== undefined)
    out['content-security-policy'] = [headers['content-security-policy'], `frame-ancestors ${framedBy}`]
      .filter((policy) => policy !== undefined)
      .join(', ')
  return out
}

/** Who may show it in a frame; undefined when that is left to upstream. */
function embedders(headers: IncomingHttpHeaders, { port, editor }: Place): string | undefined {
  if (port === null) return "'self'"
  const says =
    headers['x-frame-options'] !== undefined ||
    /(^|[;,])\s*frame-ancestors/i.test(String(headers['content-security-policy'] ?? ''))
  return editor === undefined || says ? undefined : `'self' ${editor}`
}

/**
 * A `Set-Cookie` without a domain, for `path` alone where one is given, with `prefix` before the name; undefined when it
 * would set one of ours.
 */
function ownCookie(cookie: string, prefix: string, path: string | undefined): string | undefined {
  if (RESERVED_COOKIE.test(cookie.trim())) return undefined
  const [pair = '', ...attributes] = cookie.split(';')
  const dropped = path === undefined ? /^\s*domain\s*(=|$)/i : /^\s*(domain|path)\s*(=|$)/i
  const kept = attributes.filter((attribute) => !dropped.test(attribute))
  return [
    prefix === '' ? pair : prefix + pair.trim(),
    ...kept,
    ...(path === undefined ? [] : [` Path=${path}`]),
  ].join(';')
}

/** Bytes, which browsers read so. */
const textOf = (location: string): string => Buffer.from(location, 'latin1').toString('utf8')

/** A redirect within upstream, as one that stays below the prefix; to another's address it is left as it is. */
function ownLocation(location: string, id: string, here: URL): string {
  const prefix = workspacePath(id)
  const text = textOf(location)
  if (!URL.canParse(text, here)) return `${prefix}/`
  const there = new URL(text, here)
  if (there.host !== here.host) return location
  const path = there.pathname + there.search + there.hash
  return path.startsWith(`${prefix}/`) ? path : prefix + path
}

/**
 * A redirect of the server on a port, without the prefix that code-server puts before it; one to the address that the
 * server has inside stays on its origin.
 */
function portLocation(location: string, port: number, origin: string): string {
  const prefix = `/proxy/${port}`
  if (location === prefix) return '/'
  if (location.startsWith(`${prefix}/`)) return location.slice(prefix.length)
  const text = textOf(location)
  if (!URL.canParse(text)) return location
  const there = new URL(text)
  const usual = { 'http:': '80', 'https:': '443' }[there.protocol]
  if (usual === undefined) return location
  const inside = ['localhost', '127.0.0.1', '0.0.0.0', '[::1]'].includes(there.hostname)
  const isInside = inside && (there.port || usual) === String(port)
  if (!isInside && there.host !== new URL(origin).host) return location
  const path = there.pathname + there.search + there.hash
  return path.startsWith('//') ? `/.${path}` : path // a path, not another's host
}
