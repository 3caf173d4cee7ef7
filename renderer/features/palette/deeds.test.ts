import { expect, it } from 'vitest'
import type { Workspace } from '../../../main/core/api.ts'
import { aWorkspace } from '../../testing.ts'
import { deedsFor, type Deed } from './deeds.ts'

const ALWAYS: Deed[] = ['share', 'details', 'duplicate', 'delete']

it.each<[string, Partial<Workspace>, Deed[]]>([
  ['asleep', {}, ['open', 'start', 'archive', ...ALWAYS]],
  [
    'running',
    { status: 'RUNNING', display_status: 'RUNNING', desired_state: 'RUNNING' },
    ['open', 'stop', 'keepAwake', 'archive', ...ALWAYS],
  ],
  [
    'archived',
    { status: 'PENDING', display_status: 'ARCHIVED', desired_state: 'PENDING', archive_key: 'a' },
    ['restore', ...ALWAYS],
  ],
  [
    'in error',
    { status: 'ERROR', display_status: 'ERROR', desired_state: 'RUNNING' },
    ['retry', 'stop', ...ALWAYS],
  ],
  ['being deleted', { operation: 'DELETING' }, ['share', 'details']],
])('what can be done with one that is %s', (_state, part, deeds) => {
  expect(deedsFor(aWorkspace(part))).toEqual(deeds)
})
