/**
 * Draws resources/tray-<state>.png anew, in the browser of the tests: `node build/icons.mjs`.
 * The tray shows the app's icon with the state in a corner, told apart by its shape and not by its colour alone.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from '@playwright/test'
import { ensureBrowser } from './setup/browser.mjs'
import { isRoot } from './setup/debian.mjs'

const SIZE = 24
const resources = join(import.meta.dirname, '../resources')
const icon = readFileSync(join(resources, 'icon.svg'), 'utf8')

const BADGES = {
  idle: '',
  running: '<circle cx="18" cy="18" r="5" fill="#35c46a" stroke="#fff" stroke-width="1.6" />',
  working:
    '<circle cx="18" cy="18" r="5.8" fill="#fff" /><path d="M18 14.1a3.9 3.9 0 1 1-3.9 3.9" fill="none" stroke="#c47d00" stroke-width="2.3" stroke-linecap="round" />',
  failed:
    '<path d="M17.2 11.4 23.4 22a.9.9 0 0 1-.8 1.4H11a.9.9 0 0 1-.8-1.4l5.4-10.6a.9.9 0 0 1 1.6 0Z" fill="#d8362a" stroke="#fff" stroke-width="1.2" /><path d="M16.7 15v3.7M16.7 21.1v.1" stroke="#fff" stroke-width="1.7" stroke-linecap="round" />',
}

/**
 * In the page: the drawing as a PNG, in base64.
 * @param {{ svg: string, pixels: number }} drawing
 */
async function draw({ svg, pixels }) {
  const image = new globalThis.Image()
  image.src = `data:image/svg+xml,${encodeURIComponent(svg)}`
  await image.decode()
  const canvas = Object.assign(globalThis.document.createElement('canvas'), { width: pixels, height: pixels })
  canvas.getContext('2d')?.drawImage(image, 0, 0, pixels, pixels)
  return canvas.toDataURL('image/png').replace(/^.*,/, '')
}

const browser = await chromium.launch({
  executablePath: await ensureBrowser(),
  args: isRoot ? ['--no-sandbox'] : [],
})
const page = await browser.newPage()
for (const [state, badge] of Object.entries(BADGES)) {
  const svg = icon
    .replace('<svg ', `<svg width="${SIZE * 8}" height="${SIZE * 8}" `)
    .replace('</svg>', `${badge}</svg>`)
  for (const scale of [1, 2]) {
    const png = await page.evaluate(draw, { svg, pixels: SIZE * scale })
    const name = `tray-${state}${scale === 1 ? '' : `@${scale}x`}.png`
    writeFileSync(join(resources, name), Buffer.from(png, 'base64'))
  }
}
await browser.close()
