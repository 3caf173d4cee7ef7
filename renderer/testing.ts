/** Values for tests. */
import type { Guest, Share, Sharing, Workspace } from '../main/core/api.ts'

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
    sudo: false,
    env: {},
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
    sharing: null,
    deleted_at: null,
    last_access_at: AT,
    created_at: AT,
    updated_at: AT,
    ...part,
  }
}

export function aGuest(part: Partial<Guest> = {}): Guest {
  return {
    id: '01kccccccccccccccccccccccc',
    name: 'Ada',
    address: '192.168.1.7',
    state: 'IN',
    since: AT,
    connections: 1,
    ...part,
  }
}

export function aShare(part: Partial<Share> = {}): Share {
  return {
    id: '01kbbbbbbbbbbbbbbbbbbbbbbb',
    mode: 'DOORBELL',
    wakes: false,
    ports: [],
    created_at: AT,
    expires_at: null,
    guests: [],
    ...part,
  }
}

export function aSharing(part: Partial<Sharing> = {}): Sharing {
  return {
    url: 'https://192.168.1.2:43111/w/01kaaaaaaaaaaaaaaaaaaaaaaa/',
    ports: [],
    problem: null,
    fingerprint: Array<string>(32).fill('A1').join(':'),
    shares: [aShare()],
    ...part,
  }
}

/** Lets everything that waits for nothing but promises happen. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve()
}
