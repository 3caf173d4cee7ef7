import { existsSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import pino, { type Logger } from 'pino'

const MAX_BYTES = 10 * 2 ** 20
const MAX_TEXT = 2_000

/** Logs as JSON lines to stderr and to `logs/berth.log`; one older file is kept. */
export function createLog(dataDir: string, level: string): Logger {
  const path = join(dataDir, 'logs', 'berth.log')
  if (existsSync(path) && statSync(path).size > MAX_BYTES) renameSync(path, `${path}.1`)
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: ['token', 'cookie', 'authorization', '*.token', '*.cookie', '*.authorization'],
      serializers: { err: errorFields },
    },
    pino.multistream([
      { level: 'debug', stream: pino.destination({ dest: 2, sync: true }) },
      { level: 'debug', stream: pino.destination({ dest: path, sync: true, mode: 0o600 }) },
    ]),
  )
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
