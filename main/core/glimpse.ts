import type { Trouble, Workspace } from './api.ts'
import { ERRORS } from './errors.ts'

/** What a page that waits for a workspace is told of it: no more than it shows. */
export type Glimpse = Pick<
  Workspace,
  'id' | 'name' | 'status' | 'operation' | 'desired_state' | 'error_count' | 'error_info' | 'progress'
> & { archived: boolean }

/** Who looks: its owner, or a guest, who is not told why it failed. */
export type Audience = 'owner' | 'guest'

export function glimpse(workspace: Workspace, audience: Audience): Glimpse {
  const { id, name, status, operation, desired_state, error_count, error_info, progress, archive_key } =
    workspace
  return {
    id,
    name,
    status,
    operation,
    desired_state,
    error_count,
    error_info: audience === 'owner' ? error_info : null,
    progress,
    archived: archive_key !== null,
  }
}

/** Trouble as others than the desktop's own user are told of it: not where things are on this machine. */
export function withoutPlaces(trouble: Trouble | null): Trouble | null {
  if (trouble === null) return null
  const [, message, hint] = ERRORS[trouble.code]
  return { code: trouble.code, message, hint }
}
