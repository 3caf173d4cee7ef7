import { expect, it } from 'vitest'
import { createShare } from '../../../main/core/api.ts'
import { SENSIBLE, toWish } from './share-form.ts'

it('asks the owner about each guest, for 8 hours, unless told otherwise', () => {
  expect(toWish(SENSIBLE)).toEqual({ mode: 'DOORBELL', wakes: false, ports: [], expires_in_seconds: 28_800 })
})

it.each([
  ['hour', 3_600],
  ['day', 86_400],
  ['stopped', null],
] as const)('makes a wish that the server accepts (%s)', (lifetime, expires_in_seconds) => {
  const wish = toWish({ mode: 'LINK', lifetime, wakes: true, ports: '5173, 3000' })
  expect(wish).toEqual({ mode: 'LINK', wakes: true, ports: [3000, 5173], expires_in_seconds })
  expect(createShare.parse(wish)).toEqual(wish)
})

it('makes none of what are no ports', () => {
  expect(toWish({ ...SENSIBLE, ports: '3000, vite' })).toBeNull()
})
