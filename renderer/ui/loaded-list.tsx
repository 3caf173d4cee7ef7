import type { ReactNode } from 'react'
import type { ApiError } from '../api/client.ts'
import { messages } from '../messages.ts'
import { ProblemNote } from './note.tsx'

interface LoadedListProps<T> {
  value: readonly T[] | null
  problem: ApiError | null
  /** Said when there are none. */
  none: string
  children: (item: T) => ReactNode
}

/** The rows of what was asked for, or why there are none. */
export function LoadedList<T>({ value, problem, none, children }: LoadedListProps<T>) {
  return (
    <>
      {problem !== null && <ProblemNote problem={problem} />}
      {value === null ? (
        problem === null && <p className="dialog-text">{messages.details.loading}</p>
      ) : value.length === 0 ? (
        <p className="dialog-text">{none}</p>
      ) : (
        <ul className="rows" role="list">
          {value.map(children)}
        </ul>
      )}
    </>
  )
}
