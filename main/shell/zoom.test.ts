import { expect, it } from 'vitest'
import { zoomBy, type Pressed } from './zoom.ts'

const CTRL: Pressed = { type: 'keyDown', key: '+', control: true, meta: false, alt: false }
const CMD: Pressed = { ...CTRL, control: false, meta: true }

it.each<[string, Pressed, number, boolean, number | undefined]>([
  ['nearer', CTRL, 0, false, 0.5],
  ['nearer without Shift', { ...CTRL, key: '=' }, 0, false, 0.5],
  ['farther', { ...CTRL, key: '-' }, 0.5, false, 0],
  ['as it was', { ...CTRL, key: '0' }, 2, false, 0],
  ['not too near', CTRL, 5, false, 5],
  ['not too far', { ...CTRL, key: '-' }, -3, false, -3],
  ['nearer, on a Mac', CMD, 0, true, 0.5],
  ['not by Control on a Mac', CTRL, 0, true, undefined],
  ['not by the Windows key', CMD, 0, false, undefined],
  ['not by both', { ...CTRL, meta: true }, 0, false, undefined],
  ['not with Alt', { ...CTRL, alt: true }, 0, false, undefined],
  ['not when it is let go', { ...CTRL, type: 'keyUp' }, 0, false, undefined],
  ['not by another key', { ...CTRL, key: 'w' }, 0, false, undefined],
])('zooms: %s', (_case, pressed, level, mac, wanted) => {
  expect(zoomBy(pressed, level, mac)).toBe(wanted)
})
