/** Values for tests. */
import type { Workspace } from '../main/core/api.ts'

const AT = '2026-11-21T10:00:00.000Z'

export function aWorkspace(part: Partial<Workspace> = {}): Workspace {
  return {
    id: '01kaaaaaaaaaaaaaaaaaaaaaaa',
    name: 'demo',
    description: '',
    memo: '',
    image_ref: 'codercom/code-server:latest',
    cpus: 2,
    memory_bytes: 2 ** 32,
    standby_ttl_seconds: 300,
    archive_ttl_seconds: 86_400,
    busy_shield: true,
    busy_cap_seconds: 43_200,
    home_path: null,
    status: 'STANDBY',
    status_since: AT,
    status_cause: 'PERSON',
    status_reason: 'Put to sleep because somebody asked for it',
    display_status: 'STANDBY',
    operation: 'NONE',
    progress: null,
    desired_state: 'STANDBY',
    error_count: 0,
    error_info: null,
    archive_key: null,
    restore_key: null,
    next_transition: null,
    keep_awake_until: null,
    activity: { connections: 0, kept_awake_by: null },
    deleted_at: null,
    last_access_at: AT,
    created_at: AT,
    updated_at: AT,
    ...part,
  }
}

/** Lets everything that waits for nothing but promises happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}
