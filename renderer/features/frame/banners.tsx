import { useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import type { WorkspacesState } from '../../store/workspaces.ts'
import { Note } from '../../ui/note.tsx'
import { Spinner } from '../../ui/spinner.tsx'

const knowsAny = (state: WorkspacesState) => Object.keys(state.byId).length > 0

export function EngineBanner() {
  const engine = useWorkspaces((state) => state.engine)
  if (engine === null || engine.reachable) return null
  const { title, hint } = messages.engine
  return <BlindBanner title={title} message={engine.message} hint={engine.hint ?? hint} />
}

export function HomeStoreBanner() {
  const problem = useWorkspaces((state) => state.homeStoreProblem)
  return problem && <BlindBanner title={messages.homeStore.title} {...problem} />
}

/** What nothing can be seen without is away. */
function BlindBanner({ title, message, hint }: { title: string; message: string | null; hint: string }) {
  const anything = useWorkspaces(knowsAny)
  return (
    <Note tone="warning" role="status">
      <p className="note-title">{title}</p>
      {message !== null && message !== title && <p>{message}</p>}
      <p className="note-hint">
        {hint} {anything && messages.engine.lastKnown}
      </p>
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
