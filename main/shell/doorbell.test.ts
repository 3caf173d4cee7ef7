import { EventEmitter } from 'node:events'
import type { Notification, NotificationConstructorOptions } from 'electron'
import { expect, it, vi } from 'vitest'
import type { Guest, Workspace } from '../core/api.ts'
import { createDoorbell, ringText } from './doorbell.ts'

const GUEST: Guest = {
  id: 'g1',
  name: 'Grace',
  address: '192.168.1.7',
  state: 'RINGING',
  since: '2026-11-21T10:00:00.000Z',
  connections: 0,
}
const WORKSPACE = { name: 'Harbour' }
const sharedWith = (...guests: Guest[]) =>
  [{ sharing: { shares: [{ guests }] } }] as unknown as Pick<Workspace, 'sharing'>[]

function aDoorbell() {
  const made: { options: NotificationConstructorOptions; show: () => void; close: () => void }[] = []
  const emitters: EventEmitter[] = []
  const deps = {
    make: (options: NotificationConstructorOptions) => {
      const emitter = Object.assign(new EventEmitter(), { show: vi.fn(), close: vi.fn() })
      emitters.push(emitter)
      made.push({ options, show: emitter.show, close: emitter.close })
      return emitter as unknown as Notification
    },
    show: vi.fn(),
    allow: vi.fn(),
    deny: vi.fn(),
  }
  return { ...deps, made, emitters, doorbell: createDoorbell(deps) }
}

it('tells of a guest once, however often they ring', () => {
  const { doorbell, made } = aDoorbell()
  doorbell.ring(WORKSPACE, GUEST)
  doorbell.update(sharedWith(GUEST))
  doorbell.ring(WORKSPACE, GUEST)
  doorbell.ring(WORKSPACE, { ...GUEST, id: 'g2' })
  expect(made).toHaveLength(2)
  expect(made[0]!.show).toHaveBeenCalledOnce()
  expect(made[0]!.options).toMatchObject({
    title: 'Grace rings',
    body: 'At “Harbour”, from 192.168.1.7. Let them in?',
    actions: [
      { type: 'button', text: 'Allow' },
      { type: 'button', text: 'Deny' },
    ],
  })
})

it('leads to the dashboard, or does what the button says', () => {
  const { doorbell, emitters, show, allow, deny } = aDoorbell()
  doorbell.ring(WORKSPACE, GUEST)
  emitters[0]!.emit('click')
  expect(show).toHaveBeenCalledOnce()
  expect(allow).not.toHaveBeenCalled()
  emitters[0]!.emit('action', { actionIndex: 0 })
  expect(allow.mock.calls).toEqual([['g1']])
  emitters[0]!.emit('action', { actionIndex: 1 })
  expect(deny.mock.calls).toEqual([['g1']])
})

it('goes when the guest was let in, or has gone, and comes again when they do', () => {
  const { doorbell, made } = aDoorbell()
  doorbell.ring(WORKSPACE, GUEST)
  doorbell.update(sharedWith({ ...GUEST, state: 'IN' }))
  expect(made[0]!.close).toHaveBeenCalledOnce()
  doorbell.ring(WORKSPACE, GUEST)
  doorbell.update([{ sharing: null }])
  expect(made[1]!.close).toHaveBeenCalledOnce()
})

it('says of a name only what can be read', () => {
  expect(ringText('x', { ...GUEST, name: 'Al\u202Eice\n\u0007' }).title).toBe('Al ice rings')
})
