/** Where the keys lead from one card to another. Pure. */

export interface Ground {
  readonly count: number
  readonly columns: number
  /** How many rows are seen at once. */
  readonly page: number
}

/** The place that a key leads to from the one at `from`; null when it is no such key, or leads nowhere. */
export function moved(key: string, from: number, { count, columns, page }: Ground): number | null {
  const last = count - 1
  const column = from % columns
  const to = (place: number): number | null => (place < 0 || place > last || place === from ? null : place)
  switch (key) {
    case 'ArrowRight':
      return to(from + 1)
    case 'ArrowLeft':
      return to(from - 1)
    case 'ArrowDown':
      // The last row may have nothing in this column.
      return to(row(from, columns) < row(last, columns) ? Math.min(from + columns, last) : from)
    case 'ArrowUp':
      return to(from - columns)
    case 'PageDown':
      return to(Math.min(from + page * columns, last))
    case 'PageUp':
      return to(Math.max(from - page * columns, column))
    case 'Home':
      return to(0)
    case 'End':
      return to(last)
    default:
      return null
  }
}

const row = (place: number, columns: number): number => Math.floor(place / columns)
