// What a person is told during setup. All of it goes to stderr: stdout belongs to the program that is started.

/** A failure told to a person: what failed, why, what to do, and where the whole log is. */
export class SetupError extends Error {
  /**
   * @param {string} what
   * @param {{ why?: string, fix?: string, log?: string }} [more]
   */
  constructor(what, { why, fix, log } = {}) {
    super(what)
    this.why = why
    this.fix = fix
    this.log = log
  }
}

/** @typedef {(detail: string) => void} Say Tells how far the running step is. */

const live = process.stderr.isTTY === true && !process.env.CI

/** @param {string} text */
export const note = (text) => void process.stderr.write(`${text}\n`)

/** @param {number} since */
export function elapsed(since) {
  const seconds = Math.round((Date.now() - since) / 1000)
  return seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`
}

/**
 * Does one piece of work under a progress line. Only called when there is work, so that a second start says nothing.
 * @template T
 * @param {string} title
 * @param {(say: Say) => Promise<T>} work
 */
export async function step(title, work) {
  const { say, end } = progressLine(title)
  try {
    const result = await work(say)
    end('✓')
    return result
  } catch (error) {
    end('✗')
    throw error
  }
}

/**
 * A step that has a way round it.
 * @param {string} title
 * @param {(say: Say) => Promise<void>} work
 * @returns {Promise<string | undefined>} why it could not be done
 */
export async function attempt(title, work) {
  const { say, end } = progressLine(title)
  try {
    await work(say)
    end('✓')
    return undefined
  } catch (error) {
    const reason =
      error instanceof SetupError ? (error.why ?? error.message) : /** @type {Error} */ (error).message
    end('–', `: ${reason.split('\n', 1)[0]}`)
    return reason
  }
}

/** @param {string} title */
function progressLine(title) {
  const started = Date.now()
  let detail = ''
  const draw = () => {
    const line = `… ${title} (${elapsed(started)})${detail && `: ${detail}`}`
    process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`)
  }
  const timer = live ? setInterval(draw, 250) : undefined
  if (live) draw()
  else note(`… ${title}`)

  return {
    /** @type {Say} */
    say: (text) => void (detail = text),
    /** @type {(mark: string, outcome?: string) => void} */
    end(mark, outcome = '') {
      clearInterval(timer)
      note(`${live ? '\r\x1b[2K' : ''}${mark} ${title}${outcome} (${elapsed(started)})`)
    },
  }
}

/** @param {unknown} error */
export function describe(error) {
  if (!(error instanceof SetupError)) return error instanceof Error ? error.message : String(error)
  const { message, why, fix, log } = error
  return [message, why && `  Why: ${indent(why)}`, fix && `  Fix: ${indent(fix)}`, log && `  Log: ${log}`]
    .filter(Boolean)
    .join('\n')
}

/** @param {string} text */
const indent = (text) => text.trim().replaceAll('\n', '\n       ')
