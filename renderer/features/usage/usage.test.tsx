import { renderToStaticMarkup } from 'react-dom/server'
import { describe, expect, it } from 'vitest'
import type { Usage } from '../../../main/core/api.ts'
import { aWorkspace } from '../../testing.ts'
import { sparkPath, STEPS } from './spark-path.ts'
import { Line } from './usage-line.tsx'

describe('sparkPath', () => {
  const box = { limit: 2, width: 60, height: 10 }

  it.each<[string, number[], string]>([
    ['nothing', [], ''],
    ['one value', [1], 'M59 5L60 5'],
    ['a line from none to all', [0, 1, 2], 'M58 10L59 5L60 0'],
    ['more than there is to use, and less than nothing', [5, -1], 'M59 0L60 10'],
  ])('draws %s', (_, values, path) => {
    expect(sparkPath(values, box)).toBe(path)
  })

  it('never leaves its box, whatever there is to draw', () => {
    const path = sparkPath(
      Array.from({ length: 500 }, (_, n) => n),
      { ...box, limit: 0 },
    )
    expect(path).toMatch(/^M0 10L1 10/)
    expect(path.split('L')).toHaveLength(STEPS + 1)
  })
})

describe('the line on a card', () => {
  const workspace = aWorkspace({ cpus: 2, memory_bytes: 4 * 2 ** 30, status: 'RUNNING' })
  const samples: Usage[] = [0.1, 0.4].map((cpus, n) => ({
    at: `2026-11-21T10:00:0${n}.000Z`,
    cpus,
    memory_bytes: 310 * 2 ** 20,
  }))

  it('says what is used as one thing, of which the drawings are a part', () => {
    const html = renderToStaticMarkup(<Line workspace={workspace} samples={samples} />)
    expect(html).toContain('role="img" aria-label="CPU 0.4 of 2, memory 310 MB of 4 GB"')
    expect(html.match(/<svg[^>]*aria-hidden="true"/g)).toHaveLength(2)
    expect(html).not.toContain('style=')
  })

  it('is not there before anything is known', () => {
    expect(renderToStaticMarkup(<Line workspace={workspace} samples={[]} />)).toBe('')
  })
})
