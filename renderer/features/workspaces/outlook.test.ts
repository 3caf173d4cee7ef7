import { describe, expect, it } from 'vitest'
import type { Transition, Workspace } from '../../../main/core/api.ts'
import { moment } from '../../format.ts'
import { aWorkspace } from '../../testing.ts'
import { awake, hoursFrom, outlook, sleepsIn } from './outlook.ts'

const NOW = new Date(2026, 10, 21, 14, 40).getTime()
const FOREVER = hoursFrom(NOW, Infinity)
const inMs = (milliseconds: number) => new Date(NOW + milliseconds).toISOString()
const next = (
  to: Transition['to'],
  cause: Transition['cause'],
  milliseconds: number,
): Partial<Workspace> => ({
  next_transition: { to, cause, at: inMs(milliseconds), reason: '' },
})
const RUNNING = { status: 'RUNNING', display_status: 'RUNNING', desired_state: 'RUNNING' } as const
const BUSY = { activity: { connections: 0, kept_awake_by: '`npm run build`' } }
const IN_USE = { activity: { connections: 2, kept_awake_by: null } }

const cases: [name: string, workspace: Partial<Workspace>, words: string | null][] = [
  ['idle', { ...RUNNING, ...next('STANDBY', 'IDLE', 239_500) }, 'Sleeps in 4 min'],
  ['almost asleep', { ...RUNNING, ...next('STANDBY', 'IDLE', 44_200) }, 'Sleeps in 45 s'],
  ['late to fall asleep', { ...RUNNING, ...next('STANDBY', 'IDLE', -1) }, 'Sleeps now'],
  ['asleep', next('PENDING', 'ARCHIVE_TTL', 23 * 3_600_000), 'Archived in 23 h'],
  ['in error', { status: 'ERROR', ...next('RUNNING', 'RETRY', 4_100) }, 'Tries again in 5 s'],
  ['in use', { ...RUNNING, ...IN_USE, ...next('STANDBY', 'IDLE', 60_000) }, 'In use'],
  ['busy', { ...RUNNING, ...BUSY, ...next('STANDBY', 'IDLE', 60_000) }, 'Kept awake by `npm run build`'],
  ['kept awake', { ...RUNNING, ...BUSY, keep_awake_until: hoursFrom(NOW, 1) }, 'Kept awake until 15:40'],
  [
    'kept awake until tomorrow',
    { ...RUNNING, keep_awake_until: hoursFrom(NOW, 24) },
    'Kept awake until Nov 22, 2026, 14:40',
  ],
  ['kept awake for ever', { ...RUNNING, keep_awake_until: FOREVER }, 'Kept awake until you let it sleep'],
  ['no longer kept awake', { ...RUNNING, keep_awake_until: inMs(-1) }, null],
  ['kept awake, but asleep', { keep_awake_until: FOREVER }, null],
  ['never to sleep', RUNNING, null],
]

describe('the outlook of a workspace that is', () => {
  it.each(cases)('%s', (_name, workspace, words) => {
    expect(outlook(aWorkspace(workspace), NOW)).toBe(words)
  })
})

it('says a minute before it that a workspace goes to sleep, and no sooner', () => {
  const left = (part: Partial<Workspace>) => sleepsIn(aWorkspace({ ...RUNNING, ...part }), NOW)
  expect(left(next('STANDBY', 'IDLE', 60_001))).toBeNull()
  expect(left(next('STANDBY', 'IDLE', 60_000))).toBe(60_000)
  expect(left(next('STANDBY', 'IDLE', -5))).toBe(0)
  expect(left({})).toBeNull()
  // The time for which it was kept awake ends like any other.
  expect(left({ ...next('STANDBY', 'IDLE', 1_000), keep_awake_until: inMs(1_000) })).toBe(1_000)
})

it.each<[string, Partial<Workspace>]>([
  ['is busy', BUSY],
  ['is in use', IN_USE],
  ['is already on its way', { operation: 'STOPPING' }],
  ['is to be archived instead', next('PENDING', 'ARCHIVE_TTL', 1_000)],
])('does not warn of one that %s', (_name, part) => {
  const idle = { ...RUNNING, ...next('STANDBY', 'IDLE', 1_000) }
  expect(sleepsIn(aWorkspace({ ...idle, ...part }), NOW)).toBeNull()
})

it('knows what keeps it awake', () => {
  expect(awake(aWorkspace(RUNNING), NOW)).toBeNull()
  const until = hoursFrom(NOW, 4)
  expect(awake(aWorkspace({ ...RUNNING, keep_awake_until: until }), NOW)).toContain(moment(until, NOW))
})
