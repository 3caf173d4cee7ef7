import { describe, expect, it } from 'vitest'
import type { ErrorInfo, Workspace } from '../../../main/core/api.ts'
import { aWorkspace } from '../../testing.ts'
import { afterFailure, afterOperation, allowed, isUp, type Allowed } from './rules.ts'

const BASE: Allowed = {
  open: true,
  start: true,
  stop: false,
  archive: true,
  restore: false,
  goBack: true,
  retry: false,
  remove: true,
}
const STOPS = { start: false, stop: true }
const NOTHING = Object.fromEntries(Object.keys(BASE).map((what) => [what, false])) as unknown as Allowed
const ARCHIVED = { status: 'PENDING', display_status: 'ARCHIVED', archive_key: 'a' } as const
const FAILED = { status: 'ERROR', display_status: 'ERROR' } as const
const NEW = { status: 'PENDING', display_status: 'PENDING' } as const

const cases: [name: string, workspace: Partial<Workspace>, allowed: Partial<Allowed>][] = [
  ['asleep', {}, {}],
  ['running', { status: 'RUNNING', desired_state: 'RUNNING' }, STOPS],
  ['on its way up', { operation: 'STARTING', desired_state: 'RUNNING' }, STOPS],
  ['new', { ...NEW, desired_state: 'RUNNING' }, { ...STOPS, archive: false }],
  ['being made', { ...NEW, operation: 'PROVISIONING' }, { archive: false }],
  [
    'archived',
    { ...ARCHIVED, desired_state: 'PENDING' },
    { open: false, start: false, archive: false, restore: true },
  ],
  ['stopping', { status: 'RUNNING', operation: 'STOPPING' }, { open: false }],
  [
    'stopping only to start again',
    { status: 'RUNNING', operation: 'STOPPING', desired_state: 'RUNNING' },
    STOPS,
  ],
  [
    'on its way into the archive',
    { operation: 'ARCHIVING', desired_state: 'PENDING' },
    { open: false, stop: true, archive: false },
  ],
  [
    'stopping to be archived',
    { status: 'RUNNING', operation: 'STOPPING', desired_state: 'PENDING' },
    { open: false, stop: true, archive: false },
  ],
  ['on its way out of it', { ...ARCHIVED, operation: 'RESTORING', desired_state: 'RUNNING' }, STOPS],
  ['going back to an older archive', { restore_key: 'b' }, { goBack: false }],
  [
    'in error',
    { ...FAILED, desired_state: 'RUNNING' },
    { stop: true, open: false, archive: false, retry: true },
  ],
  [
    'in error after a stop',
    { ...FAILED, desired_state: 'STANDBY' },
    { open: false, archive: false, retry: true },
  ],
  [
    'in error because it could not be archived',
    { ...FAILED, desired_state: 'PENDING' },
    { open: false, stop: true, archive: false, retry: true },
  ],
  [
    'in error because it could not be restored',
    { ...FAILED, desired_state: 'PENDING', archive_key: 'a' },
    { open: false, archive: false, retry: true },
  ],
  [
    'in error because it could not be deleted',
    { ...FAILED, error_info: { operation: 'DELETING' } as ErrorInfo },
    { start: false, open: false, archive: false, goBack: false, retry: true },
  ],
  ['being deleted', { operation: 'DELETING' }, NOTHING],
  ['being deleted in error', { ...FAILED, operation: 'DELETING' }, NOTHING],
]

describe('what is allowed for a workspace that is', () => {
  it.each(cases)('%s', (_name, workspace, expected) => {
    expect(allowed(aWorkspace(workspace))).toEqual({ ...BASE, ...expected })
  })
})

it('says who acts next after a failure', () => {
  expect(afterFailure({ error_count: 2, operation: 'NONE' })).toBe('again')
  expect(afterFailure({ error_count: 3, operation: 'NONE' })).toBe('waiting')
  expect(afterFailure({ error_count: 1, operation: 'STARTING' })).toBe('now')
})

it.each([
  ['STARTING', 'STANDBY', 'stop'],
  ['STARTING', 'PENDING', 'archive'],
  ['STOPPING', 'RUNNING', 'start'],
  ['STOPPING', 'PENDING', 'archive'],
  ['STOPPING', 'STANDBY', null],
  ['STARTING', 'RUNNING', null],
  ['ARCHIVING', 'PENDING', null],
  ['NONE', 'STANDBY', null],
] as const)(
  'during %s, says of a wish for %s that it then does this: %s',
  (operation, desired_state, then) => {
    expect(afterOperation({ operation, desired_state, restore_key: null })).toBe(then)
  },
)

it('says that the archive it goes back to follows that of its home', () => {
  expect(afterOperation({ operation: 'ARCHIVING', desired_state: 'RUNNING', restore_key: 'a' })).toBe(
    'restore',
  )
})

it.each([
  ['RUNNING', 'NONE', true],
  ['RUNNING', 'STOPPING', false],
  ['STANDBY', 'NONE', false],
  ['STANDBY', 'STARTING', false],
  ['PENDING', 'NONE', false],
  ['ERROR', 'NONE', false],
] as const)('knows whether opening one that is %s and %s changes nothing: %s', (status, operation, up) => {
  expect(isUp({ status, operation })).toBe(up)
})
