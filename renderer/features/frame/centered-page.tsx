import type { ReactNode } from 'react'
import { Mark } from '../../ui/mark.tsx'

/** A page with one thing on it. */
export function CenteredPage({ title, children }: { title?: string; children: ReactNode }) {
  return (
    <main className="centered">
      <div className="centered-column">
        <Mark size={44} />
        {title !== undefined && <h1 className="centered-title">{title}</h1>}
        {children}
      </div>
    </main>
  )
}
