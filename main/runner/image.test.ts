import { expect, test } from 'vitest'
import { addUp } from './image.ts'
import type { Bytes } from './runner.ts'

/** What each event of a pull makes the sum, in order. */
function sums(
  events: [id: string | undefined, status: string, current?: number, total?: number][],
): (Bytes | undefined)[] {
  const layers = new Map<string, Bytes>()
  return events.map(([id, status, current, total]) =>
    addUp(layers, {
      ...(id !== undefined && { id }),
      status,
      progressDetail: { ...(current !== undefined && { current }), ...(total !== undefined && { total }) },
    }),
  )
}

test('the layers of a pull are added up as they come', () => {
  expect(
    sums([
      ['a', 'Downloading', 10, 100],
      ['b', 'Downloading', 0, 50],
      ['a', 'Downloading', 60, 100],
      ['b', 'Downloading', 50, 50],
    ]),
  ).toEqual([
    { done: 10, total: 100 },
    { done: 10, total: 150 },
    { done: 60, total: 150 },
    { done: 110, total: 150 },
  ])
})

test('a layer that is complete counts whole, and unpacking it counts nothing', () => {
  expect(
    sums([
      ['a', 'Downloading', 90, 100],
      ['a', 'Download complete'],
      ['a', 'Extracting', 5, 100],
      ['a', 'Pull complete'],
      ['b', 'Downloading', 1, 10],
    ]),
  ).toEqual([
    { done: 90, total: 100 },
    { done: 100, total: 100 },
    undefined,
    undefined,
    { done: 101, total: 110 },
  ])
})

test('what says nothing of bytes changes nothing', () => {
  expect(
    sums([
      [undefined, 'Pulling from codercom/code-server'],
      ['a', 'Pulling fs layer'],
      ['a', 'Download complete'],
      ['a', 'Downloading', 5],
      ['a', 'Already exists'],
      ['a', 'Downloading', 5, 10],
    ]),
  ).toEqual([undefined, undefined, undefined, undefined, undefined, { done: 5, total: 10 }])
})

test('the sum never runs back while a layer only grows', () => {
  const done = sums([
    ['a', 'Downloading', 10, 100],
    ['b', 'Downloading', 10, 100],
    ['a', 'Download complete'],
    ['b', 'Downloading', 90, 100],
    ['b', 'Download complete'],
  ]).map((bytes) => bytes!.done)
  expect(done).toEqual(done.toSorted((a, b) => a - b))
})
