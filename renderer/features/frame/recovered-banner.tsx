import { useState } from 'react'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Note } from '../../ui/note.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { useSystem } from './use-system.ts'

const words = messages.recovered

/** At this start the database was lost: what became of it. */
export function RecoveredBanner() {
  const [dismissed, setDismissed] = useState(false)
  const { client } = useServices()
  const recovered = useSystem()?.recovered
  const fromBackup = typeof recovered?.from === 'string'
  const accounts = useLoaded(() => client.accounts(), fromBackup && 'accounts').value ?? []
  const lockedOut = accounts.some(({ desktop, has_password }) => !desktop && !has_password)
  if (!recovered || dismissed) return null
  return (
    <Note tone="warning" role="status" onDismiss={() => setDismissed(true)}>
      <p className="note-title">{recovered.from === null ? words.titleAnew : words.title}</p>
      {recovered.from !== null && <Where label={words.from} path={recovered.from} />}
      <p className="note-hint">{words.homes}</p>
      {lockedOut && <p className="note-hint">{words.passwords}</p>}
      {recovered.damaged !== null && <Where label={words.damaged} path={recovered.damaged} />}
    </Note>
  )
}

function Where({ label, path }: { label: string; path: string }) {
  return (
    <p className="note-hint">
      {label} <code>{path}</code>
    </p>
  )
}
