import { useState } from 'react'
import type { Trashed } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { LoadedList } from '../../ui/loaded-list.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Row } from '../../ui/row.tsx'
import { useCall } from '../../ui/use-call.ts'
import { useLoaded } from '../../ui/use-loaded.ts'
import { useNow } from '../../ui/use-now.ts'
import { useSystem } from '../frame/use-system.ts'

const words = messages.trash

/** Deleted workspaces whose files are still there. */
export function TrashDialog({ onClose }: { onClose: () => void }) {
  const { client } = useServices()
  const system = useSystem()
  const trash = useLoaded(() => client.trash(), 'trash')
  const [doomed, setDoomed] = useState<Trashed | null>(null)
  const { pending, problem, run, dismiss } = useCall<string>()
  const now = useNow(30_000)

  const putBack = (id: string) =>
    run(id, async () => {
      await client.putBack(id)
      trash.reload()
    })

  return (
    <Dialog wide title={words.title} onClose={onClose}>
      {system !== null && <p className="dialog-text">{words.text(system.trash_days)}</p>}
      {problem !== null && <ProblemNote problem={problem} onDismiss={dismiss} />}
      <LoadedList {...trash} none={words.none}>
        {(item) => (
          <Row key={item.id} title={item.name} facts={facts(item, now)}>
            <Button pending={pending === item.id} onClick={() => pending === null && void putBack(item.id)}>
              {words.putBack}
            </Button>
            <Button look="quiet" disabled={pending === item.id} onClick={() => setDoomed(item)}>
              {words.purge}
            </Button>
          </Row>
        )}
      </LoadedList>
      {doomed !== null && (
        <ConfirmDialog
          title={words.purgeTitle(doomed.name)}
          action={words.purge}
          onConfirm={async () => {
            await client.purge(doomed.id)
            trash.reload()
          }}
          onClose={() => setDoomed(null)}
        >
          <p className="dialog-text">{words.purgeText}</p>
        </ConfirmDialog>
      )}
    </Dialog>
  )
}

function facts(item: Trashed, now: number): string[] {
  return [
    words.deleted(moment(item.deleted_at, now)),
    words.goes(Date.parse(item.purge_at) - now),
    ...(item.archived ? [words.archived] : []),
  ]
}
