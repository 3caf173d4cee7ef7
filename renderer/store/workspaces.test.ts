import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Engine, ErrorInfo, Progress, Transition } from '../../main/core/api.ts'
import type { ServerEvent } from '../api/stream.ts'
import { aGuest, aWorkspace } from '../testing.ts'
import {
  createWorkspaces,
  nextChange,
  NOTHING_KNOWN,
  orderedIds,
  reduce,
  type WorkspacesState,
} from './workspaces.ts'

const ENGINE: Engine = { reachable: true, version: '28.3.2', message: null, hint: null }
const A = aWorkspace({ id: '01a' })
const B = aWorkspace({ id: '01b' })

const reset: ServerEvent = { name: 'reset', data: {} }
const engine: ServerEvent = { name: 'engine', data: ENGINE }
const changed = (data: typeof A): ServerEvent => ({ name: 'state_changed', data })

function after(...events: ServerEvent[]): WorkspacesState {
  return events.reduce(reduce, NOTHING_KNOWN)
}

describe('reduce', () => {
  it('knows that nothing is there only when the first burst has ended', () => {
    expect(after(reset).ready).toBe(false)
    expect(after(reset, engine)).toMatchObject({ ready: true, byId: {}, engine: ENGINE })
  })

  it('keeps the last word about each workspace', () => {
    const running = { ...A, status: 'RUNNING', display_status: 'RUNNING' } as const
    expect(after(reset, changed(A), changed(B), engine, changed(running)).byId).toEqual({
      '01a': running,
      '01b': B,
    })
  })

  it('drops what is deleted', () => {
    const state = after(reset, changed(A), changed(B), engine, changed({ ...A, status: 'DELETED' }))
    expect(orderedIds(state)).toEqual(['01b'])
  })

  it('forgets at a reset what is not named again, and not a moment before the burst ends', () => {
    const before = [reset, changed(A), changed(B), engine]
    expect(orderedIds(after(...before, reset, changed(B)))).toEqual(['01b', '01a'])
    const state = after(...before, reset, changed(B), engine)
    expect(orderedIds(state)).toEqual(['01b'])
    expect(state.unconfirmed.size).toBe(0)
  })

  it('does not forget what a resumed stream leaves unsaid', () => {
    expect(orderedIds(after(reset, changed(A), engine, engine))).toEqual(['01a'])
  })

  it('puts progress and errors into the workspace they are about', () => {
    const progress: Progress = {
      step: 'PULLING_IMAGE',
      started_at: A.created_at,
      done_bytes: 1,
      total_bytes: 2,
    }
    const error_info = { code: 'DISK_FULL', attempt: 1 } as ErrorInfo
    const state = after(
      changed(A),
      { name: 'progress', data: { id: '01a', progress } },
      { name: 'error', data: { id: '01a', error_info } },
    )
    expect(state.byId['01a']).toEqual({ ...A, progress, error_info })
    expect(
      reduce(state, { name: 'progress', data: { id: '01a', progress: null } }).byId['01a']?.progress,
    ).toBeNull()
  })

  it('takes a warning for what happens next', () => {
    const transition: Transition = { to: 'STANDBY', at: A.created_at, cause: 'IDLE', reason: '' }
    const state = after(changed(A), changed(B), { name: 'warning', data: { id: '01a', transition } })
    expect(state.byId).toEqual({ '01a': { ...A, next_transition: transition }, '01b': B })
  })

  it('takes who rings from the workspace, not from the bell', () => {
    const state = after(changed(A))
    expect(reduce(state, { name: 'ring', data: { id: '01a', guest: aGuest({ state: 'RINGING' }) } })).toBe(
      state,
    )
  })

  it('does not change with what is used', () => {
    const state = after(changed(A))
    const usage = { at: A.created_at, cpus: 1, memory_bytes: 1 }
    expect(reduce(state, { name: 'usage', data: { id: '01a', usage } })).toBe(state)
  })

  it('ignores progress of a workspace it does not know', () => {
    expect(after({ name: 'progress', data: { id: 'gone', progress: null } })).toBe(NOTHING_KNOWN)
  })

  it('lists the newest first', () => {
    expect(orderedIds(after(changed(B), changed(aWorkspace({ id: '01c' })), changed(A)))).toEqual([
      '01c',
      '01b',
      '01a',
    ])
  })
})

describe('nextChange', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('waits for the stream to say something about this workspace', async () => {
    const store = createWorkspaces()
    const done = vi.fn()
    store.setState(after(changed(A), changed(B)))
    void nextChange(store, '01a', A).then(done)
    store.setState((state) => reduce(state, changed({ ...B })))
    await vi.advanceTimersByTimeAsync(100)
    expect(done).not.toHaveBeenCalled()
    store.setState((state) => reduce(state, changed({ ...A })))
    await vi.advanceTimersByTimeAsync(0)
    expect(done).toHaveBeenCalled()
  })

  it('does not wait when the stream was quicker than the answer, nor for ever', async () => {
    const store = createWorkspaces()
    store.setState(after(changed({ ...A })))
    await nextChange(store, '01a', A)

    const done = vi.fn()
    void nextChange(store, '01a', store.getState().byId['01a'], 2_000).then(done)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(done).toHaveBeenCalled()
  })
})
