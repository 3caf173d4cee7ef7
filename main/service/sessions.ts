import { createHash, randomBytes, randomUUID, timingSafeEqual } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { AccountTable, Session, User } from '../db/accounts.ts'

const MINUTE = 60_000
const DAY = 86_400_000
/** From the sign-in on, however often it is renewed. */
const SESSION_MS = 30 * DAY
/** One that is not used for so long is over. */
const IDLE_MS = 7 * DAY
/** How long a token is good after it was renewed, for requests under way. */
const OVERLAP_MS = MINUTE
/** The cookie of a workspace is renewed when it is so old. */
const COOKIE_MS = DAY
/** That a session is used is written at most so often. */
const SEEN_MS = MINUTE
const CODE_MS = MINUTE
/** A code printed for a person to follow by hand. */
export const PRINTED_CODE_MS = 60 * MINUTE

/** In place of a session's id: the installation's token was sent. */
export const TOKEN_SESSION = 'token'

const hash = (secret: string): Buffer => createHash('sha256').update(secret).digest()
const newSecret = (): string => randomBytes(32).toString('base64url')

/** What a code or session is good for: the API, or the pages of one workspace, or the server on a port inside it. */
export interface Scope {
  readonly userId: string
  /** The session that it is entered from, and that ends it too. */
  readonly parentId: string | null
  readonly workspaceId: string | null
  readonly port: number | null
}

/** Who is asking. */
export interface Principal {
  readonly user: User
  /** Whose connections end with the session: its id, or `token`. */
  readonly sessionId: string
}

/** A secret that names a session, told this once; `expiresAt` in milliseconds since the epoch. */
export interface Issued {
  readonly token: string
  readonly expiresAt: number
  readonly userId: string
}

export type Sessions = ReturnType<typeof createSessions>

/**
 * Who is asking. Three kinds of secret, each of 256 random bits and kept only as its hash:
 * the installation's token (the desktop's own user), session tokens, and codes that are exchanged once for a session.
 */
