import { expect, it } from 'vitest'
import { fingerprintLines } from './fingerprint.ts'

const HEX = Array.from({ length: 32 }, (_, index) => (index * 7).toString(16).padStart(2, '0'))

it.each([HEX.join(''), HEX.join(':').toUpperCase(), HEX.join(' ')])(
  'is read in four lines of eight: %s',
  (text) => {
    const lines = fingerprintLines(text)
    expect(lines).toHaveLength(4)
    expect(lines[0]).toBe('00:07:0E:15:1C:23:2A:31')
    expect(lines.join(':').toLowerCase().split(':')).toEqual(HEX)
  },
)
