import { useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import type { WorkspacesState } from '../../store/workspaces.ts'
import { Note } from '../../ui/note.tsx'
import { Spinner } from '../../ui/spinner.tsx'

const knowsAny = (state: WorkspacesState) => Object.keys(state.byId).length > 0

export function EngineBanner() {
  const engine = useWorkspaces((state) => state.engine)
  const anything = useWorkspaces(knowsAny)
  if (engine === null || engine.reachable) return null
  return (
    <Note tone="warning" role="status">
      <p className="note-title">{messages.engine.title}</p>
      {engine.message !== null && engine.message !== messages.engine.title && <p>{engine.message}</p>}
      <p className="note-hint">
        {engine.hint ?? messages.engine.hint} {anything && messages.engine.lastKnown}
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
