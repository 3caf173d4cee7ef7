import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { createClient } from './api/client.ts'
import { App } from './app.tsx'
import { ServicesContext } from './context.ts'
import { lastTheme, showTheme } from './features/settings/theme.ts'
import { readFragment, without } from './fragment.ts'
import { begin, createSession, end, follow, tokenOf } from './store/session.ts'
import { createUsage } from './store/usage.ts'
import { createWorkspaces } from './store/workspaces.ts'
import './styles/index.css'

const fragment = readFragment(location.hash)
// The code is a secret: out of the address bar and the history before anything else happens.
history.replaceState(null, '', location.pathname + location.search + without(location.hash, 'code'))
// An address pasted into an open page changes only its fragment; begin again with it.
window.addEventListener('hashchange', () => {
  const next = readFragment(location.hash)
  if (next.code !== null || next.open !== null) location.reload()
})

showTheme(lastTheme())
const session = createSession()
const workspaces = createWorkspaces()
const usage = createUsage()
const client = createClient({
  token: () => tokenOf(session.getState()),
  onUnauthorized: (token) => end(session, token),
})
// In the desktop app a session that has ended is followed by another, with nothing to type.
session.subscribe((now, before) => {
  const hadOne = before.status === 'signed-in' || fragment.code === null
  if (now.status === 'signed-out' && hadOne) void window.berth?.signIn()
})
window.addEventListener('storage', () => void follow(session, client))
void begin(session, client, fragment.code)

const root = document.getElementById('root')
if (root === null) throw new Error('index.html has no #root')
createRoot(root).render(
  <StrictMode>
    <ServicesContext value={{ client, session, workspaces, usage }}>
      <App open={fragment.open} />
    </ServicesContext>
  </StrictMode>,
)
