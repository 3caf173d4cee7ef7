import { expect, it } from 'vitest'
import { aShare } from '../../testing.ts'
import { stillMade } from './made.ts'

it('is shown from the start, and until its share is gone', () => {
  const share = aShare()
  const made = { shared: { link: 'https://x/#secret', share }, listed: false }
  expect(stillMade(null, [share])).toBeNull()
  // The stream is late.
  expect(stillMade(made, [])).toBe(made)
  expect(stillMade(made, [aShare({ id: 'another' })])).toBe(made)
  const listed = stillMade(made, [share])!
  expect(listed).toEqual({ ...made, listed: true })
  expect(stillMade(listed, [share])).toBe(listed)
  expect(stillMade(listed, [aShare({ id: 'another' })])).toBeNull()
})
