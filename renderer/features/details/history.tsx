import type { HistoryEntry, Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'
import { LoadedList } from '../../ui/loaded-list.tsx'
import { Row } from '../../ui/row.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { useNow } from '../../ui/use-now.ts'
import { versionOf } from './version.ts'

const words = messages.history

/** What was done with a workspace, why, and how it went. */
export function History({ workspace }: { workspace: Workspace }) {
  const { client } = useServices()
  const history = useLoaded(() => client.history(workspace.id), versionOf(workspace))
  const now = useNow(30_000)
  return (
    <LoadedList {...history} none={words.none}>
      {(entry) => (
        <Row
          key={entry.op_id}
          title={
            <>
              {words.deed[entry.operation]}{' '}
              {entry.operation !== 'NONE' && <span className="row-cause">{words.because[entry.cause]}</span>}
            </>
          }
          facts={[moment(entry.started_at, now), ...took(entry)]}
          more={entry.message !== null && <p className="row-error">{entry.message}</p>}
        >
          <span className="badge" data-outcome={entry.outcome ?? undefined}>
            {entry.outcome === null ? words.underWay : words.outcome[entry.outcome]}
          </span>
        </Row>
      )}
    </LoadedList>
  )
}

/** A failure that was only seen took no time. */
function took({ operation, started_at: start, ended_at: end }: HistoryEntry): string[] {
  if (operation === 'NONE' || end === null) return []
  return [words.took(Date.parse(end) - Date.parse(start))]
}
