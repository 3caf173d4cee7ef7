import type { Cause, Level } from './state.ts'
import type { WorkspaceRow } from './workspace.ts'

const CAME_TO: Record<Level, string> = {
  RUNNING: 'Started',
  STANDBY: 'Put to sleep',
  PENDING: 'Archived',
}

/** Why things are done, as the end of a sentence. */
export const BECAUSE: Record<Cause, string> = {
  CREATED: 'when it was created',
  PERSON: 'because somebody asked for it',
  VISIT: 'because somebody opened it',
  IDLE: 'because nobody used it',
  ARCHIVE_TTL: 'because it had been asleep for a long time',
  ADOPTED: 'when it was found and taken in',
  RECOVERY: 'to bring it back to what was wished',
  RETRY: 'at another attempt after an error',
}

/** Why a workspace is in the state it is in, in one sentence. */
export function whyNow(row: WorkspaceRow): string {
  if (row.status === 'ERROR') return row.errorInfo?.message ?? 'Something failed'
  if (row.status === 'DELETED') return 'Deleted because somebody asked for it'
  if (row.status === 'PENDING' && row.archiveKey === null) return 'Not started yet'
  return `${CAME_TO[row.status]} ${BECAUSE[row.statusCause]}`
}

const NEXT: Record<Level, string> = {
  RUNNING: 'It is started',
  STANDBY: 'It is put to sleep',
  PENDING: 'It is archived',
}

/** What happens next and why, in one sentence. */
export const whyNext = (to: Level, cause: Cause): string =>
  cause === 'RETRY' ? 'Berth tries again after an error' : `${NEXT[to]} ${BECAUSE[cause]}`
