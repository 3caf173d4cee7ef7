import { readFileSync } from 'node:fs'
import { ask, run } from './processes.mjs'
import { SetupError, step } from './step.mjs'

export const isRoot = process.getuid?.() === 0

/** Debian, Ubuntu and their relatives. */
export const isDebian = (() => {
  try {
    return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync('/etc/os-release', 'utf8'))
  } catch {
    return false
  }
})()

let updated = false

/**
 * Installs what is missing of these packages; for anyone but root it only says how.
 * @param {string[]} packages
 * @param {string} what What is missing, for the message.
 */
export async function ensurePackages(packages, what) {
  if (!isDebian)
    throw new SetupError(`${what} is missing`, {
      fix: `Install it with your package manager (Debian: ${packages.join(' ')}).`,
    })
  const missing = await notInstalled(packages)
  if (missing.length === 0) return
  const command = `apt-get install --no-install-recommends ${missing.join(' ')}`
  if (!isRoot) throw new SetupError(`${what} is missing`, { fix: `sudo ${command}` })
  await step(`Installing ${missing.join(' ')}`, async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive', NEEDRESTART_SUSPEND: '1' }
    const tool = (/** @type {string} */ command, /** @type {string[]} */ ...args) =>
      run(command, args, { what: `${what} could not be installed`, log: 'apt', append: true, env })
    // Another apt may be at work, as on a freshly started Ubuntu.
    const apt = ['-qy', '-o', 'DPkg::Lock::Timeout=300']
    // Neither has to succeed: one broken third-party source fails an update that was good enough, and an earlier install
    // that was cut off is rarely in the way.
    if (!updated) await tool('apt-get', ...apt, 'update').catch(() => undefined)
    updated = true
    await tool('dpkg', '--configure', '-a').catch(() => undefined)
    const names = await Promise.all(missing.map(available))
    await tool('apt-get', ...apt, 'install', '--no-install-recommends', ...names)
  })
}

/** @param {string[]} packages */
async function notInstalled(packages) {
  const listed = await ask('dpkg-query', ['-W', '-f', '${Package} ${Provides} ${db:Status-Status}\n'])
  const installed = (listed ?? '').split('\n').filter((line) => line.endsWith(' installed'))
  const names = new Set(installed.flatMap((line) => line.split(/[\s,]+/)))
  return packages.filter((name) => !names.has(name))
}

/**
 * Debian 13 and Ubuntu 24.04 renamed libraries when their time_t grew.
 * @param {string} name
 */
async function available(name) {
  return (await ask('apt-cache', ['show', `${name}t64`])) ? `${name}t64` : name
}
