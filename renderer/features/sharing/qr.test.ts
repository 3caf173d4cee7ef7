import decodeQR from 'qr/decode.js'
import { expect, it } from 'vitest'
import { qrPath } from './qr.ts'

const LINK = `https://192.168.100.200:43111/w/01kaaaaaaaaaaaaaaaaaaaaaaa/#${'Zz9_-'.repeat(9)}`
const SCALE = 4

/** As a browser would draw it: black runs of a row each on white. */
function drawn({ path, size }: { path: string; size: number }) {
  const width = size * SCALE
  const data = new Uint8ClampedArray(width * width * 4).fill(255)
  for (const [, left, top, run] of path.matchAll(/M(\d+) (\d+)h(\d+)v1H\1z/g)) {
    for (let y = Number(top) * SCALE; y < (Number(top) + 1) * SCALE; y++) {
      for (let x = Number(left) * SCALE; x < (Number(left) + Number(run)) * SCALE; x++) {
        data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3)
      }
    }
  }
  return { width, height: width, data }
}

it('is read back as the link', () => {
  expect(decodeQR(drawn(qrPath(LINK)))).toBe(LINK)
})

it('is one path with four modules of white around it', () => {
  const { path, size } = qrPath(LINK)
  expect(path.replace(/M\d+ \d+h\d+v1H\d+z/g, '')).toBe('')
  const runs = [...path.matchAll(/M(\d+) (\d+)h(\d+)/g)].map((found) => found.slice(1).map(Number))
  expect(Math.min(...runs.map(([x = 0]) => x))).toBe(4)
  expect(Math.min(...runs.map(([, y = 0]) => y))).toBe(4)
  expect(Math.max(...runs.map(([x = 0, , run = 0]) => x + run))).toBe(size - 4)
  expect(Math.max(...runs.map(([, y = 0]) => y))).toBe(size - 5)
})
