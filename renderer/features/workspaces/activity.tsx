import type { Progress, Workspace } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { useNow } from '../../ui/use-now.ts'
import { afterOperation } from './rules.ts'

/** What is being done right now, how far it is and since when. */
export function Activity({ workspace }: { workspace: Workspace }) {
  const { operation, progress } = workspace
  if (operation === 'NONE') return null
  const next = afterOperation(workspace)
  return (
    <div className="activity">
      <p className="activity-text">
        <span className="activity-name">{messages.operation[operation]}</span>
        {progress !== null && (
          <span className="activity-step">
            {messages.step(progress.step, progress.done_bytes, progress.total_bytes)}
          </span>
        )}
        {next !== null && <span className="activity-next">{messages.next[next]}</span>}
        {progress !== null && <Elapsed since={progress.started_at} />}
      </p>
      {progress !== null && <Bar progress={progress} />}
    </div>
  )
}

function Elapsed({ since }: { since: string }) {
  const now = useNow(1_000)
  return <span className="activity-time">{messages.elapsed(now - Date.parse(since))}</span>
}

function Bar({ progress: { step, done_bytes: done, total_bytes: total } }: { progress: Progress }) {
  if (done === null || total === null || total <= 0) return null
  const part = Math.min(1, done / total)
  return (
    <div
      className="bar"
      role="progressbar"
      aria-label={messages.step(step, null, null)}
      aria-valuenow={Math.round(part * 100)}
      aria-valuemin={0}
      aria-valuemax={100}
    >
      <div className="bar-done" style={{ transform: `scaleX(${part})` }} />
    </div>
  )
}
