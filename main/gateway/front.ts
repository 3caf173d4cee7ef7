import type { IncomingMessage } from 'node:http'
import type { AppError } from '../core/errors.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { Page } from './pages.ts'

/** What of a workspace a request is for: its editor below `/w/<id>`, or the server on a port inside it, on an origin of its own. */
export interface Target {
  readonly kind: 'workspace'
  readonly id: string
  /** Null: the editor. */
  readonly port: number | null
  /** Whether it came to an origin that has this and nothing else; only there a cookie counts. */
  readonly own: boolean
  /** What follows `/w/<id>` (empty, or it begins with `/`); of a port's origin the whole path. */
  readonly path: string
  readonly search: string
}

/** Somebody who may enter, and what they may do. */
export interface Visit {
  readonly row: WorkspaceRow
  /** Whose connections these are (`session:<id>`, `guest:<id>`): all of them end when this visitor has to go. */
  readonly visitor: string
  /** Whether a navigation wakes the workspace. */
  readonly mayWake: boolean
  /** Whether the buttons of the waiting page are theirs, and why it failed is told in full. */
  readonly isOwner: boolean
}

/** The value of a cookie, told this once; `expiresAt` in milliseconds since the epoch. */
export interface Ticket {
  readonly token: string
  readonly expiresAt: number
}

/** By what visitors come in: the listener of this machine, or one on the local network. It knows its origins, and who is who. */
export interface Front {
  /** Pages are served over TLS. */
  readonly secure: boolean
  /** Where all workspaces are; null for who may not go there. */
  dashboard(): string | null
  /** The origin of a workspace's editor, or of a server inside it; undefined when that is not served here. */
  originOf(id: string, port: number | null): string | undefined
  /** Where the editor finds servers inside: an address that ends in `/`, with `{{port}}` in place of the port. */
  portTemplate(id: string): string
  /**
   * The cookie that names a visitor there. `embeds`: the editor shows this origin in a frame, and the browser takes the
   * two for different sites.
   */
  cookieOf(target: Pick<Target, 'id' | 'port'>): { name: string; path: string; embeds?: true }
  /**
   * The one place that says who may come in, for HTTP, events and WebSockets alike.
   * @throws {AppError} UNAUTHENTICATED, FORBIDDEN, NOT_FOUND, …
   */
  admit(request: IncomingMessage, target: Target): Visit
  /** Whether the request names its visitor by something that no browser adds by itself. */
  isProgram(request: IncomingMessage): boolean
  /** Whether who is not known on the origin of a port is sent to the editor, which knows them perhaps. */
  leadsBack(request: IncomingMessage): boolean
  /** A code with which this visitor enters the server on a port, once. */
  issueCode(visit: Visit, port: number): string
  /** Exchanges a code for the value of the cookie. */
  redeem(code: string, target: Target): Ticket | undefined
  /** Another value for the cookie, when it is time for one. */
  renew?(request: IncomingMessage, target: Target): Ticket | undefined
  /** What a browser is shown that may not enter. */
  refusal(error: AppError, target: Target): Page
}
