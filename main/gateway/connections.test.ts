import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { until } from '../testing/until.ts'
import { createConnections, type Kind } from './connections.ts'

function open() {
  const news: string[] = []
  const connections = createConnections((workspaceId, visitor) =>
    news.push(`${workspaceId} ${visitor} ${connections.count(visitor)}`),
  )
  const add = (workspaceId: string, visitor: string, kind: Kind = 'socket'): Duplex => {
    const stream = new Duplex({ read: () => undefined })
    connections.add({ workspaceId, visitor, kind, stream })
    return stream
  }
  return { connections, news, add }
}

test('the WebSockets of a workspace are ended, whoever has them, and nothing else', async () => {
  const { connections, add } = open()
  const mine = [add('one', 'a'), add('one', 'b')]
  const others = [add('other', 'a'), add('one', 'a', 'answer'), add('one', 'a', 'events')]
  connections.disconnect('one')
  await until('they are closed', () => connections.count('b') === 0)
  expect(mine.map(({ destroyed }) => destroyed)).toEqual([true, true])
  expect(others.map(({ destroyed }) => destroyed)).toEqual([false, false, false])
  void connections.closeAll()
  await until('all are closed', () => connections.count('a') === 0)
})

test('all that a visitor has is ended, and nobody else’s', async () => {
  const { connections, add } = open()
  const theirs = [add('one', 'a'), add('one', 'a', 'answer'), add('two', 'a', 'events')]
  const others = add('one', 'b')
  expect(connections.count('a')).toBe(3)
  connections.expel('a')
  await until('they are closed', () => connections.count('a') === 0)
  expect(theirs.every(({ destroyed }) => destroyed)).toBe(true)
  expect(others.destroyed).toBe(false)
})

test('it is told when a visitor comes and when they have gone, and not in between', async () => {
  const { connections, news, add } = open()
  const [first, second] = [add('one', 'a'), add('one', 'a')]
  first.destroy()
  await until('one is left', () => connections.count('a') === 1)
  second.destroy()
  await until('none is left', () => connections.count('a') === 0)
  expect(news).toEqual(['one a 1', 'one a 0'])
})

test('what is closed already is not counted', () => {
  const { connections, news } = open()
  const stream = new Duplex()
  stream.destroy()
  connections.add({ workspaceId: 'one', visitor: 'a', kind: 'answer', stream })
  expect(connections.count('a')).toBe(0)
  expect(news).toEqual([])
})
