import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import { AppError } from '../core/errors.ts'
import type { AccountTable, User } from '../db/accounts.ts'

const DAY = 86_400_000
const SESSION_MS = 30 * DAY
const CODE_MS = 60_000
/** A code printed for a person to follow by hand. */
export const PRINTED_CODE_MS = 60 * 60_000

const hash = (secret: string): Buffer => createHash('sha256').update(secret).digest()
const newSecret = (): string => randomBytes(32).toString('base64url')

/** What a code or session is good for: the API, or the pages of one workspace. */
export type Scope = { readonly userId: string; readonly workspaceId: string | null }

export type Sessions = ReturnType<typeof createSessions>

/**
 * Who is asking. Three kinds of secret, each of 256 random bits and kept only as its hash:
 * the installation's token (the desktop's own user), session tokens, and codes that are exchanged once for a session.
 */
export function createSessions(deps: {
  accounts: AccountTable
  owner: User
  token: string
  now: () => number
}) {
  const { accounts, owner, now } = deps
  const tokenHash = hash(deps.token)
  const codes = new Map<string, { scope: Scope; expiresAt: number }>()

  function scopeOf(secret: string): Scope | undefined {
    const hashed = hash(secret)
    if (timingSafeEqual(hashed, tokenHash)) return { userId: owner.id, workspaceId: null }
    return accounts.session(hashed, now())
  }

  function begin(scope: Scope): { token: string; expiresAt: number } {
    const token = newSecret()
    const expiresAt = now() + SESSION_MS
    accounts.addSession(hash(token), { ...scope, expiresAt }, now())
    return { token, expiresAt }
  }

  /** The user whom an API bearer token names. */
  function bearerUser(bearer: string): User | undefined {
    const scope = scopeOf(bearer)
    return scope?.workspaceId === null ? accounts.user(scope.userId) : undefined
  }

  return {
    bearerUser,

    /** The same, for what needs one. @throws {AppError} UNAUTHENTICATED */
    requireUser(bearer: string | undefined): User {
      const user = bearer === undefined ? undefined : bearerUser(bearer)
      if (!user) throw new AppError('UNAUTHENTICATED')
      return user
    },

    /** The user whom a workspace session names, if it is for this workspace. */
    workspaceUser(cookie: string, workspaceId: string): User | undefined {
      const scope = scopeOf(cookie)
      return scope?.workspaceId === workspaceId ? accounts.user(scope.userId) : undefined
    },

    /** Makes a code that is good for one `redeem`, within `ms`. */
    issueCode(scope: Scope, ms = CODE_MS): string {
      for (const [key, code] of codes) if (code.expiresAt <= now()) codes.delete(key)
      const code = newSecret()
      codes.set(hash(code).toString('hex'), { scope, expiresAt: now() + ms })
      return code
    },

    /** Exchanges a code for a session, once; undefined when it is not (or no longer) good for that. */
    redeem(
      code: string,
      workspaceId: string | null,
    ): { token: string; expiresAt: number; userId: string } | undefined {
      const key = hash(code).toString('hex')
      const found = codes.get(key)
      if (!found || found.expiresAt <= now() || found.scope.workspaceId !== workspaceId) return undefined
      codes.delete(key)
      return { ...begin(found.scope), userId: found.scope.userId }
    },

    /** A session for whoever knows the installation's token. */
    signIn(token: string): { token: string; expiresAt: number; userId: string } | undefined {
      if (!timingSafeEqual(hash(token), tokenHash)) return undefined
      return { ...begin({ userId: owner.id, workspaceId: null }), userId: owner.id }
    },

    signOut(bearer: string): void {
      accounts.removeSession(hash(bearer))
    },

    user: (id: string): User | undefined => accounts.user(id),
  }
}
