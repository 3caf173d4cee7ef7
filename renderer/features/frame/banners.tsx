import type { ReactNode } from 'react'
import { useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import type { WorkspacesState } from '../../store/workspaces.ts'
import { Note } from '../../ui/note.tsx'
import { Spinner } from '../../ui/spinner.tsx'
import { DoctorButton } from '../doctor/doctor-place.tsx'

const knowsAny = (state: WorkspacesState) => Object.keys(state.byId).length > 0

export function EngineBanner() {
  const engine = useWorkspaces((state) => state.engine)
  if (engine === null || engine.reachable) return null
  const { title, hint } = messages.engine
  return (
    <BlindBanner title={title} message={engine.message} hint={engine.hint ?? hint}>
      <p className="doctor-open">
        <DoctorButton look="plain" />
      </p>
    </BlindBanner>
  )
}

export function HomeStoreBanner() {
  const problem = useWorkspaces((state) => state.homeStoreProblem)
  return problem && <BlindBanner title={messages.homeStore.title} {...problem} />
}

interface BlindBannerProps {
  title: string
  message: string | null
  hint: string
  children?: ReactNode
}

/** What nothing can be seen without is away. */
function BlindBanner({ title, message, hint, children }: BlindBannerProps) {
  const anything = useWorkspaces(knowsAny)
  return (
    <Note tone="warning" role="status">
      <p className="note-title">{title}</p>
      {message !== null && message !== title && <p>{message}</p>}
      <p className="note-hint">
        {hint} {anything && messages.engine.lastKnown}
      </p>
      {children}
    </Note>
  )
}

/** Floats above the page, so that a short break moves nothing. */
export function ConnectionStrip({ lost }: { lost: boolean }) {
  const anything = useWorkspaces(knowsAny)
  return (
    <div className="strip-place" role="status">
      {lost && (
        <p className="strip">
          <Spinner />
          <span>{messages.connection.lost}</span>
          {anything && <span className="strip-detail">{messages.connection.lastKnown}</span>}
        </p>
      )}
    </div>
  )
}
