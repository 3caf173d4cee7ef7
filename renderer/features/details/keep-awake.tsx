import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useNow } from '../../ui/use-now.ts'
import { awake, hoursFrom } from '../workspaces/outlook.ts'
import { useAction } from '../workspaces/use-action.ts'

const words = messages.settings

/** Holds a workspace awake for a time, whether or not anybody uses it. */
export function KeepAwake({ workspace }: { workspace: Workspace }) {
  const { id, keep_awake_until: until } = workspace
  const { client } = useServices()
  const { pending, problem, run, dismiss } = useAction<string>(id)
  const now = useNow(30_000)
  const kept = until !== null && Date.parse(until) > now

  const keep = (label: string, hours: number | null) =>
    run(label, () =>
      client.patch(id, { keep_awake_until: hours === null ? null : hoursFrom(Date.now(), hours) }),
    )
  const choice = (label: string, hours: number | null) => (
    <Button pending={pending === label} onClick={() => pending === null && void keep(label, hours)}>
      {label}
    </Button>
  )

  return (
    <section className="keep-awake" aria-label={words.keepAwake}>
      <p className="switch-label">
        {(kept && awake({ ...workspace, status: 'RUNNING' }, now)) || words.keepAwake}
      </p>
      <p className="field-hint">{words.keepAwakeHint}</p>
      <div className="keep-awake-choices">
        {choice(words.anHour, 1)}
        {choice(words.fourHours, 4)}
        {choice(words.forever, Infinity)}
        {kept && choice(words.letSleep, null)}
      </div>
      {problem !== null && <ProblemNote problem={problem} onDismiss={dismiss} />}
    </section>
  )
}
