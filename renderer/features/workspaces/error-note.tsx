import type { ReactNode } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { MAX_ATTEMPTS } from '../../../main/core/state.ts'
import { messages } from '../../messages.ts'
import { ChevronIcon } from '../../ui/icons.tsx'
import { Note } from '../../ui/note.tsx'
import { afterFailure } from './rules.ts'

/** Why a workspace is in ERROR, what to do, and who does it next. */
export function ErrorNote({ workspace, children }: { workspace: Workspace; children: ReactNode }) {
  const { error_info: info } = workspace
  const log = info?.log_tail?.trimEnd() ?? ''
  return (
    <Note tone="danger">
      <div className="error-note">
        <div className="error-note-text">
          <p className="note-title">{info?.message ?? messages.problem.unexpected}</p>
          {info !== null && <p>{info.hint}</p>}
          <p className="note-hint">
            {info !== null && messages.failure.attempt(info.operation, info.attempt, MAX_ATTEMPTS)}{' '}
            {messages.failure[afterFailure(workspace)]}
          </p>
          {log !== '' && (
            <details className="more">
              <summary>
                <ChevronIcon /> {messages.failure.log}
              </summary>
              <pre className="log error-note-log">{log}</pre>
            </details>
          )}
        </div>
        {children}
      </div>
    </Note>
  )
}
