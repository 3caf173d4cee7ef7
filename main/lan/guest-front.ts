import type { IncomingMessage } from 'node:http'
import { AppError } from '../core/errors.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { workspacePath } from '../gateway/address.ts'
import type { Front, Target } from '../gateway/front.ts'
import { cookiesOf } from '../gateway/headers.ts'
import type { Page } from '../gateway/pages.ts'
import { isForeign } from '../gateway/requests.ts'

/** A guest whose token is good, as far as it matters here. */
export interface KnownGuest {
  readonly guest: { readonly id: string; readonly state: 'RINGING' | 'IN' }
  readonly share: { readonly wakes: boolean; readonly ports: readonly number[] }
  readonly row: WorkspaceRow
}

export interface GuestFrontDeps {
  originOf: Front['originOf']
  /** Whose token that is, while it is good for this workspace's editor, or for the server on a port of it. */
  guestOf: (token: string, id: string, port: number | null) => KnownGuest | undefined
  /** @throws {AppError} FORBIDDEN when they may not reach that port. */
  issueCode: (guestId: string, port: number) => string
  redeemCode: (code: string, id: string, port: number) => { token: string; expiresAt: number } | undefined
}

const PREFIX = 'guest:'
const COOKIE = 'berth-guest'

/** A browser sends a cookie to every port of a host: by their names each origin knows its own. */
export const guestCookie: Front['cookieOf'] = ({ id, port }) =>
  port === null
    ? { name: COOKIE, path: `${workspacePath(id)}/` }
    : { name: `${COOKIE}-${id}-${port}`, path: '/' }

/** The tokens in a request's cookies, one of which may be good. A page of another origin, also one on the same machine, has none. */
export function guestTokens(request: IncomingMessage, target: Pick<Target, 'id' | 'port'>): string[] {
  return isForeign(request) ? [] : cookiesOf(request.headers.cookie, guestCookie(target).name)
}

/** Who comes with a request, if it is a guest whose token is good there. */
export function knownBy(
  guestOf: GuestFrontDeps['guestOf'],
  request: IncomingMessage,
  { id, port }: Pick<Target, 'id' | 'port'>,
): KnownGuest | undefined {
  for (const token of guestTokens(request, { id, port })) {
    const known = guestOf(token, id, port)
    if (known) return known
  }
  return undefined
}

/** The way in for guests: they have a cookie, and nothing else counts. */
export function createGuestFront({ originOf, guestOf, issueCode, redeemCode }: GuestFrontDeps): Front {
  return {
    secure: true,
    dashboard: () => null,
    originOf,
    // An address of the editor, which leads to the origin of the port: where that is, is not known beforehand.
    portTemplate: (id) => `${originOf(id, null) ?? ''}${workspacePath(id)}/proxy/{{port}}/`,
    cookieOf: guestCookie,

    admit(request, target) {
      const known = knownBy(guestOf, request, target)
      if (known?.guest.state !== 'IN')
        throw new AppError('UNAUTHENTICATED', 'You are not let in', { hint: HINT })
      const { guest, share, row } = known
      if (target.port !== null && !share.ports.includes(target.port))
        throw new AppError('FORBIDDEN', `Port ${target.port} is not shared with you`)
      return { row, visitor: PREFIX + guest.id, mayWake: share.wakes, isOwner: false }
    },

    isProgram: () => false,
    // Strangers who try every port of this machine are not told of which workspace it is, nor where the rest is.
    leadsBack: ({ headers }) => ['same-origin', 'same-site'].includes(String(headers['sec-fetch-site'])),
    issueCode: ({ visitor }, port) => issueCode(visitor.slice(PREFIX.length), port),
    redeem: (code, { id, port }) => (port === null ? undefined : redeemCode(code, id, port)),
    refusal,
  }
}

const HINT = 'Open the link that you were given.'
const FIRST = 'Open the link that you were given first. In the editor behind it, “Ports” leads here.'

function refusal({ code, message, hint }: AppError, { port }: Target): Page {
  switch (code) {
    case 'UNAUTHENTICATED':
      return { status: 401, title: 'You are not let in', text: port === null ? HINT : FIRST }
    case 'FORBIDDEN':
      return { status: 403, title: 'Not shared with you', text: `${message}. ${hint}` }
    default:
      return { status: 404, title: 'Not shared', text: 'There is nothing here, or no longer.' }
  }
}
