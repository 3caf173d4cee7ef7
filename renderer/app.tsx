import { useEffect, useState } from 'react'
import { useStore } from 'zustand'
import { openStream } from './api/stream.ts'
import { useServices } from './context.ts'
import { DoctorPlace } from './features/doctor/doctor-place.tsx'
import { ReloadSystem, SystemContext, useLoadedSystem } from './features/frame/use-system.ts'
import { OpenPage } from './features/open/open-page.tsx'
import { useTheme } from './features/settings/use-theme.ts'
import { SignInPage } from './features/sign-in/sign-in-page.tsx'
import { WorkspacesPage } from './features/workspaces/workspaces-page.tsx'
import { without, type Fragment } from './fragment.ts'
import { end, tokenOf } from './store/session.ts'
import { NOTHING_USED, reduceUsage } from './store/usage.ts'
import { NOTHING_KNOWN, reduce } from './store/workspaces.ts'

export function App({ open }: { open: Fragment['open'] }) {
  const { session } = useServices()
  const current = useStore(session)
  const [target, setTarget] = useState(open)
  const [clicked, setClicked] = useState(false)

  if (current.status === 'starting') return null
  if (current.status === 'signed-out') {
    return <SignInPage notice={current.notice} onTry={() => setClicked(true)} />
  }
  if (target !== null) {
    const leave = () => {
      history.replaceState(
        null,
        '',
        location.pathname + location.search + without(location.hash, 'open', 'next'),
      )
      setTarget(null)
    }
    return <OpenPage target={target} bidden={clicked} onLeave={leave} />
  }
  return <Live key={current.user?.id} />
}

/** The dashboard, with the stream that feeds it for as long as it is shown. */
function Live() {
  const { session, workspaces, usage } = useServices()
  const { value: system, reload } = useLoadedSystem()
  useTheme()

  useEffect(() => {
    const stream = openStream({
      token: () => tokenOf(session.getState()) ?? '',
      onEvent(event) {
        workspaces.setState((state) => reduce(state, event))
        usage.setState((state) => reduceUsage(state, event))
      },
      onConnection: (connection) => workspaces.setState({ connection }),
      onUnauthorized: (refused) => end(session, refused),
    })
    const nudge = () => {
      if (document.visibilityState === 'visible') stream.nudge()
    }
    window.addEventListener('online', nudge)
    document.addEventListener('visibilitychange', nudge)
    return () => {
      window.removeEventListener('online', nudge)
      document.removeEventListener('visibilitychange', nudge)
      stream.close()
      workspaces.setState(NOTHING_KNOWN, true)
      usage.setState(NOTHING_USED, true)
    }
  }, [session, workspaces, usage])

  return (
    <SystemContext value={system}>
      <ReloadSystem value={reload}>
        <DoctorPlace>
          <WorkspacesPage />
        </DoctorPlace>
      </ReloadSystem>
    </SystemContext>
  )
}
