import { existsSync } from 'node:fs'
import path from 'node:path'
import { ensurePackages } from './debian.mjs'

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable']
const ELSEWHERE = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
]

/**
 * A browser such as people have, for the tests that open a link in one.
 * @returns {Promise<string>} its executable
 */
export async function ensureBrowser() {
  const chosen = process.env.BERTH_CHROMIUM ?? find()
  if (chosen) return chosen
  await ensurePackages(['chromium'], 'A browser (Chromium)')
  return find() ?? '/usr/bin/chromium'
}

/** @returns {string | undefined} */
function find() {
  const dirs = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean)
  return [...dirs.flatMap((dir) => NAMES.map((name) => path.join(dir, name))), ...ELSEWHERE].find((file) =>
    existsSync(file),
  )
}
