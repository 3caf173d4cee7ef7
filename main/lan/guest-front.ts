import type { IncomingMessage } from 'node:http'
import { AppError } from '../core/errors.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { workspacePath } from '../gateway/address.ts'
import type { Front, Target } from '../gateway/front.ts'
import { cookieOf as valueOf } from '../gateway/headers.ts'
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

/** The token in a request's cookie. A page of another origin, also one on the same machine, has none. */
export function guestToken(
  request: IncomingMessage,
  target: Pick<Target, 'id' | 'port'>,
): string | undefined {
  return isForeign(request) ? undefined : valueOf(request.headers.cookie, guestCookie(target).name)
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
      const token = guestToken(request, target)
      const known = token === undefined ? undefined : guestOf(token, target.id, target.port)
      if (known?.guest.state !== 'IN')
        throw new AppError('UNAUTHENTICATED', 'You are not let in', { hint: HINT })
      const { guest, share, row } = known
      if (target.port !== null && !share.ports.includes(target.port))
        throw new AppError('FORBIDDEN', `Port ${target.port} is not shared with you`)
      return { row, visitor: PREFIX + guest.id, mayWake: share.wakes, isOwner: false }
    },

    isProgram: () => false,
    issueCode: ({ visitor }, port) => issueCode(visitor.slice(PREFIX.length), port),
    redeem: (code, { id, port }) => (port === null ? undefined : redeemCode(code, id, port)),
    refusal,
  }
}

const HINT = 'Open the link that you were given.'

function refusal({ code, message, hint }: AppError): Page {
  switch (code) {
    case 'UNAUTHENTICATED':
      return { status: 401, title: 'You are not let in', text: HINT }
    case 'FORBIDDEN':
      return { status: 403, title: 'Not shared with you', text: `${message}. ${hint}` }
    default:
      return { status: 404, title: 'Not shared', text: 'There is nothing here, or no longer.' }
  }
}
