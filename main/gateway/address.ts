import { ID_PATTERN } from '../core/api.ts'
import type { Target } from './front.ts'

export interface Refused {
  readonly kind: 'refused'
  readonly why: 'host' | 'path'
}

/** What a request is addressed to, from its `Host` and its request target. */
export type Address =
  /** The origin of the dashboard and the API. */
  { readonly kind: 'plain'; readonly path: string; readonly search: string } | Target | Refused

const WORKSPACE_HOST = /^(?:([1-9]\d{0,4})--)?([0-9a-z]{26})\.localhost$/
const WORKSPACE_PATH = /^\/w\/([^/]*)(.*)$/
// What different parsers read differently: dot segments, backslashes, controls, encoded or not.
// eslint-disable-next-line no-control-regex -- to refuse them
const AMBIGUOUS = /\\|%5c|%00|(^|\/)(\.|%2e){1,2}(\/|$)|[\u0000-\u0020\u007f-\uffff]/i
// eslint-disable-next-line no-control-regex -- to refuse them
const CONTROLS = /[\u0000-\u0020\u007f]/

const HOST: Refused = { kind: 'refused', why: 'host' }
const PATH: Refused = { kind: 'refused', why: 'path' }

/**
 * The only place where hosts and paths are read. `hosts` are the `Host` headers seen (there must be exactly one),
 * `target` is the raw request target, `port` the one we listen on.
 */
export function parseAddress(hosts: readonly string[], target: string, port: number): Address {
  const name = hosts.length === 1 ? hostName(hosts[0]!, port) : undefined
  if (name === undefined) return HOST
  const parts = split(target)
  if (!parts) return PATH
  if (name === '127.0.0.1' || name === 'localhost') {
    const [, id, path = ''] = WORKSPACE_PATH.exec(parts.path) ?? []
    if (id === undefined) return { kind: 'plain', ...parts }
    return isId(id) ? { kind: 'workspace', id, port: null, own: false, ...parts, path } : PATH
  }
  const [, inside, id] = WORKSPACE_HOST.exec(name) ?? []
  if (!isId(id) || Number(inside ?? 1) > 65_535) return HOST
  // The root of a workspace's origin is the workspace; there is nothing else on it.
  if (inside === undefined && parts.path === '/')
    return { kind: 'workspace', id, port: null, own: true, ...parts, path: '' }
  return within({ id, port: inside === undefined ? null : Number(inside) }, parts)
}

/**
 * The same for a listener that has one place and nothing else: the editor of a workspace below `/w/<id>`, or the server
 * on a port inside it. `allowed` are the only values of `Host` that it answers to, with their ports.
 */
export function parseOwnAddress(
  allowed: readonly string[],
  hosts: readonly string[],
  target: string,
  place: Pick<Target, 'id' | 'port'>,
): Target | Refused {
  if (hosts.length !== 1 || !allowed.includes(hosts[0]!)) return HOST
  const parts = split(target)
  return parts ? within(place, parts) : PATH
}

interface Parts {
  readonly path: string
  readonly search: string
}

function split(target: string): Parts | undefined {
  const [, path = '', search = ''] = /^([^?#]*)(\?[^#]*)?$/.exec(target) ?? []
  return path.startsWith('/') && !AMBIGUOUS.test(path) && !CONTROLS.test(search)
    ? { path, search }
    : undefined
}

function within({ id, port }: Pick<Target, 'id' | 'port'>, { path, search }: Parts): Target | Refused {
  if (port !== null) return { kind: 'workspace', id, port, own: true, path, search }
  const [, named, rest = ''] = WORKSPACE_PATH.exec(path) ?? []
  return named === id ? { kind: 'workspace', id, port, own: true, path: rest, search } : PATH
}

const isId = (text: string | undefined): text is string => text !== undefined && ID_PATTERN.test(text)

/** The host's name when the port is ours. */
function hostName(host: string, port: number): string | undefined {
  const [, name, digits] = /^([^:]+)(?::(\d+))?$/.exec(host) ?? []
  return Number(digits ?? 80) === port && (digits === undefined || digits === String(port)) ? name : undefined
}

/** The origin on which a workspace lives, alone. */
export const workspaceOrigin = (id: string, port: number): string => `http://${id}.localhost:${port}`
/** The origin of the server on port `inside` of a workspace; `port` is the one we listen on. */
export const portOrigin = (id: string, inside: number | string, port: number): string =>
  `http://${inside}--${id}.localhost:${port}`
/** The query parameter that holds a one-time code, exchanged for the cookie on first use. */
export const CODE = 'berth-code'
export const workspacePath = (id: string): string => `/w/${id}`

/** The address of a target, from its origin's root on. */
export const pathOf = ({ id, port, path, search }: Pick<Target, 'id' | 'port' | 'path' | 'search'>): string =>
  (port === null ? workspacePath(id) + (path || '/') : path) + search

/**
 * Where a path of the editor's leads to that code-server would forward to a port inside: `other` when that is no port,
 * or not plainly one; undefined when the path is the editor's own.
 */
export function portPath(path: string): { port: number; path: string } | 'other' | undefined {
  const decoded = path.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
  const [first = ''] = decoded.split(/[/\\]/).filter((segment) => segment !== '' && segment !== '.')
  if (!/^(abs)?proxy$/i.test(first)) return undefined
  const [, absolute, digits, rest] = /^\/(abs)?proxy\/([1-9]\d{0,4})(\/.*)?$/.exec(path) ?? []
  const port = Number(digits)
  if (!(port <= 65_535)) return 'other'
  // Such a server knows the prefix and expects it.
  return { port, path: absolute === undefined ? (rest ?? '/') : path }
}
