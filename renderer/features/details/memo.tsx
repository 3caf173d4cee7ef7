import { useId, useState, type SubmitEvent } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { nextChange } from '../../store/workspaces.ts'
import { Button } from '../../ui/button.tsx'
import { Markdown } from '../../ui/markdown.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { useCall } from '../../ui/use-call.ts'

const words = messages.memo
const MOST = 20_000

/** What was written and not saved, by workspace: it outlasts a look at another tab, and the dialog. */
const drafts = new Map<string, string>()

/** What a person notes about a workspace, in Markdown. */
export function Memo({ workspace }: { workspace: Workspace }) {
  const { id, memo } = workspace
  const { client, workspaces } = useServices()
  const [draft, setDraft] = useState(drafts.get(id) ?? null)
  const { pending, problem, run } = useCall<'save'>()
  const titleId = useId()
  const errorId = useId()
  const tooLong = draft !== null && draft.length > MOST

  function write(text: string | null) {
    if (text === null) drafts.delete(id)
    else drafts.set(id, text)
    setDraft(text)
  }

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (pending !== null || draft === null || tooLong) return
    void run('save', async () => {
      const seen = workspaces.getState().byId[id]
      await client.patch(id, { memo: draft })
      await nextChange(workspaces, id, seen)
      write(null)
    })
  }

  return (
    <section className="memo" aria-labelledby={titleId}>
      <div className="memo-head">
        <h3 id={titleId}>{words.title}</h3>
        {draft === null && (
          <Button look="quiet" onClick={() => write(memo)}>
            {memo === '' ? words.add : words.edit}
          </Button>
        )}
      </div>
      {draft === null ? (
        memo !== '' && <Markdown text={memo} />
      ) : (
        <form className="form" noValidate onSubmit={submit}>
          <div className="field">
            <textarea
              className="memo-text"
              aria-labelledby={titleId}
              aria-invalid={tooLong || undefined}
              aria-describedby={errorId}
              // Asked for by a click, or left here unsaved.
              autoFocus
              readOnly={pending !== null}
              value={draft}
              onChange={({ target }) => write(target.value)}
            />
            <p id={errorId} className={tooLong ? 'field-error' : 'field-hint'}>
              {tooLong ? words.tooLong : words.hint}
            </p>
          </div>
          {problem !== null && <ProblemNote problem={problem} />}
          <div className="dialog-actions">
            <Button disabled={pending !== null} onClick={() => write(null)}>
              {messages.action.cancel}
            </Button>
            <Button type="submit" look="primary" disabled={tooLong} pending={pending !== null}>
              {messages.action.save}
            </Button>
          </div>
        </form>
      )}
    </section>
  )
}
