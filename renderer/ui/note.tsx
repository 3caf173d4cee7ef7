import type { ReactNode } from 'react'
import type { ApiError } from '../api/client.ts'
import { messages } from '../messages.ts'
import { Button } from './button.tsx'
import { CloseIcon } from './icons.tsx'

interface NoteProps {
  tone: 'danger' | 'warning' | 'accent'
  role?: 'alert' | 'status'
  onDismiss?: (() => void) | undefined
  children: ReactNode
}

export function Note({ tone, role, onDismiss, children }: NoteProps) {
  return (
    <div className={`note note-${tone}`} role={role}>
      <div className="note-text">{children}</div>
      {onDismiss !== undefined && (
        <Button look="quiet" icon aria-label={messages.action.dismiss} onClick={onDismiss}>
          <CloseIcon />
        </Button>
      )}
    </div>
  )
}

/** What went wrong and what to do, from a failed call. */
export function ProblemNote({ problem, onDismiss }: { problem: ApiError; onDismiss?: () => void }) {
  return (
    <Note tone="danger" role="alert" onDismiss={onDismiss}>
      <p className="note-title">{problem.message}</p>
      {problem.detail !== '' && problem.detail !== problem.message && <p>{problem.detail}</p>}
      {problem.hint !== '' && <p className="note-hint">{problem.hint}</p>}
    </Note>
  )
}
