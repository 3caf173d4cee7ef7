import { messages } from '../../messages.ts'

/** The shape of what is coming. CSS keeps it invisible at first, so that a quick answer shows no flicker. */
export function ListSkeleton() {
  return (
    <div className="skeleton" role="status" aria-label={messages.list.loading}>
      {[0, 1, 2].map((row) => (
        <div key={row} className="card skeleton-row" aria-hidden="true">
          <span className="skeleton-tile" />
          <span className="skeleton-lines">
            <span className="skeleton-line" />
            <span className="skeleton-line skeleton-line-long" />
          </span>
        </div>
      ))}
    </div>
  )
}
