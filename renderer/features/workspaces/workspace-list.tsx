import { memo, useLayoutEffect, useRef, useState, type KeyboardEvent } from 'react'
import { useWindowVirtualizer } from '@tanstack/react-virtual'
import { messages } from '../../messages.ts'
import { moved } from './moves.ts'
import { usePlace } from './use-place.ts'
import type { View } from './view.ts'
import { WorkspaceCard } from './workspace-card.tsx'
import type { DialogWish } from './workspace-dialog.tsx'

const GAP = 10
const COLUMN = 420
const HEADER = 68

const Card = memo(WorkspaceCard)

interface WorkspaceListProps {
  ids: readonly string[]
  layout: View['layout']
  /** What is shown may no longer be true. */
  stale: boolean
  onDialog: (wish: DialogWish) => void
}

/**
 * The cards that are in sight, and a few more. Before and after them the list is padded, so that the page is as long as
 * if all were there. Tab comes to one card, and the arrow keys go from card to card.
 */
export function WorkspaceList({ ids, layout, stale, onDialog }: WorkspaceListProps) {
  const list = useRef<HTMLUListElement>(null)
  const { width, top } = usePlace(list)
  const columns = layout === 'grid' ? Math.max(1, Math.floor((width + GAP) / (COLUMN + GAP))) : 1
  const [current, setCurrent] = useState<string | null>(null)
  /** Gets the focus once it is there. */
  const awaited = useRef<string | null>(null)

  const virtual = useWindowVirtualizer<HTMLLIElement>({
    count: Math.ceil(ids.length / columns),
    estimateSize: () => (layout === 'grid' ? 130 : 84),
    getItemKey: (row) => `${columns}/${ids[row * columns] ?? row}`,
    gap: GAP,
    overscan: 4,
    scrollMargin: top,
    scrollPaddingStart: HEADER,
    scrollPaddingEnd: GAP,
    useFlushSync: false,
  })
  const rows = virtual.getVirtualItems()
  const first = (rows[0]?.index ?? 0) * columns
  const shown = ids.slice(first, ((rows.at(-1)?.index ?? -1) + 1) * columns)
  const stop = current !== null && shown.includes(current) ? current : shown[0]

  useLayoutEffect(() => {
    if (awaited.current !== null && focusOn(list.current, awaited.current)) awaited.current = null
  })

  function press(event: KeyboardEvent<HTMLUListElement>) {
    const from = ids.indexOf(idAt(event.target) ?? '')
    if (from < 0 || event.altKey || event.ctrlKey || event.metaKey || event.shiftKey) return
    const { startIndex = 0, endIndex = 0 } = virtual.range ?? {}
    const page = Math.max(1, endIndex - startIndex - 1)
    const to = moved(event.key, from, { count: ids.length, columns, page })
    const id = to === null ? undefined : ids[to]
    if (to === null || id === undefined) return
    event.preventDefault()
    virtual.scrollToIndex(Math.floor(to / columns))
    setCurrent(id)
    awaited.current = focusOn(list.current, id) ? null : id
  }

  return (
    <ul
      ref={list}
      className="list"
      role="list"
      aria-label={messages.list.title}
      data-layout={layout}
      data-stale={stale || undefined}
      style={{
        gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))`,
        paddingTop: (rows[0]?.start ?? top) - top,
        paddingBottom: Math.max(0, virtual.getTotalSize() + top - (rows.at(-1)?.end ?? top)),
      }}
      onKeyDown={press}
      onFocus={(event) => setCurrent(idAt(event.target) ?? null)}
    >
      {shown.map((id, offset) => {
        const place = first + offset
        // All of a row are as high as the highest: one of them tells of all.
        const leads = place % columns === 0
        return (
          <Card
            key={id}
            id={id}
            onDialog={onDialog}
            aria-posinset={place + 1}
            aria-setsize={ids.length}
            tabIndex={id === stop ? 0 : -1}
            data-index={leads ? place / columns : undefined}
            ref={leads ? virtual.measureElement : undefined}
          />
        )
      })}
    </ul>
  )
}

const idAt = (target: EventTarget): string | undefined =>
  (target as Element).closest<HTMLElement>('.card')?.dataset['id']

function focusOn(list: HTMLElement | null, id: string): boolean {
  const card = list?.querySelector<HTMLElement>(`.card[data-id="${id}"]`)
  card?.focus({ preventScroll: true })
  return card != null
}
