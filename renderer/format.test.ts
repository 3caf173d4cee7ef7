import { expect, it } from 'vitest'
import { ago, ahead, bytes, duration, memory, moment, tenths, usedMemory } from './format.ts'

it.each([
  [0, '0 KB'],
  [999_499, '999 KB'],
  [999_500, '1 MB'],
  [120_000_000, '120 MB'],
  [999_499_999, '999 MB'],
  [999_500_000, '1.0 GB'],
  [212_400_000_000, '212.4 GB'],
])('%d bytes are %s', (count, text) => expect(bytes(count)).toBe(text))

it.each([
  [2 ** 32, '4 GB'],
  [2 ** 29, '0.5 GB'],
])('%d bytes of memory are %s', (count, text) => expect(memory(count)).toBe(text))

it.each([
  [0, '0 MB'],
  [310 * 2 ** 20, '310 MB'],
  [1_023.4 * 2 ** 20, '1,023 MB'],
  [1_023.5 * 2 ** 20, '1.0 GB'],
  [1.26 * 2 ** 30, '1.3 GB'],
])('%d bytes of memory in use are %s', (count, text) => expect(usedMemory(count)).toBe(text))

it.each([
  [0, '0.0'],
  [0.04, '0.0'],
  [0.44, '0.4'],
  [2, '2.0'],
])('%d to one place is %s', (value, text) => expect(tenths(value)).toBe(text))

it.each([
  [-5_000, '0 s'],
  [59_999, '59 s'],
  [65_000, '1 min 05 s'],
  [3_720_000, '1 h 02 min'],
])('%d ms last %s', (milliseconds, text) => expect(duration(milliseconds)).toBe(text))

it.each([
  [59_999, null],
  [5 * 60_000, '5 minutes ago'],
  [3 * 3_600_000, '3 hours ago'],
  [25 * 3_600_000, 'yesterday'],
  [9 * 86_400_000, '9 days ago'],
])('%d ms ago is %s', (milliseconds, text) => expect(ago(milliseconds)).toBe(text))

it.each([
  [-1, '0 s'],
  [4_001, '5 s'],
  [59_000, '59 s'],
  [59_001, '1 min'],
  [239_500, '4 min'],
  [3_540_001, '1 h'],
  [23 * 3_600_000, '23 h'],
  [48 * 3_600_000, '48 h'],
  [48 * 3_600_000 + 1, '3 days'],
  [6 * 86_400_000, '6 days'],
])('%d ms ahead are %s', (milliseconds, text) => expect(ahead(milliseconds)).toBe(text))

it('says the day of a moment unless it is today', () => {
  const now = new Date(2026, 10, 21, 14, 40)
  expect(moment(new Date(2026, 10, 21, 0, 5).toISOString(), now.getTime())).toBe('00:05')
  expect(moment(new Date(2026, 10, 20, 23, 59).toISOString(), now.getTime())).toBe('Nov 20, 2026, 23:59')
})
