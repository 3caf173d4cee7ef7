import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react'
import { messages } from '../../messages.ts'
import { GridIcon, ListIcon, SearchIcon } from '../../ui/icons.tsx'
import type { Listing } from './listing.ts'
import { GROUPS, LAYOUTS, SORTS, type View } from './view.ts'

const words = messages.toolbar
const SHAPES: Record<View['layout'], ReactNode> = { list: <ListIcon />, grid: <GridIcon /> }

interface ToolbarProps {
  view: View
  listing: Listing
  onChange: (part: Partial<View>) => void
}

/** Finds, narrows and orders the list. */
export function Toolbar({ view, listing, onChange }: ToolbarProps) {
  const { matching, counts } = listing
  return (
    <div className="toolbar" role="search" aria-label={words.label}>
      <Search query={view.query} onChange={(query) => onChange({ query })} />
      <div className="segments" role="group" aria-label={words.show}>
        <Segment pressed={view.only === null} onClick={() => onChange({ only: null })}>
          {words.all} <span className="segment-count">{words.count(matching)}</span>
        </Segment>
        {GROUPS.map((group) => (
          <Segment key={group} pressed={view.only === group} onClick={() => onChange({ only: group })}>
            {words.groups[group]} <span className="segment-count">{words.count(counts[group])}</span>
          </Segment>
        ))}
      </div>
      <span className="toolbar-end">
        <select
          className="select"
          aria-label={words.sort}
          title={words.sort}
          value={view.sort}
          onChange={({ target }) =>
            onChange({ sort: SORTS.find((sort) => sort === target.value) ?? 'newest' })
          }
        >
          {SORTS.map((sort) => (
            <option key={sort} value={sort}>
              {words.sorts[sort]}
            </option>
          ))}
        </select>
        <span className="segments" role="group" aria-label={words.layout}>
          {LAYOUTS.map((layout) => (
            <Segment
              key={layout}
              pressed={view.layout === layout}
              label={words.layouts[layout]}
              onClick={() => onChange({ layout })}
            >
              {SHAPES[layout]}
            </Segment>
          ))}
        </span>
      </span>
    </div>
  )
}

function Search({ query, onChange }: { query: string; onChange: (query: string) => void }) {
  const input = useRef<HTMLInputElement>(null)

  useEffect(() => {
    const press = (event: globalThis.KeyboardEvent) => {
      if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return
      const typing = (event.target as Element).matches('input, textarea, select, [contenteditable]')
      if (typing || document.querySelector('dialog[open]') !== null) return
      event.preventDefault()
      input.current?.focus()
      input.current?.select()
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [])

  function toList(event: KeyboardEvent<HTMLInputElement>) {
    if (event.key !== 'ArrowDown' && event.key !== 'Enter') return
    if (event.nativeEvent.isComposing) return
    event.preventDefault()
    document.querySelector<HTMLElement>('.list > [tabindex="0"]')?.focus()
  }

  return (
    <label className="search">
      <SearchIcon />
      <input
        ref={input}
        type="search"
        aria-label={words.search}
        aria-keyshortcuts="/"
        placeholder={words.placeholder}
        autoComplete="off"
        spellCheck={false}
        value={query}
        onChange={(event) => onChange(event.target.value)}
        onKeyDown={toList}
      />
      <kbd aria-hidden="true">/</kbd>
    </label>
  )
}

interface SegmentProps {
  pressed: boolean
  /** For one with a picture alone. */
  label?: string
  onClick: () => void
  children: ReactNode
}

function Segment({ pressed, label, onClick, children }: SegmentProps) {
  return (
    <button
      type="button"
      className="segment"
      aria-pressed={pressed}
      aria-label={label}
      title={label}
      onClick={onClick}
    >
      {children}
    </button>
  )
}
