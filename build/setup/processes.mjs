import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs'
import { constants } from 'node:os'
import path from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { cacheDir, tilde } from './paths.mjs'
import { SetupError } from './step.mjs'

/** @typedef {{ cwd?: string, env?: NodeJS.ProcessEnv }} Where */

/** @type {Set<import('node:child_process').ChildProcess>} */
const running = new Set()
let programRuns = false
let signalled = false

export const interrupted = () => signalled

const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])
for (const signal of signals) process.on(signal, end)

/** @param {typeof signals[number]} signal */
function end(signal) {
  signalled = true
  // A terminal's Ctrl-C reaches the children too; a second one would look impatient to a program that is ending.
  if (signal !== 'SIGINT' || !process.stdin.isTTY) for (const child of running) child.kill(signal)
  // A program is given its time to end; half-done setup is not, for nothing half-made is ever used.
  if (!programRuns) process.exit(128 + constants.signals[signal])
}

// npm passes a SIGTERM on to the shell between us, and that dies of it without a word to us.
const parent = process.ppid
if (process.env.npm_lifecycle_event) {
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    end('SIGTERM')
  }, 500).unref()
}

/**
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 */
function start(command, args, options) {
  const child = spawn(command, args, { shell: command.endsWith('.cmd'), ...options })
  running.add(child)
  /** @type {Promise<number>} */
  const ended = new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve(code ?? 128 + (signal ? constants.signals[signal] : 0)))
  }).finally(() => running.delete(child))
  return { child, ended }
}

/** @param {string} name */
export function logFile(name) {
  mkdirSync(path.join(cacheDir, 'logs'), { recursive: true })
  return path.join(cacheDir, 'logs', `${name}.log`)
}

/**
 * What a log says went wrong: npm's own words, which stand before its advice, else the last lines.
 * @param {string} file
 */
export function causeIn(file) {
  const lines = readFileSync(file, 'utf8')
    .trimEnd()
    .split('\n')
    .filter((line) => !/^\s+at /.test(line))
  const npmErrors = lines.filter((line) => /^npm (error|ERR!) \S/.test(line))
  const telling = npmErrors.length > 0 ? npmErrors.slice(0, 6) : lines.slice(-8)
  return telling.map((line) => stripVTControlCharacters(line).slice(0, 200)).join('\n')
}

/**
 * A step's command: silent, with its output in a log of that name; fails with the log's last lines.
 * @param {string} command
 * @param {string[]} args
 * @param {Where & { what: string, log: string, append?: boolean }} options
 */
export async function run(command, args, { what, log, append = false, ...where }) {
  const file = logFile(log)
  const out = openSync(file, append ? 'a' : 'w')
  try {
    const code = await start(command, args, { ...where, stdio: ['ignore', out, out] }).ended
    if (code === 0) return
  } catch (error) {
    writeSync(out, String(error))
  } finally {
    closeSync(out)
  }
  throw new SetupError(what, { why: causeIn(file), log: tilde(file) })
}

/**
 * A question to a command: what it prints, or undefined when it fails or does not exist.
 * @param {string} command
 * @param {string[]} args
 * @param {Where} [where]
 */
export async function ask(command, args, where = {}) {
  const { child, ended } = start(command, args, { ...where, stdio: ['ignore', 'pipe', 'ignore'] })
  let text = ''
  child.stdout?.setEncoding('utf8').on('data', (/** @type {string} */ chunk) => (text += chunk))
  return (await ended.catch(() => 127)) === 0 ? text.trim() : undefined
}

/**
 * The program all this is for: it has our terminal, our signals reach it, and its exit code is ours.
 * @param {string} command
 * @param {string[]} args
 * @param {Where} [where]
 */
export async function runProgram(command, args, where = {}) {
  programRuns = true
  try {
    return await start(command, args, { ...where, stdio: 'inherit' }).ended
  } finally {
    programRuns = false
  }
}
