import { createStore, type StoreApi } from 'zustand/vanilla'
import type { SignedIn, User } from '../../main/core/api.ts'
import { ApiError, type Client, type Credential } from '../api/client.ts'
import { messages } from '../messages.ts'

export type Session =
  | { readonly status: 'starting' }
  | { readonly status: 'signed-out'; readonly notice: string | null }
  | {
      readonly status: 'signed-in'
      readonly token: string
      /** Null while nobody could be asked. */
      readonly user: User | null
      /** Another session is on its way, and this one may end. */
      readonly handover?: true
    }

export type SessionStore = StoreApi<Session>

const KEY = 'berth.session'

export function createSession(): SessionStore {
  return createStore<Session>(() => ({ status: 'starting' }))
}

export function tokenOf(session: Session): string | null {
  return session.status === 'signed-in' ? session.token : null
}

/** Decides how the page begins: with the code it came with, else with the session it kept, which is renewed. */
export async function begin(store: SessionStore, client: Client, code: string | null): Promise<void> {
  const kept = read()
  const problem = code === null ? null : await signIn(store, client, { code }).catch(toNotice)
  if (store.getState().status === 'signed-in') {
    // Nobody has it any more, and it would live on. Where nobody answers, it does so until it is idle.
    if (kept !== null) void client.logout(kept).catch(() => undefined)
    return
  }
  const token = read()
  if (token === null) return store.setState({ status: 'signed-out', notice: problem ?? null }, true)
  try {
    goOn(store, await client.renew(token))
  } catch (error) {
    if (!(error instanceof ApiError && error.status === 401))
      return store.setState({ status: 'signed-in', token, user: null }, true)
    forget(token)
    if (read() !== null) return begin(store, client, null) // another tab was first
    store.setState({ status: 'signed-out', notice: messages.signIn.ended }, true)
  }
}

export async function signIn(store: SessionStore, client: Client, credential: Credential): Promise<void> {
  goOn(store, await client.login(credential))
}

/** Ends the session here and in every other tab. */
export async function signOut(store: SessionStore, client: Client): Promise<void> {
  const token = tokenOf(store.getState())
  await client.logout()
  if (token !== null) forget(token)
  store.setState({ status: 'signed-out', notice: null }, true)
}

/** Makes all secrets anew, which ends every session, and goes on with the one session that follows. */
export async function rotate(store: SessionStore, client: Client): Promise<void> {
  const now = store.getState()
  if (now.status !== 'signed-in') return
  store.setState({ ...now, handover: true }, true)
  try {
    goOn(store, await client.rotate())
  } catch (error) {
    store.setState(now, true)
    if (error instanceof ApiError && error.status === 401) end(store, now.token)
    throw error
  }
}

/** `token` is the one that was refused; a newer one is none of its business. */
export function end(store: SessionStore, token: string): void {
  const now = store.getState()
  if (now.status === 'signed-in' && now.handover) return
  forget(token)
  if (tokenOf(now) !== token) return
  const newer = read() // another tab may have signed in meanwhile
  if (newer === null) store.setState({ status: 'signed-out', notice: messages.signIn.ended }, true)
  else store.setState({ status: 'signed-in', token: newer, user: null }, true)
}

/** Another tab has begun, renewed or ended a session: this one goes along. */
export async function follow(store: SessionStore, client: Client): Promise<void> {
  const token = read()
  const now = store.getState()
  if (now.status === 'starting' || tokenOf(now) === token) return
  if (token === null) return store.setState({ status: 'signed-out', notice: messages.signIn.ended }, true)
  const user = await client.user(token).catch(() => null)
  // Where nobody can be asked, the session at hand does until it is refused.
  if (user !== null && read() === token) store.setState({ status: 'signed-in', token, user }, true)
}

function goOn(store: SessionStore, { session_token: token, user }: SignedIn): void {
  write(token)
  store.setState({ status: 'signed-in', token, user }, true)
}

function forget(token: string): void {
  if (read() === token) write(null)
}

function toNotice(error: unknown): string {
  if (error instanceof ApiError && (error.status === 0 || error.status >= 500)) return error.message
  return messages.signIn.usedLink
}

// Storage can be switched off in a browser; then the session lasts as long as the page.
function read(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}

function write(token: string | null): void {
  try {
    if (token === null) localStorage.removeItem(KEY)
    else localStorage.setItem(KEY, token)
  } catch {
    // See above.
  }
}
