import { expect, test } from 'vitest'
import { createBus } from './bus.ts'

test('a listener that throws harms neither the others nor the one who announces', () => {
  const errors: unknown[] = []
  const heard: string[] = []
  const bus = createBus((error) => errors.push(error))
  const broken = new Error('broken')
  bus.subscribe(() => {
    throw broken
  })
  bus.subscribe(({ kind }) => heard.push(kind))
  bus.publish({ kind: 'workspace', id: 'w' })
  expect([heard, errors]).toEqual([['workspace'], [broken]])
})
