/** A pressed key, as Electron tells it. */
export interface Pressed {
  readonly type: string
  readonly key: string
  readonly control: boolean
  readonly meta: boolean
  readonly alt: boolean
}

/** Chromium's levels: each is a fifth more or less than the one before. */
const LEAST = -3
const MOST = 5

/** The zoom level that a key asks for, of a window that is at `level`; undefined: it is no key for that. */
export function zoomBy(pressed: Pressed, level: number, mac: boolean): number | undefined {
  const { type, key, control, meta, alt } = pressed
  if (type !== 'keyDown' || alt || control === mac || meta !== mac) return undefined
  if (key === '+' || key === '=') return Math.min(MOST, level + 0.5)
  if (key === '-') return Math.max(LEAST, level - 0.5)
  return key === '0' ? 0 : undefined
}
