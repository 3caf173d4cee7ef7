import { describe, expect, it } from 'vitest'
import { needsTools, PLAIN, recallTaste, rememberTaste } from './view.ts'

function memory(initial: Record<string, string> = {}) {
  const kept = new Map(Object.entries(initial))
  return () => ({
    getItem: (key: string) => kept.get(key) ?? null,
    setItem: (key: string, value: string) => void kept.set(key, value),
  })
}
const refused = () => {
  throw new Error('SecurityError')
}

describe('what a browser remembers', () => {
  it('is the order and the shape, not what was searched for', () => {
    const storage = memory()
    const view = { query: 'x', only: 'failed', sort: 'name', layout: 'grid' } as const
    rememberTaste(storage, view)
    expect(recallTaste(storage)).toEqual({ sort: 'name', layout: 'grid' })
  })

  it.each(['', 'null', '[]', '{"sort":"size","layout":1}', '{'])('is nothing when it says %j', (said) => {
    expect(recallTaste(memory({ 'berth.list': said }))).toMatchObject({ sort: 'newest', layout: 'list' })
  })

  it('is nothing where storage is refused', () => {
    rememberTaste(refused, PLAIN)
    expect(recallTaste(refused)).toMatchObject({ sort: 'newest', layout: 'list' })
  })
})

describe('the tools', () => {
  it.each([
    [0, PLAIN, false],
    [3, PLAIN, false],
    [4, PLAIN, true],
    [1, { ...PLAIN, only: 'failed' }, true],
    [1, { ...PLAIN, layout: 'grid' }, true],
    [0, { ...PLAIN, layout: 'grid' }, false],
  ] as const)('of %i workspaces', (total, view, shown) => {
    expect(needsTools(total, view)).toBe(shown)
  })
})
