import { createStore, type StoreApi } from 'zustand/vanilla'
import { ApiError, type Client, type Credential } from '../api/client.ts'
import { messages } from '../messages.ts'

export type Session =
  | { readonly status: 'starting' }
  | { readonly status: 'signed-out'; readonly notice: string | null }
  | { readonly status: 'signed-in'; readonly token: string }

export type SessionStore = StoreApi<Session>

const KEY = 'berth.session'

export function createSession(): SessionStore {
  return createStore<Session>(() => ({ status: 'starting' }))
}

export function tokenOf(session: Session): string | null {
  return session.status === 'signed-in' ? session.token : null
}

/** Decides how the page begins: with the code it came with, else with the token it kept. */
export async function begin(store: SessionStore, client: Client, code: string | null): Promise<void> {
  const problem = code === null ? null : await signIn(store, client, { code }).catch(toNotice)
  if (store.getState().status === 'signed-in') return
  const token = read()
  if (token === null) store.setState({ status: 'signed-out', notice: problem ?? null }, true)
  else store.setState({ status: 'signed-in', token }, true)
}

export async function signIn(store: SessionStore, client: Client, credential: Credential): Promise<void> {
  const { session_token: token } = await client.login(credential)
  write(token)
  store.setState({ status: 'signed-in', token }, true)
}

/** `token` is the one that was refused; a newer one is none of its business. */
export function end(store: SessionStore, token: string): void {
  if (read() === token) write(null)
  if (tokenOf(store.getState()) !== token) return
  const newer = read() // another tab may have signed in meanwhile
  if (newer === null) store.setState({ status: 'signed-out', notice: messages.signIn.ended }, true)
  else store.setState({ status: 'signed-in', token: newer }, true)
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
