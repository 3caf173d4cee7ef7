import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { SearchIcon } from '../../ui/icons.tsx'

const words = messages.toolbar

/** There are workspaces, but none as searched for. */
export function NothingMatches({ onClear }: { onClear: () => void }) {
  return (
    <section className="empty">
      <span className="empty-tile">
        <SearchIcon />
      </span>
      <h2 className="empty-title">{words.nothing}</h2>
      <p className="empty-text">{words.nothingHint}</p>
      <Button onClick={onClear}>{words.clear}</Button>
    </section>
  )
}
