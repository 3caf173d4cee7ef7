import { expect, it } from 'vitest'
import { aGuest, aShare, aSharing, aWorkspace } from '../../testing.ts'
import { here, ringing } from './guests.ts'

const at = (minute: number) => new Date(Date.UTC(2026, 10, 21, 10, minute)).toISOString()
const rings = (id: string, minute: number) =>
  aGuest({ id, state: 'RINGING', since: at(minute), connections: 1 })

const BOATS = aWorkspace({
  id: '01a',
  name: 'boats',
  sharing: aSharing({
    shares: [
      aShare({ guests: [aGuest({ id: 'in' }), rings('second', 2)] }),
      aShare({ guests: [aGuest({ id: 'away', connections: 0 }), rings('fourth', 4)] }),
    ],
  }),
})
const SAILS = aWorkspace({
  id: '01b',
  name: 'sails',
  sharing: aSharing({ shares: [aShare({ guests: [rings('third', 3), rings('first', 1)] })] }),
})

it('hears everybody who rings anywhere, the one who waits longest first', () => {
  const heard = ringing([BOATS, aWorkspace(), SAILS]).map(({ workspace, guest }) => [
    workspace.name,
    guest.id,
  ])
  expect(heard).toEqual([
    ['sails', 'first'],
    ['boats', 'second'],
    ['sails', 'third'],
    ['boats', 'fourth'],
  ])
})

it('counts as here who is in and has something open', () => {
  expect(here(BOATS.sharing).map(({ id }) => id)).toEqual(['in'])
  expect(here(SAILS.sharing)).toEqual([])
  expect(here(null)).toEqual([])
})