export function createSessions(deps: {
  accounts: AccountTable
  /** The desktop's own user. */
  owner: User
  token: string
  now: () => number
  /** These sessions are over: whoever holds connections of theirs ends them. */
  onEnd: (sessionIds: string[]) => void
}) {
  const { accounts, owner, now } = deps
  let tokenHash = hash(deps.token)
  const codes = new Map<string, { scope: Scope; expiresAt: number }>()

  const isToken = (hashed: Buffer): boolean => timingSafeEqual(hashed, tokenHash)

  /** The session with this token, which is in use now. */
  function sessionOf(hashed: Buffer) {
    const at = now()
    const session = accounts.session(hashed, at, at - IDLE_MS)
    if (session && at - session.seenAt >= SEEN_MS) noteSeen(session.id)
    return session
  }

  function noteSeen(id: string): void {
    try {
      accounts.seeSession(id, now())
    } catch {
      // a full disk keeps nobody out
    }
  }

  function principalOf(session: Session | undefined): Principal | undefined {
    const user = session && accounts.user(session.userId)
    return user && { user, sessionId: session.id }
  }

  function begin({ userId, parentId, workspaceId, port }: Scope): Issued | undefined {
    const at = now()
    const parent = parentId === null ? undefined : accounts.sessionById(parentId)
    if ((parentId !== null && parent?.userId !== userId) || !accounts.user(userId)) return undefined
    const expiresAt = Math.min(at + SESSION_MS, parent?.expiresAt ?? Infinity)
    const [id, token] = [randomUUID(), newSecret()]
    const times = { createdAt: at, renewedAt: at, seenAt: at, expiresAt }
    accounts.addSession(hash(token), { id, userId, parentId, workspaceId, port, ...times })
    return { token, expiresAt, userId }
  }

  function renewed({ id, expiresAt, userId }: Session): Issued {
    const token = newSecret()
    accounts.renewSession(id, hash(token), now(), now() + OVERLAP_MS)
    return { token, expiresAt, userId }
  }

  function ended(ids: string[]): void {
    if (ids.length > 0) deps.onEnd(ids)
  }

  /** Whom a bearer token of the API names. */
  function bearer(bearer: string): Principal | undefined {
    const hashed = hash(bearer)
    const user = isToken(hashed) ? accounts.user(owner.id) : undefined
    if (user) return { user, sessionId: TOKEN_SESSION }
    const session = sessionOf(hashed)
    return session?.workspaceId === null ? principalOf(session) : undefined
  }

  function visit(cookie: string, workspaceId: string, port: number | null): Session | undefined {
    const session = sessionOf(hash(cookie))
    return session?.workspaceId === workspaceId && session.port === port ? session : undefined
  }

  /** A new session of the API for this user. @throws {AppError} UNAUTHENTICATED when there is none. */
  function beginFor(userId: string): Issued {
    const issued = begin({ userId, parentId: null, workspaceId: null, port: null })
    if (!issued) throw new AppError('UNAUTHENTICATED')
    return issued
  }

  return {
    bearer,

    /** The same, for what needs one. @throws {AppError} UNAUTHENTICATED */
    requirePrincipal(token: string | undefined): Principal {
      const principal = token === undefined ? undefined : bearer(token)
      if (!principal) throw new AppError('UNAUTHENTICATED')
      return principal
    },

    /** Whom the cookie of a workspace names, if it is for this one, and for its editor (null) or this port of it. */
    visitor: (cookie: string, workspaceId: string, port: number | null): Principal | undefined =>
      principalOf(visit(cookie, workspaceId, port)),

    /** Another value for a cookie that is a day old; the one until now is good for a minute more. */
    renewVisitor(cookie: string, workspaceId: string, port: number | null): Issued | undefined {
      const session = visit(cookie, workspaceId, port)
      return session && now() - session.renewedAt >= COOKIE_MS ? renewed(session) : undefined
    },

    /** Makes a code that is good for one `redeem`, within `ms`. */
    issueCode(scope: Scope, ms = CODE_MS): string {
      for (const [key, code] of codes) if (code.expiresAt <= now()) codes.delete(key)
      const code = newSecret()
      const parentId = scope.parentId === TOKEN_SESSION ? null : scope.parentId
      codes.set(hash(code).toString('hex'), { scope: { ...scope, parentId }, expiresAt: now() + ms })
      return code
    },

    /**
     * Exchanges a code for a session, once; undefined when it is not (or no longer) good for that,
     * or when the session that it was made in is over.
     */
    redeem(code: string, workspaceId: string | null, port: number | null): Issued | undefined {
      const key = hash(code).toString('hex')
      const found = codes.get(key)
      if (!found || found.expiresAt <= now()) return undefined
      if (found.scope.workspaceId !== workspaceId || found.scope.port !== port) return undefined
      codes.delete(key)
      return begin(found.scope)
    },

    /** A session for whoever knows the installation's token. */
    signIn: (token: string): Issued | undefined => (isToken(hash(token)) ? beginFor(owner.id) : undefined),

    beginFor,

    /**
     * Another token for a session of the API; the one until now is good for a minute more. One that is new itself stays,
     * so that windows that begin together keep each other's. The installation's token begins a session.
     * @throws {AppError} UNAUTHENTICATED
     */
    renew(token: string): Issued {
      const hashed = hash(token)
      if (isToken(hashed)) return beginFor(owner.id)
      const session = sessionOf(hashed)
      if (session?.workspaceId !== null) throw new AppError('UNAUTHENTICATED')
      const isNew = session.isNewest && now() - session.renewedAt < OVERLAP_MS
      return isNew ? { token, expiresAt: session.expiresAt, userId: session.userId } : renewed(session)
    },

    /** Ends a session and all that was entered from it. The installation's token ends with nothing but `rotate`. */
    signOut(sessionId: string): void {
      ended(accounts.removeSession(sessionId))
    },

    /** Ends all sessions of a user but one, and but what was entered from that. */
    endAll(userId: string, but = ''): void {
      ended(accounts.removeSessionsOf(userId, but))
    },

    /** Ends what has expired. A session that is `inUse` (it has open connections) is not idle. */
    sweep(inUse: (sessionId: string) => boolean = () => false): void {
      const at = now()
      for (const id of accounts.unseenSessions(at - SEEN_MS)) if (inUse(id)) noteSeen(id)
      ended(accounts.removeStaleSessions(at, at - IDLE_MS))
    },

    /** The installation has another token: the old one, all codes and all sessions are over. */
    rotate(token: string): void {
      tokenHash = hash(token)
      codes.clear()
      ended([...accounts.removeAllSessions(), TOKEN_SESSION])
    },

    user: (id: string): User | undefined => accounts.user(id),
  }
}
