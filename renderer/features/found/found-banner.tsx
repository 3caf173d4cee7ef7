import { useState } from 'react'
import { useServices, useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import type { WorkspacesState } from '../../store/workspaces.ts'
import { Button } from '../../ui/button.tsx'
import { Note } from '../../ui/note.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { FoundDialog } from './found-dialog.tsx'

/** Another text whenever there may be something else to find; not while nobody can be asked. */
function sight({ connection, engine, homeStoreProblem }: WorkspacesState): string | false {
  return connection === 'open' && `${engine?.reachable} ${homeStoreProblem?.code}`
}

/** Homes and containers of ours that no workspace in the list belongs to. */
export function FoundBanner() {
  const { client } = useServices()
  const { value, reload } = useLoaded(() => client.found(), useWorkspaces(sight))
  const [open, setOpen] = useState(false)
  const [dismissed, setDismissed] = useState('')

  if (value === null || value.length === 0) return null
  const ids = value.map(({ id }) => id).join()
  if (ids === dismissed) return null
  return (
    <Note tone="warning" role="status" onDismiss={() => setDismissed(ids)}>
      <div className="sleep-note">
        <div>
          <p className="note-title">{messages.found.banner(value.length)}</p>
          <p className="note-hint">{messages.found.hint}</p>
        </div>
        <Button onClick={() => setOpen(true)}>{messages.found.review}</Button>
      </div>
      {open && <FoundDialog items={value} onChange={reload} onClose={() => setOpen(false)} />}
    </Note>
  )
}
