import { useId, type KeyboardEvent, type ReactNode } from 'react'

interface TabsProps<Name extends string> {
  /** What they are the parts of. */
  label: string
  tabs: Readonly<Record<Name, string>>
  current: Name
  onSelect: (name: Name) => void
  children: ReactNode
}

/** Tabs and the panel of the current one; the arrow keys go from tab to tab. */
export function Tabs<Name extends string>({ label, tabs, current, onSelect, children }: TabsProps<Name>) {
  const id = useId()
  const names = Object.keys(tabs) as Name[]

  function move(event: KeyboardEvent<HTMLDivElement>) {
    const to = neighbour(event.key, names.indexOf(current), names.length)
    const name = names[to]
    if (name === undefined) return
    event.preventDefault()
    onSelect(name)
    event.currentTarget.querySelectorAll('button')[to]?.focus()
  }

  return (
    <>
      <div className="tabs" role="tablist" aria-label={label} onKeyDown={move}>
        {names.map((name) => (
          <button
            key={name}
            type="button"
            className="tab"
            role="tab"
            id={`${id}-${name}`}
            aria-selected={name === current}
            aria-controls={`${id}-panel`}
            tabIndex={name === current ? 0 : -1}
            data-autofocus={name === current || undefined}
            onClick={() => onSelect(name)}
          >
            {tabs[name]}
          </button>
        ))}
      </div>
      <div className="tab-panel" role="tabpanel" id={`${id}-panel`} aria-labelledby={`${id}-${current}`}>
        {children}
      </div>
    </>
  )
}

/** Where a key leads from the tab at `index`; -1 when nowhere. */
function neighbour(key: string, index: number, count: number): number {
  switch (key) {
    case 'ArrowRight':
      return (index + 1) % count
    case 'ArrowLeft':
      return (index + count - 1) % count
    case 'Home':
      return 0
    case 'End':
      return count - 1
    default:
      return -1
  }
}
