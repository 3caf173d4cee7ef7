import { expect, it } from 'vitest'
import { titleOf, type Told } from './window-title.ts'

const RUNS: Told = { name: 'Dinghy', display_status: 'RUNNING', operation: 'NONE' }

it.each<[string, Told | undefined, number | null, string]>([
  ['running', RUNS, null, 'Dinghy – Berth'],
  ['running, a port of it', RUNS, 3000, 'Dinghy :3000 – Berth'],
  ['being stopped', { ...RUNS, operation: 'STOPPING' }, null, 'Dinghy – Stopping – Berth'],
  ['asleep', { ...RUNS, display_status: 'STANDBY' }, null, 'Dinghy – Standby – Berth'],
  [
    'starting',
    { ...RUNS, display_status: 'STANDBY', operation: 'STARTING' },
    null,
    'Dinghy – Starting – Berth',
  ],
  ['in error', { ...RUNS, display_status: 'ERROR' }, 80, 'Dinghy :80 – Error – Berth'],
  ['unknown', undefined, null, 'Workspace – Berth'],
])('the title of a workspace that is %s', (_case, workspace, port, title) => {
  expect(titleOf(workspace, port)).toBe(title)
})
