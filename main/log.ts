import { appendFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'

const MAX_BYTES = 10 * 2 ** 20
const MAX_TEXT = 2_000
/** A time is not cut. */
const MIN_TEXT = 30
/** Of a line, in bytes, its end included. */
const MAX_LINE = 4_095
/** Fields that never reach a log, in what is logged and one level below. */
const SECRETS = ['token', 'session_token', 'cookie', 'authorization', 'password', 'link', 'secret']

/** Logs as JSON lines to stderr and to `logs/berth.log`; one older file is kept. */
export function createLog(dataDir: string, level: string): Logger {
  const path = join(dataDir, 'logs', 'berth.log')
  // Full: what it cannot take is lost, which must neither end Berth nor be kept in memory.
  const stderr = pino.destination({ dest: 2, sync: true, maxLength: 2 ** 20 }).on('error', () => undefined)
  const file = createFile(path)
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: SECRETS.flatMap((name) => [name, `*.${name}`]),
      serializers: { err: errorFields },
    },
    {
      write(whole) {
        const line = shortened(whole)
        stderr.write(line)
        file.write(line)
      },
    },
  )
}

/** Writes lines at once, and puts the file aside when it is large. What a full disk cannot take is lost. */
function createFile(path: string): { write: (line: string) => void } {
  let bytes = statSync(path, { throwIfNoEntry: false })?.size ?? 0
  return {
    write(line) {
      try {
        if (bytes > MAX_BYTES) {
          renameSync(path, `${path}.1`)
          bytes = 0
        }
        appendFileSync(path, line, { mode: 0o600 })
        bytes += Buffer.byteLength(line)
      } catch {
        // There is nowhere left to tell of it but stderr, which has the line.
      }
    },
  }
}

/** A line of JSON whose texts are cut until it is short enough; of one that is all numbers, only what it is about. */
function shortened(line: string): string {
  for (let length = MAX_TEXT; Buffer.byteLength(line) > MAX_LINE; length /= 2) {
    const all = JSON.parse(line) as Record<string, unknown>
    const { level, time, msg } = all
    const cut = (_: string, value: unknown): unknown =>
      typeof value === 'string' ? value.slice(0, Math.max(length, MIN_TEXT)) : value
    line = `${JSON.stringify(length > MIN_TEXT ? all : { level, time, msg }, cut)}\n`
  }
  return line
}

/** An error with its causes. Text from outside is cut, so that nobody fills the log. */
function errorFields(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error).slice(0, MAX_TEXT)
  return {
    code: (error as { code?: unknown }).code,
    message: error.message.slice(0, MAX_TEXT),
    stack: error.stack?.slice(0, MAX_TEXT),
    ...(error.cause !== undefined && { cause: errorFields(error.cause) }),
  }
}
