import { expect, test } from 'vitest'
import { createGarbageTable } from './garbage.ts'
import { openDb } from './open.ts'

test('garbage is remembered with its time, which a later one replaces, until it is removed', () => {
  const garbage = createGarbageTable(openDb(':memory:'))
  garbage.add(['a', 'b', 'c'], 5)
  garbage.add(['b'], 7)
  garbage.remove(['c', 'never there'])
  expect(garbage.all()).toEqual(
    new Map([
      ['a', 5],
      ['b', 7],
    ]),
  )
})
