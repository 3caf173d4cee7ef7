import { expect, test } from 'vitest'
import { idOf, rowOf } from '../testing/rows.ts'
import type { Progress } from './api.ts'
import { toWire } from './wire.ts'

const progress: Progress = {
  step: 'WAITING_FOR_EDITOR',
  started_at: '2026-01-01T00:00:00.000Z',
  done_bytes: null,
  total_bytes: null,
}
const moment = {
  progress,
  transition: null,
  activity: { connections: 0, kept_awake_by: null },
  sharing: null,
}
const shown = (operation: 'NONE' | 'STARTING') =>
  toWire(rowOf(idOf(1), { operation }), moment, (key) => key).progress

test('progress is that of an operation: it is over with it', () => {
  expect(shown('STARTING')).toEqual(progress)
  expect(shown('NONE')).toBeNull()
})
