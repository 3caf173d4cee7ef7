import type { ReactNode } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { MAX_ATTEMPTS } from '../../../main/core/state.ts'
import { messages } from '../../messages.ts'
import { Note } from '../../ui/note.tsx'
import { afterFailure } from './rules.ts'

/** Why a workspace is in ERROR, what to do, and who does it next. */
export function ErrorNote({ workspace, children }: { workspace: Workspace; children: ReactNode }) {
  const { error_info: info } = workspace
  // The first line is the message; what follows it are log lines.
  const [title, ...log] = info?.message.trim().split('\n') ?? []
  return (
    <Note tone="danger">
      <div className="error-note">
        <div className="error-note-text">
          <p className="note-title">{title ?? messages.problem.unexpected}</p>
          {log.length > 0 && <pre className="error-note-log">{log.join('\n')}</pre>}
          {info !== null && <p>{info.hint}</p>}
          <p className="note-hint">
            {info !== null && messages.failure.attempt(info.operation, info.attempt, MAX_ATTEMPTS)}{' '}
            {messages.failure[afterFailure(workspace)]}
          </p>
        </div>
        {children}
      </div>
    </Note>
  )
}
