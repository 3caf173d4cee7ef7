import { ID_PATTERN } from '../core/api.ts'

/** What a request is addressed to, from its `Host` and its request target. */
export type Address =
  /** The origin of the dashboard and the API. */
  | { readonly kind: 'plain'; readonly path: string; readonly search: string }
  /** Below `/w/<id>`; `path` is what follows (it begins with `/`, or is empty). `own`: on the workspace's own origin. */
  | {
      readonly kind: 'workspace'
      readonly id: string
      readonly own: boolean
      readonly path: string
      readonly search: string
    }
  | { readonly kind: 'refused'; readonly why: 'host' | 'path' }

const WORKSPACE_HOST = /^([0-9a-z]{26})\.localhost$/
const WORKSPACE_PATH = /^\/w\/([^/]*)(.*)$/
// What different parsers read differently: dot segments, backslashes, controls, encoded or not.
// eslint-disable-next-line no-control-regex -- to refuse them
const AMBIGUOUS = /\\|%5c|%00|(^|\/)(\.|%2e){1,2}(\/|$)|[\u0000-\u0020\u007f-\uffff]/i

/**
 * The only place where hosts and paths are read. `hosts` are the `Host` headers seen (there must be exactly one),
 * `target` is the raw request target, `port` the one we listen on.
 */
export function parseAddress(hosts: readonly string[], target: string, port: number): Address {
  const name = hosts.length === 1 ? hostName(hosts[0]!, port) : undefined
  if (name === undefined) return { kind: 'refused', why: 'host' }
  const [, path = '', search = ''] = /^([^?#]*)(\?[^#]*)?$/.exec(target) ?? []
  if (!path.startsWith('/') || AMBIGUOUS.test(path)) return { kind: 'refused', why: 'path' }

  const plain = name === '127.0.0.1' || name === 'localhost'
  const hostId = WORKSPACE_HOST.exec(name)?.[1]
  if (!plain && !isId(hostId)) return { kind: 'refused', why: 'host' }

  const [, id, rest = ''] = WORKSPACE_PATH.exec(path) ?? []
  if (id === undefined) {
    if (plain) return { kind: 'plain', path, search }
    // The root of a workspace's origin is the workspace; there is nothing else on it.
    return path === '/'
      ? { kind: 'workspace', id: hostId!, own: true, path: '', search }
      : { kind: 'refused', why: 'path' }
  }
  if (!isId(id) || (!plain && id !== hostId)) return { kind: 'refused', why: 'path' }
  return { kind: 'workspace', id, own: !plain, path: rest, search }
}

const isId = (text: string | undefined): text is string => text !== undefined && ID_PATTERN.test(text)

/** The host's name when the port is ours. */
function hostName(host: string, port: number): string | undefined {
  const [, name, digits] = /^([^:]+)(?::(\d+))?$/.exec(host) ?? []
  return Number(digits ?? 80) === port && (digits === undefined || digits === String(port)) ? name : undefined
}

/** The origin on which a workspace lives, alone. */
export const workspaceOrigin = (id: string, port: number): string => `http://${id}.localhost:${port}`
export const workspacePath = (id: string): string => `/w/${id}`
