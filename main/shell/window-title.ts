import type { Workspace } from '../core/api.ts'

const DOING: Record<Exclude<Workspace['operation'], 'NONE'>, string> = {
  PROVISIONING: 'Preparing',
  RESTORING: 'Restoring',
  STARTING: 'Starting',
  STOPPING: 'Stopping',
  ARCHIVING: 'Archiving',
  DELETING: 'Deleting',
}
const IS: Record<Workspace['display_status'], string> = {
  PENDING: 'Pending',
  STANDBY: 'Standby',
  RUNNING: '',
  ARCHIVED: 'Archived',
  ERROR: 'Error',
  DELETED: 'Deleted',
}

/** What a window tells of its workspace. */
export type Told = Pick<Workspace, 'name' | 'display_status' | 'operation'>

/** The title of a window of a workspace: its name, the port that it shows, and its state unless it simply runs. */
export function titleOf(workspace: Told | undefined, port: number | null): string {
  const name = (workspace?.name ?? 'Workspace') + (port === null ? '' : ` :${port}`)
  return [name, workspace ? stateOf(workspace) : '', 'Berth'].filter((part) => part !== '').join(' – ')
}

const stateOf = ({ operation, display_status: status }: Told): string =>
  operation === 'NONE' ? IS[status] : DOING[operation]
