import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { Note, ProblemNote } from '../../ui/note.tsx'
import { useNow } from '../../ui/use-now.ts'
import { hoursFrom, sleepsIn } from './outlook.ts'
import { useAction } from './use-action.ts'

/** Says shortly before it that a workspace falls asleep, and lets a person object. */
export function SleepNote({ workspace }: { workspace: Workspace }) {
  const { client } = useServices()
  const { pending, problem, run, dismiss } = useAction<'keepAwake'>(workspace.id)
  const left = sleepsIn(workspace, useNow(1_000))

  const keepAwake = () =>
    run('keepAwake', () => client.patch(workspace.id, { keep_awake_until: hoursFrom(Date.now(), 1) }))

  if (problem !== null) return <ProblemNote problem={problem} onDismiss={dismiss} />
  if (left === null) return null
  return (
    <Note tone="warning">
      <div className="sleep-note">
        <div>
          <p className="note-title">{messages.outlook.soon(left)}</p>
          <p className="note-hint">{messages.outlook.soonHint}</p>
        </div>
        <Button
          title={messages.outlook.keepAwakeHint}
          pending={pending !== null}
          onClick={() => void keepAwake()}
        >
          {messages.action.keepAwake}
        </Button>
      </div>
    </Note>
  )
}
