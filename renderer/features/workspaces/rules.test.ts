import { describe, expect, it } from 'vitest'
import type { ErrorInfo, Workspace } from '../../../main/core/api.ts'
import { aWorkspace } from '../../testing.ts'
import { afterFailure, afterOperation, allowed, type Allowed } from './rules.ts'

const BASE: Allowed = { open: true, start: true, stop: false, retry: false, remove: true }
const STOPS = { start: false, stop: true }
const NOTHING = { open: false, start: false, stop: false, retry: false, remove: false }

const cases: [name: string, workspace: Partial<Workspace>, allowed: Partial<Allowed>][] = [
  ['asleep', {}, {}],
  ['running', { status: 'RUNNING', desired_state: 'RUNNING' }, STOPS],
  ['on its way up', { operation: 'STARTING', desired_state: 'RUNNING' }, STOPS],
  ['new', { status: 'PENDING', display_status: 'PENDING', desired_state: 'RUNNING' }, STOPS],
  ['being made', { status: 'PENDING', display_status: 'PENDING', operation: 'PROVISIONING' }, {}],
  ['archived', { status: 'PENDING', display_status: 'ARCHIVED', desired_state: 'PENDING' }, { open: false }],
  ['stopping', { status: 'RUNNING', operation: 'STOPPING' }, { open: false }],
  [
    'stopping only to start again',
    { status: 'RUNNING', operation: 'STOPPING', desired_state: 'RUNNING' },
    STOPS,
  ],
  ['on its way into the archive', { operation: 'ARCHIVING', desired_state: 'PENDING' }, { open: false }],
  ['on its way out of it', { status: 'PENDING', display_status: 'ARCHIVED', operation: 'RESTORING' }, {}],
  [
    'in error',
    { status: 'ERROR', display_status: 'ERROR', desired_state: 'RUNNING' },
    { stop: true, open: false, retry: true },
  ],
  [
    'in error after a stop',
    { status: 'ERROR', display_status: 'ERROR', desired_state: 'STANDBY' },
    { open: false, retry: true },
  ],
  [
    'in error because it could not be deleted',
    { status: 'ERROR', display_status: 'ERROR', error_info: { operation: 'DELETING' } as ErrorInfo },
    { start: false, open: false, retry: true },
  ],
  ['being deleted', { operation: 'DELETING' }, NOTHING],
  ['being deleted in error', { status: 'ERROR', display_status: 'ERROR', operation: 'DELETING' }, NOTHING],
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

it('says when a wish waits for the operation to end', () => {
  expect(afterOperation({ operation: 'STARTING', desired_state: 'STANDBY' })).toBe('stop')
  expect(afterOperation({ operation: 'STOPPING', desired_state: 'RUNNING' })).toBe('start')
  expect(afterOperation({ operation: 'STARTING', desired_state: 'RUNNING' })).toBeNull()
  expect(afterOperation({ operation: 'NONE', desired_state: 'STANDBY' })).toBeNull()
})
