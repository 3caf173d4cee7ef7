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
/** Of each user: codes, and sessions of workspaces, beyond which the oldest goes. */
const MAX_OF_USER = 1_000
/** A code printed for a person to follow by hand. */
export const PRINTED_CODE_MS = 60 * MINUTE

/** In place of a session's id: the installation's token was sent. */
const TOKEN_SESSION = 'token'

const hash = (secret: string): Buffer => createHash('sha256').update(secret).digest()
const ofApi = (userId: string): Scope => ({ userId, parentId: null, workspaceId: null, port: null })
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

/** Where the installation's token is kept. */
export interface TokenFile {
  read: () => string
  /** Whole or not at all. */
  write: (token: string) => void
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
  let rotations = 0
  const codes = new Map<string, { scope: Scope; expiresAt: number }>()
  /** The newest token of a session, by its id, while the one before is good too. */
  const newest = new Map<string, { token: string; until: number }>()

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

  /** A session that nobody has yet. */
  function make(scope: Scope, until = Infinity): { session: Session; hashed: Buffer; issued: Issued } {
    const [at, token] = [now(), newSecret()]
    const expiresAt = Math.min(at + SESSION_MS, until)
    const session = { id: randomUUID(), ...scope, createdAt: at, renewedAt: at, seenAt: at, expiresAt }
    return { session, hashed: hash(token), issued: { token, expiresAt, userId: scope.userId } }
  }

  function begin(scope: Scope): Issued | undefined {
    const { userId, parentId, workspaceId } = scope
    const parent = parentId === null ? undefined : accounts.sessionById(parentId)
    if ((parentId !== null && parent?.userId !== userId) || !accounts.user(userId)) return undefined
    const { session, hashed, issued } = make(scope, parent?.expiresAt)
    accounts.addSession(hashed, session)
    if (workspaceId !== null) ended(accounts.removeOldestSessions(userId, MAX_OF_USER))
    return issued
  }

  function renewed({ id, expiresAt, userId }: Session): Issued {
    const token = newSecret()
    accounts.renewSession(id, hash(token), now(), now() + OVERLAP_MS)
    return { token, expiresAt, userId }
  }

  function ended(ids: string[]): void {
    for (const id of ids) newest.delete(id)
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
    const issued = begin(ofApi(userId))
    if (!issued) throw new AppError('UNAUTHENTICATED')
    return issued
  }

  /** After new secrets came to nothing: the token until now is put back, and whatever is in the file counts. */
  function putBack(file: TokenFile, was: string): void {
    try {
      if (file.read() !== was) file.write(was)
    } catch {
      // then another is in it
    }
    try {
      const kept = hash(file.read())
      if (isToken(kept)) return
      tokenHash = kept
      ended([TOKEN_SESSION])
    } catch {
      // nobody can tell what is in it
    }
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
      const theirs = [...codes].filter(([, code]) => code.scope.userId === scope.userId)
      if (theirs.length >= MAX_OF_USER) codes.delete(theirs[0]![0])
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
     * Another token for a session of the API; the one until now is good for a minute more, and is given the same other
     * one again. One that is new itself stays. So windows that begin together have the same, whoever is answered first.
     * The installation's token begins a session.
     * @throws {AppError} UNAUTHENTICATED
     */
    renew(token: string): Issued {
      const hashed = hash(token)
      if (isToken(hashed)) return beginFor(owner.id)
      const session = sessionOf(hashed)
      if (session?.workspaceId !== null) throw new AppError('UNAUTHENTICATED')
      const at = now()
      for (const [id, { until }] of newest) if (until <= at) newest.delete(id)
      const { id, userId, expiresAt } = session
      if (session.isNewest && at - session.renewedAt < OVERLAP_MS) return { token, expiresAt, userId }
      const known = session.isNewest ? undefined : newest.get(id)
      if (known) return { token: known.token, expiresAt, userId }
      const issued = renewed(session)
      newest.set(id, { token: issued.token, until: at + OVERLAP_MS })
      return issued
    },

    /** Ends a session and all that was entered from it. The installation's token ends with nothing but `rotate`. */
    signOut(sessionId: string): void {
      ended(accounts.removeSession(sessionId))
    },

    /** Ends all sessions of a user. */
    endAll(userId: string): void {
      ended(accounts.removeSessionsOf(userId))
    },

    /**
     * Ends all sessions of who asks but the one that asks, and but the windows of workspaces that the installation's
     * token opened; what was entered from these stays too.
     */
    endOthers({ user, sessionId }: Principal): void {
      ended(accounts.removeOtherSessionsOf(user.id, sessionId))
    },

    /** Ends what has expired. A session that is `inUse` (it has open connections) is not idle. */
    sweep(inUse: (sessionId: string) => boolean = () => false): void {
      const at = now()
      for (const id of accounts.unseenSessions(at - SEEN_MS)) if (inUse(id)) noteSeen(id)
      ended(accounts.removeStaleSessions(at, at - IDLE_MS))
    },

    /**
     * The installation gets another token: the one until now, all codes, all sessions and the password of the desktop's
     * own user are over, and one session begins. When this throws, all of them are as before.
     */
    rotate(file: TokenFile): Issued {
      const was = file.read()
      const token = newSecret()
      const { session, hashed, issued } = make(ofApi(owner.id))
      let over: string[]
      try {
        over = accounts.beginAnew(hashed, session, () => file.write(token))
      } catch (error) {
        putBack(file, was)
        throw error
      }
      rotations++
      tokenHash = hash(token)
      codes.clear()
      ended([...over, TOKEN_SESSION])
      return issued
    },

    /** How often that happened: who asked before is nobody any more. */
    rotations: () => rotations,

    user: (id: string): User | undefined => accounts.user(id),
  }
}
