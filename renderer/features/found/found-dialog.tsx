import { useState } from 'react'
import type { Found } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Row } from '../../ui/row.tsx'
import { useCall } from '../../ui/use-call.ts'
import { useNow } from '../../ui/use-now.ts'

const words = messages.found

interface FoundDialogProps {
  items: readonly Found[]
  /** There may be others now. */
  onChange: () => void
  onClose: () => void
}

/** Lets a person choose what of it to take in, and remove containers that nothing is left of. */
export function FoundDialog({ items, onChange, onClose }: FoundDialogProps) {
  const { client } = useServices()
  const [left, setLeft] = useState<ReadonlySet<string>>(new Set())
  const [doomed, setDoomed] = useState<Found | null>(null)
  const { pending, problem, run } = useCall<'adopt'>()
  const now = useNow(30_000)
  const chosen = items.filter(({ id, adoptable }) => adoptable && !left.has(id)).map(({ id }) => id)

  function choose(id: string, yes: boolean) {
    const others = new Set(left)
    if (yes) others.delete(id)
    else others.add(id)
    setLeft(others)
  }

  const adopt = () =>
    run('adopt', async () => {
      await client.adopt(chosen)
      onChange()
      onClose()
    })

  return (
    <Dialog wide title={words.title} busy={pending !== null} onClose={onClose}>
      <p className="dialog-text">{words.text}</p>
      <ul className="rows" role="list">
        {items.map((item) => (
          <Row
            key={item.id}
            title={<Choice item={item} chosen={!left.has(item.id)} onChoose={choose} />}
            facts={facts(item, now)}
            more={lacksArchive(item) && <p className="row-facts">{words.archiveHint}</p>}
          >
            {isOrphan(item) && <Button onClick={() => setDoomed(item)}>{words.removeContainer}</Button>}
          </Row>
        ))}
      </ul>
      {problem !== null && <ProblemNote problem={problem} />}
      <div className="dialog-actions">
        <Button onClick={onClose}>{messages.action.cancel}</Button>
        <Button
          look="primary"
          disabled={chosen.length === 0}
          pending={pending !== null}
          onClick={() => void adopt()}
        >
          {words.adopt(chosen.length)}
        </Button>
      </div>
      {doomed !== null && (
        <ConfirmDialog
          title={words.removeTitle(doomed.name)}
          action={words.removeContainer}
          onConfirm={async () => {
            await client.removeFound(doomed.id)
            onChange()
          }}
          onClose={() => setDoomed(null)}
        >
          <p className="dialog-text">{words.removeText}</p>
        </ConfirmDialog>
      )}
    </Dialog>
  )
}

interface ChoiceProps {
  item: Found
  chosen: boolean
  onChoose: (id: string, yes: boolean) => void
}

function Choice({ item: { id, name, adoptable }, chosen, onChoose }: ChoiceProps) {
  if (!adoptable) return name
  return (
    <label className="choice">
      <input
        type="checkbox"
        aria-label={words.choose(name)}
        checked={chosen}
        onChange={(event) => onChoose(id, event.target.checked)}
      />
      {name}
    </label>
  )
}

function isOrphan({ home, container }: Found): boolean {
  return container && home === 'absent'
}

function lacksArchive({ home, adoptable }: Found): boolean {
  return home === 'archived' && !adoptable
}

function facts(item: Found, now: number): string[] {
  const { home, container, image_ref, created_at } = item
  return [
    lacksArchive(item) ? words.archiveMissing : words.home[home],
    ...(container ? [words.container] : []),
    ...(image_ref === '' ? [] : [image_ref]),
    ...(created_at === null ? [] : [words.made(moment(created_at, now))]),
  ]
}
