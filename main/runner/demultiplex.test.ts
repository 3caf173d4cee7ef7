import { describe, expect, test } from 'vitest'
import { demultiplex } from './demultiplex.ts'

const frame = (stream: 1 | 2, text: string): Buffer => {
  const data = Buffer.from(text)
  const head = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  head.writeUInt32BE(data.length, 4)
  return Buffer.concat([head, data])
}

describe('a container’s log', () => {
  test('is its frames one after the other, of both streams', () => {
    const log = Buffer.concat([frame(1, 'out\n'), frame(2, 'err ü\n'), frame(1, ''), frame(1, 'end')])
    expect(demultiplex(log)).toBe('out\nerr ü\nend')
  })

  test('is read as far as it goes when it is cut off', () => {
    const log = Buffer.concat([frame(1, 'whole\n'), frame(1, 'half of it')])
    expect(demultiplex(log.subarray(0, log.length - 6))).toBe('whole\nhalf')
    expect(demultiplex(log.subarray(0, 18))).toBe('whole\n')
    expect(demultiplex(Buffer.alloc(0))).toBe('')
  })

  test('keeps a letter together that two frames share', () => {
    const [first, second] = [Buffer.from('ü').subarray(0, 1), Buffer.from('ü').subarray(1)]
    const frames = [first, second].map((part) => Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, 1]), part]))
    expect(demultiplex(Buffer.concat(frames))).toBe('ü')
  })
})
