import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { FAILPOINTS, arm, failpoint, type Failpoint } from './failpoint.ts'

const MAIN = join(import.meta.dirname, '..')

/** Every `failpoint('…')` in the product's own code. */
function used(): string[] {
  return readdirSync(MAIN, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts') && !path.startsWith('testing'))
    .flatMap((path) => [...readFileSync(join(MAIN, path), 'utf8').matchAll(/\bfailpoint\('([^']*)'\)/g)])
    .map(([, name]) => name!)
}

const hits: string[] = []
const effects = { onHit: (name: Failpoint) => void hits.push(name), kill: () => void hits.push('killed') }

afterEach(() => {
  arm('', effects)
  hits.length = 0
  vi.useRealTimers()
})

describe('D3 the registry', () => {
  test('names exactly the failpoints in the code, each of which stands in one place', () => {
    expect(used().sort()).toEqual([...FAILPOINTS].sort())
  })

  test('refuses a name that is not in it, and an action that is none', () => {
    expect(() => arm('starting.creatde=kill', effects)).toThrow('starting.creatde')
    for (const action of ['', '=', '=explode', '=delay', '=delay:', '=delay:x', '=delay:-1'])
      expect(() => arm(`starting.created${action}`, effects), action).toThrow('unknown failpoint action')
  })
})

describe('a failpoint', () => {
  test('does nothing unless it is armed', async () => {
    arm('starting.created=throw', effects)
    await failpoint('starting.started')
    expect(hits).toEqual([])
  })

  test('throws, after it has told that it was reached', async () => {
    arm('starting.created=throw', effects)
    await expect(failpoint('starting.created')).rejects.toThrow('starting.created')
    expect(hits).toEqual(['starting.created'])
  })

  test('kills, after it has told that it was reached', async () => {
    arm('starting.created=kill', effects)
    await failpoint('starting.created')
    expect(hits).toEqual(['starting.created', 'killed'])
  })

  test('delays for as long as it was told', async () => {
    vi.useFakeTimers()
    arm('starting.created=delay:500', effects)
    const done = vi.fn()
    void failpoint('starting.created').then(done)
    await vi.advanceTimersByTimeAsync(499)
    expect(done).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(1)
    expect(done).toHaveBeenCalledOnce()
  })

  test('is one of several that were armed together, and arming again forgets them', async () => {
    arm('starting.created=throw,stopping.stopped=throw', effects)
    await expect(failpoint('starting.created')).rejects.toThrow()
    await expect(failpoint('stopping.stopped')).rejects.toThrow()
    arm('starting.started=throw', effects)
    await failpoint('starting.created')
    expect(hits).toEqual(['starting.created', 'stopping.stopped'])
  })
})
