import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { bin, root } from './paths.mjs'
import { interrupted, runProgram } from './processes.mjs'

/** @typedef {{ passed: number, failed: number, skipped: number }} Count */
/** @typedef {'static' | 'unit' | 'e2e'} Part */

/**
 * Runs every test, also after one has failed, and ends with one line of counts. A static check counts as one test.
 * @param {Part[]} parts
 * @param {string[]} args For the runner, where it is one part.
 * @returns {Promise<number>} the exit code
 */
export async function runTests(parts, args) {
  const reports = await mkdtemp(path.join(tmpdir(), 'berth-tests-'))
  /** @type {Count[]} */
  const counts = []
  try {
    if (parts.includes('static')) {
      counts.push(await check('tsc', ['--noEmit', '-p', '.']))
      counts.push(await check('eslint', ['.']))
      counts.push(await check('prettier', ['--check', '.']))
    }
    if (parts.includes('unit')) counts.push(await vitest(path.join(reports, 'vitest.json'), args))
    if (parts.includes('e2e')) counts.push(await playwright(path.join(reports, 'playwright.json'), args))
  } finally {
    await rm(reports, { recursive: true, force: true })
  }
  const sum = (/** @type {keyof Count} */ key) => counts.reduce((total, count) => total + count[key], 0)
  const skipped = sum('skipped')
  process.stdout.write(
    `\n${sum('passed')} passed, ${sum('failed')} failed${skipped ? `, ${skipped} skipped` : ''}\n`,
  )
  return sum('failed') === 0 ? 0 : 1
}

/**
 * @param {string} name
 * @param {string[]} args
 */
async function tool(name, args) {
  process.stdout.write(`\n> ${name} ${args.join(' ')}\n`)
  const code = await runProgram(bin(name), args, { cwd: root })
  if (interrupted()) process.exit(code || 1)
  return code
}

/**
 * @param {string} name
 * @param {string[]} args
 * @returns {Promise<Count>}
 */
async function check(name, args) {
  const passed = (await tool(name, args)) === 0
  return { passed: Number(passed), failed: Number(!passed), skipped: 0 }
}

/**
 * @param {string} report
 * @param {string[]} args
 */
async function vitest(report, args) {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const code = await tool('vitest', ['run', ...reporters, ...args])
  return counted(code, report, (json) => ({
    passed: json.numPassedTests,
    failed: json.numFailedTests,
    skipped: json.numPendingTests + json.numTodoTests,
  }))
}

/**
 * @param {string} report
 * @param {string[]} args
 */
async function playwright(report, args) {
  const options = ['test', '--config=e2e/playwright.config.ts', '--reporter=list,json']
  process.env.PLAYWRIGHT_JSON_OUTPUT_FILE = report
  const code = await tool('playwright', [...options, ...args])
  return counted(code, report, ({ stats }) => ({
    passed: stats.expected + stats.flaky,
    failed: stats.unexpected,
    skipped: stats.skipped,
  }))
}

/**
 * A runner that failed without naming a failed test (it could not load a file, or it crashed) is a failure all the same.
 * @param {number} code
 * @param {string} report
 * @param {(json: any) => Count} read
 * @returns {Promise<Count>}
 */
async function counted(code, report, read) {
  /** @type {Count} */
  let count = { passed: 0, failed: 0, skipped: 0 }
  try {
    count = read(JSON.parse(await readFile(report, 'utf8')))
  } catch {
    return { ...count, failed: 1 }
  }
  return code !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count
}
