import type { Workspace } from '../../../main/core/api.ts'
import { useNow } from '../../ui/use-now.ts'
import { outlook } from './outlook.ts'

/** Why it is in this state, and what happens next. While something is being done, that is said instead. */
export function OutlookLine({ workspace }: { workspace: Workspace }) {
  const next = outlook(workspace, useNow(1_000))
  if (workspace.operation !== 'NONE') return null
  // Its note says why.
  const reason = workspace.status === 'ERROR' ? '' : workspace.status_reason
  return (
    <p className="facts outlook">
      {next !== null && <span className="outlook-next">{next}</span>}
      {reason !== '' && (
        <span className="outlook-reason" title={reason}>
          {reason}
        </span>
      )}
    </p>
  )
}
