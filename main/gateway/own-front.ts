import type { IncomingMessage } from 'node:http'
import { AppError } from '../core/errors.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import { portOrigin, workspaceOrigin, workspacePath } from './address.ts'
import type { Front, Target, Ticket } from './front.ts'
import { COOKIE, PORT_COOKIE, cookiesOf } from './headers.ts'
import type { Page } from './pages.ts'
import { isForeign } from './requests.ts'

interface Principal<User> {
  readonly user: User
  readonly sessionId: string
}

export interface OwnFrontDeps<User> {
  port: () => number
  sessions: {
    bearer: (bearer: string) => Principal<User> | undefined
    visitor: (cookie: string, workspaceId: string, port: number | null) => Principal<User> | undefined
    issueCode: (scope: { userId: string; parentId: string; workspaceId: string; port: number }) => string
    redeem: (code: string, workspaceId: string, port: number | null) => Ticket | undefined
    renewVisitor: (cookie: string, workspaceId: string, port: number | null) => Ticket | undefined
  }
  /** The token of `Authorization: Bearer <token>`. */
  bearerOf: (request: IncomingMessage) => string | undefined
  /** @throws {AppError} NOT_FOUND, FORBIDDEN */
  enter: (user: User, id: string) => WorkspaceRow
}

const VISITOR = 'session:'

/** By what the people of this machine come in: an origin for each workspace, and for each server inside it. */
export function createOwnFront<User>({
  port: listening,
  sessions,
  bearerOf,
  enter,
}: OwnFrontDeps<User>): Front {
  const dashboard = (): string => `http://127.0.0.1:${listening()}/`

  const cookieName = ({ port }: Pick<Target, 'port'>): string => (port === null ? COOKIE : PORT_COOKIE)
  /** Whose cookie it is, and its value. */
  function holderOf(
    request: IncomingMessage,
    target: Target,
  ): { cookie: string; principal: Principal<User> } | undefined {
    for (const cookie of cookiesOf(request.headers.cookie, cookieName(target))) {
      const principal = sessions.visitor(cookie, target.id, target.port)
      if (principal) return { cookie, principal }
    }
    return undefined
  }

  function programOf(request: IncomingMessage): Principal<User> | undefined {
    const bearer = bearerOf(request)
    return bearer === undefined ? undefined : sessions.bearer(bearer)
  }

  /** On an origin that is the workspace's alone a cookie counts too; on the plain one nothing that a browser adds by itself. */
  function principalOf(request: IncomingMessage, target: Target): Principal<User> | undefined {
    const program = programOf(request)
    if (program || !target.own || isForeign(request)) return program
    return holderOf(request, target)?.principal
  }

  return {
    secure: false,
    dashboard,
    originOf: (id, port) =>
      port === null ? workspaceOrigin(id, listening()) : portOrigin(id, port, listening()),
    portTemplate: (id) => `${portOrigin(id, '{{port}}', listening())}/`,
    cookieOf: ({ id, port }) =>
      port === null
        ? { name: COOKIE, path: `${workspacePath(id)}/` }
        : { name: PORT_COOKIE, path: '/', embeds: true },
    admit(request, target) {
      const principal = principalOf(request, target)
      if (!principal) throw new AppError('UNAUTHENTICATED')
      const row = enter(principal.user, target.id)
      return { row, visitor: VISITOR + principal.sessionId, mayWake: true, isOwner: true }
    },
    isProgram: (request) => programOf(request) !== undefined,
    leadsBack: () => true, // where all of them are is in its very name
    issueCode: ({ row, visitor }, port) =>
      sessions.issueCode({
        userId: row.ownerId,
        parentId: visitor.slice(VISITOR.length),
        workspaceId: row.id,
        port,
      }),
    redeem: (code, { id, port }) => sessions.redeem(code, id, port),
    renew(request, target) {
      const holder = programOf(request) ? undefined : holderOf(request, target)
      return holder && sessions.renewVisitor(holder.cookie, target.id, target.port)
    },
    refusal: (error, target) => refusalPage(error, target, dashboard()),
  }
}

function refusalPage(error: AppError, target: Target, dashboard: string): Page {
  switch (error.code) {
    case 'UNAUTHENTICATED': {
      const next = (target.path || '/') + target.search
      const link = {
        href: `${dashboard}#${new URLSearchParams({ open: target.id, next })}`,
        label: 'Sign in',
      }
      return {
        status: 401,
        title: 'Sign in to Berth',
        text: 'This workspace opens once you are signed in.',
        link,
        go: true,
      }
    }
    case 'FORBIDDEN':
      return {
        status: 403,
        title: 'Not yours',
        text: `This workspace belongs to somebody else. ${error.hint}`,
      }
    default:
      return {
        status: 404,
        title: 'No such workspace',
        text: 'It may have been deleted.',
        link: { href: dashboard, label: 'All workspaces' },
      }
  }
}
