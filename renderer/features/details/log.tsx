import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { versionOf } from './version.ts'

/** The end of what the container has said. */
export function Log({ workspace }: { workspace: Workspace }) {
  const { client } = useServices()
  const { value, problem, reload } = useLoaded(() => client.log(workspace.id), versionOf(workspace))
  return (
    <>
      {problem !== null && <ProblemNote problem={problem} />}
      {problem === null && value !== null && (
        <pre className="log" tabIndex={0} role="region" aria-label={messages.log.label}>
          {value.trimEnd() || messages.log.none}
        </pre>
      )}
      <div className="dialog-actions">
        <Button onClick={reload}>{messages.action.refresh}</Button>
      </div>
    </>
  )
}
