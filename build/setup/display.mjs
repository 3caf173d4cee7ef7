import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ensurePackages } from './debian.mjs'
import { causeIn, logFile } from './processes.mjs'
import { tilde } from './paths.mjs'
import { SetupError } from './step.mjs'

/**
 * A display: the one that is there, or an Xvfb of our own that ends with us.
 * @returns {Promise<{ DISPLAY: string, XAUTHORITY: string } | undefined>} what a child's environment needs, if one was made
 */
export async function ensureDisplay() {
  if (process.platform !== 'linux' || process.env.DISPLAY || process.env.WAYLAND_DISPLAY) return undefined
  await ensurePackages(['xvfb'], 'A display (Xvfb)')
  const dir = mkdtempSync(path.join(tmpdir(), 'berth-display-'))
  const authority = path.join(dir, 'Xauthority')
  writeFileSync(authority, cookie(), { mode: 0o600 })
  const log = logFile('xvfb')
  const out = openSync(log, 'w')
  const options = ['-screen', '0', '1600x1000x24', '-nolisten', 'tcp', '-auth', authority, '-displayfd', '3']
  const server = spawn('Xvfb', options, { detached: true, stdio: ['ignore', out, out, 'pipe'] })
  process.on('exit', () => {
    server.kill()
    rmSync(dir, { recursive: true, force: true })
  })
  const number = await new Promise((resolve) => {
    server.on('error', () => resolve(undefined)).on('exit', () => resolve(undefined))
    server.stdio[3]?.on('data', (chunk) => resolve(String(chunk).trim()))
  })
  if (!number) throw new SetupError('Xvfb did not start', { why: causeIn(log), log: tilde(log) })
  return { DISPLAY: `:${number}`, XAUTHORITY: authority }
}

/** An Xauthority file with one cookie for any display, so that other users of this machine cannot look at or type into ours. */
function cookie() {
  const field = (/** @type {string | Buffer} */ value) => {
    const bytes = Buffer.from(value)
    return Buffer.concat([Buffer.from([bytes.length >> 8, bytes.length & 255]), bytes])
  }
  const anyFamily = Buffer.from([0xff, 0xff])
  return Buffer.concat([anyFamily, field(''), field(''), field('MIT-MAGIC-COOKIE-1'), field(randomBytes(16))])
}
