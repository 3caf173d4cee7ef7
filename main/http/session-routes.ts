import { z } from 'zod'
import * as api from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import type { Accounts } from '../service/accounts.ts'
import type { Issued, Sessions, TokenFile } from '../service/sessions.ts'
import { route, type Route } from './router.ts'

export interface SessionRoutesDeps {
  sessions: Sessions
  accounts: Accounts
  tokenFile: TokenFile
  /** Makes all else anew that is secret, and ends what was entered with it. */
  rotate: () => void
}

const nothing = z.strictObject({}).optional()

/** Who comes in, and by what: sessions, accounts, secrets. */
export function createSessionRoutes(deps: SessionRoutesDeps): Route[] {
  const { sessions, accounts } = deps

  function signedIn({ token, expiresAt, userId }: Issued): api.SignedIn {
    const user = sessions.user(userId)
    if (!user) throw new AppError('UNAUTHENTICATED')
    return { session_token: token, expires_at: new Date(expiresAt).toISOString(), user: accounts.user(user) }
  }

  function refused(message: string): AppError {
    return new AppError('UNAUTHENTICATED', message, {
      hint: 'Use the address that Berth prints, or the token in the file "token" of the data directory.',
    })
  }

  return [
    route({
      method: 'POST',
      path: '/login',
      summary: "Begin a session with a name and password, the installation's token, or a one-time code",
      open: true,
      body: api.login,
      status: 200,
      answer: api.signedIn,
      async handle({ body }) {
        if ('name' in body) return signedIn(await accounts.signIn(body.name, body.password))
        const issued = 'code' in body ? sessions.redeem(body.code, null, null) : sessions.signIn(body.token)
        if (!issued)
          throw refused('code' in body ? 'This sign-in link was used or is too old' : 'This is not the token')
        return signedIn(issued)
      },
    }),
    route({
      method: 'POST',
      path: '/logout',
      summary: 'End this session, and what was entered from it',
      body: nothing,
      status: 204,
      handle: ({ sessionId }) => sessions.signOut(sessionId),
    }),
    route({
      method: 'GET',
      path: '/session',
      summary: 'Who I am',
      status: 200,
      answer: api.session,
      handle: ({ user }) => ({ user: accounts.user(user) }),
    }),
    route({
      method: 'POST',
      path: '/session:renew',
      summary: 'Another token for this session; the one until now is good for a minute more',
      body: nothing,
      status: 200,
      answer: api.signedIn,
      handle: ({ bearer }) => signedIn(sessions.renew(bearer)),
    }),
    route({
      method: 'GET',
      path: '/accounts',
      summary: "Who has workspaces here; for the desktop's own user",
      status: 200,
      answer: api.accountList,
      handle: ({ user }) => ({ items: accounts.list(user) }),
    }),
    route({
      method: 'POST',
      path: '/accounts',
      summary: "Add somebody; for the desktop's own user",
      body: api.createAccount,
      status: 201,
      answer: api.account,
      handle: ({ user, body }) => accounts.create(user, body),
    }),
    route({
      method: 'PATCH',
      path: '/accounts/{id}',
      summary: 'Change a name or password; the others their own password alone',
      body: api.patchAccount,
      status: 200,
      answer: api.account,
      handle: ({ user, sessionId, id, body }) => accounts.change({ user, sessionId }, id, body),
    }),
    route({
      method: 'DELETE',
      path: '/accounts/{id}',
      summary: "Remove somebody who has no workspaces left; for the desktop's own user",
      status: 204,
      handle: ({ user, id }) => accounts.remove(user, id),
    }),
    route({
      method: 'POST',
      path: '/secrets:rotate',
      summary:
        "Make all secrets anew, and end every session, share and the desktop's own user's password but for the session that this answers",
      body: nothing,
      status: 200,
      answer: api.signedIn,
      handle({ user }) {
        if (!accounts.isKeeper(user)) throw new AppError('FORBIDDEN')
        // The sessions last: until then the one at hand can try again.
        deps.rotate()
        return signedIn(sessions.rotate(deps.tokenFile))
      },
    }),
  ]
}
