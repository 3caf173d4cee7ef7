import { expect, it } from 'vitest'
import { ago, bytes, duration, memory } from './format.ts'

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
