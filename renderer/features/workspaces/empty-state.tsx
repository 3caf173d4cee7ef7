import type { ReactNode } from 'react'
import { messages } from '../../messages.ts'

export function EmptyState({ children }: { children: ReactNode }) {
  return (
    <section className="empty">
      <Harbour />
      <h2 className="empty-title">{messages.empty.title}</h2>
      <p className="empty-text">{messages.empty.text}</p>
      {children}
    </section>
  )
}

/** A quay with one free berth between two boats. */
function Harbour() {
  return (
    <svg className="harbour" viewBox="0 0 240 112" aria-hidden="true">
      <g className="harbour-boats">
        <path d="M22 72h52c-2 13-9 18-20 18H42c-11 0-18-5-20-18Z" />
        <path d="M46 64V24l22 40H46Z M40 64V38L26 64h14Z" />
        <path d="M166 72h52c-2 13-9 18-20 18h-12c-11 0-18-5-20-18Z" />
        <path d="M190 64V24l22 40h-22Z M184 64V38l-14 26h14Z" />
      </g>
      <g className="harbour-free">
        <path d="M94 72h52c-2 13-9 18-20 18h-12c-11 0-18-5-20-18Z" />
        <path d="M118 64V24l22 40h-22Z M112 64V38L98 64h14Z" />
      </g>
      <g className="harbour-water">
        <path d="M4 102c8 0 8-4 16-4s8 4 16 4 8-4 16-4 8 4 16 4 8-4 16-4 8 4 16 4 8-4 16-4 8 4 16 4 8-4 16-4 8 4 16 4 8-4 16-4 8 4 16 4 8-4 16-4 8 4 16 4" />
      </g>
    </svg>
  )
}
