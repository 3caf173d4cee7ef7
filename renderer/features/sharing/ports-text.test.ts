import { expect, it } from 'vitest'
import { createShare } from '../../../main/core/api.ts'
import { parsePorts, portsText, togglePort } from './ports-text.ts'

it.each([
  ['', []],
  ['3000', [3000]],
  [' 5173;3000,  8080 3000 ', [3000, 5173, 8080]],
  ['1 65535', [1, 65_535]],
])('reads %j', (text, ports) => {
  expect(parsePorts(text)).toEqual(ports)
  expect(createShare.shape.ports.parse(parsePorts(text))).toEqual(ports)
})

it.each(['0', '65536', '-1', '3000-3010', '3e3', '0x50', '30.5', 'vite', '100000'])('refuses %j', (text) => {
  expect(parsePorts(text)).toBeNull()
})

it('takes as many as the server does, and no more', () => {
  const many = Array.from({ length: 21 }, (_, index) => 3000 + index)
  for (const ports of [many, many.slice(1)]) {
    const accepted = createShare.shape.ports.safeParse(ports).success
    expect(parsePorts(portsText(ports)) !== null).toBe(accepted)
  }
})

it('adds and removes a port, in order, and leaves alone what it cannot read', () => {
  expect(togglePort('5173', 3000)).toBe('3000, 5173')
  expect(togglePort('3000, 5173', 3000)).toBe('5173')
  expect(togglePort('5173', 5173)).toBe('')
  expect(togglePort('vi', 3000)).toBe('vi')
})
