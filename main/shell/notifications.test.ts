import { EventEmitter } from 'node:events'
import type { Notification, NotificationConstructorOptions } from 'electron'
import { describe, expect, it, vi } from 'vitest'
import type { Transition, Workspace } from '../core/api.ts'
import { createNotifications, happened, stillSo, type Kind } from './notifications.ts'

vi.mock('electron', () => ({ Menu: {}, Tray: {} }))

const AT = '2026-11-21T10:05:00.000Z'
const SLEEP: Transition = {
  to: 'STANDBY',
  at: AT,
  cause: 'IDLE',
  reason: 'It is put to sleep because nobody used it',
}
const BASE = { id: '01a', name: 'Dinghy', operation: 'NONE', error_count: 0 }
const a = (part: Partial<Workspace>): Workspace => ({ ...BASE, ...part }) as Workspace

const RUNNING = a({ status: 'RUNNING', desired_state: 'RUNNING', next_transition: SLEEP })
const ASLEEP = a({
  status: 'STANDBY',
  desired_state: 'STANDBY',
  status_cause: 'IDLE',
  status_reason: 'Put to sleep because nobody used it',
})
const STOPPED = { ...ASLEEP, status_cause: 'PERSON' as const }
const FAILING = a({ status: 'ERROR', error_count: 1 })
const STUCK = a({ status: 'ERROR', error_count: 3, status_reason: 'The image cannot be pulled' })

describe('what has happened', () => {
  it.each<[string, Workspace | undefined, Workspace, Kind | undefined]>([
    ['nothing', RUNNING, RUNNING, undefined],
    ['it fell asleep by itself', RUNNING, ASLEEP, 'stopped'],
    ['somebody stopped it', RUNNING, STOPPED, undefined],
    ['it was asleep already', ASLEEP, ASLEEP, undefined],
    ['it was found asleep', undefined, ASLEEP, undefined],
    ['it fails and is tried again', RUNNING, FAILING, undefined],
    ['it waits for a person', FAILING, STUCK, 'failed'],
    ['it waits still', STUCK, STUCK, undefined],
    ['it was found waiting', undefined, STUCK, undefined],
  ])('%s', (_name, before, now, kind) => {
    expect(happened(before, now)).toBe(kind)
  })
})

describe('what is still so', () => {
  const later = { ...SLEEP, at: '2026-11-21T10:06:00.000Z' }
  it.each<[string, Kind, Workspace | undefined, boolean]>([
    ['it will sleep', 'will_sleep', RUNNING, true],
    ['it will sleep, but later', 'will_sleep', a({ ...RUNNING, next_transition: later }), false],
    ['somebody came', 'will_sleep', a({ ...RUNNING, next_transition: null }), false],
    ['it sleeps', 'will_sleep', ASLEEP, false],
    ['it is asleep', 'stopped', ASLEEP, true],
    ['it is on its way up', 'stopped', a({ ...ASLEEP, desired_state: 'RUNNING' }), false],
    ['it has failed', 'failed', STUCK, true],
    ['it is tried again', 'failed', FAILING, false],
    ['it is gone', 'failed', undefined, false],
  ])('%s', (_name, kind, now, so) => {
    expect(stillSo(kind, AT, now)).toBe(so)
  })
})

function notifications(wanted: Partial<Record<Kind, boolean>> = {}) {
  const made: { options: NotificationConstructorOptions; events: EventEmitter; close: () => void }[] = []
  const deps = {
    make: (options: NotificationConstructorOptions) => {
      const events = Object.assign(new EventEmitter(), { show: vi.fn(), close: vi.fn() })
      made.push({ options, events, close: events.close })
      return events as unknown as Notification
    },
    wants: (kind: Kind) => wanted[kind] ?? true,
    show: vi.fn(),
    keepAwake: vi.fn(),
  }
  return { ...deps, made, told: createNotifications(deps) }
}

it('warns once before it sleeps, keeps it awake at a click, and takes the warning back', () => {
  const { told, made, keepAwake } = notifications()
  told.update([RUNNING])
  told.warn(RUNNING, SLEEP)
  told.warn(RUNNING, SLEEP)
  told.update([RUNNING])
  expect(made).toHaveLength(1)
  expect(made[0]!.options).toMatchObject({
    title: '“Dinghy” goes to sleep soon',
    actions: [{ text: 'Keep awake for 1 h' }],
  })
  made[0]!.events.emit('action', { actionIndex: 0 })
  made[0]!.events.emit('click')
  expect(keepAwake.mock.calls).toEqual([['01a'], ['01a']])
  expect(made[0]!.close).not.toHaveBeenCalled()
  told.update([a({ ...RUNNING, next_transition: null })])
  expect(made[0]!.close).toHaveBeenCalledOnce()
  told.warn(RUNNING, SLEEP)
  expect(made).toHaveLength(2)
})

it('says why one stopped or failed, and leads to the dashboard', () => {
  const { told, made, show } = notifications()
  told.update([RUNNING])
  told.update([ASLEEP])
  told.update([ASLEEP])
  told.update([STUCK])
  expect(made.map(({ options: { title, body } }) => [title, body])).toEqual([
    ['“Dinghy” was put to sleep', 'Put to sleep because nobody used it'],
    ['“Dinghy” has failed', 'The image cannot be pulled'],
  ])
  expect(made[0]!.close).toHaveBeenCalledOnce()
  made[1]!.events.emit('click')
  expect(show).toHaveBeenCalledOnce()
  told.update([])
  expect(made[1]!.close).toHaveBeenCalledOnce()
})

it('says nothing of what nobody wants to hear', () => {
  const { told, made } = notifications({ will_sleep: false, stopped: false, failed: false })
  told.update([RUNNING])
  told.warn(RUNNING, SLEEP)
  told.update([ASLEEP])
  told.update([STUCK])
  expect(made).toEqual([])
})
