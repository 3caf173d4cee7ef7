import { expect, it } from 'vitest'
import { moved } from './moves.ts'

const LIST = { count: 10, columns: 1, page: 4 }
const GRID = { count: 8, columns: 3, page: 2 }

it.each([
  ['ArrowDown', 0, LIST, 1],
  ['ArrowDown', 9, LIST, null],
  ['ArrowUp', 0, LIST, null],
  ['ArrowUp', 5, LIST, 4],
  ['PageDown', 3, LIST, 7],
  ['PageDown', 8, LIST, 9],
  ['PageUp', 2, LIST, 0],
  ['Home', 7, LIST, 0],
  ['End', 7, LIST, 9],
  ['End', 9, LIST, null],
  ['a', 3, LIST, null],
  ['ArrowRight', 2, GRID, 3],
  ['ArrowLeft', 3, GRID, 2],
  ['ArrowDown', 1, GRID, 4],
  ['ArrowDown', 5, GRID, 7],
  ['ArrowDown', 6, GRID, null],
  ['ArrowUp', 7, GRID, 4],
  ['ArrowUp', 2, GRID, null],
  ['PageUp', 4, GRID, 1],
] as const)('%s from %i', (key, from, ground, to) => {
  expect(moved(key, from, ground)).toBe(to)
})
