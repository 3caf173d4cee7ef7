/**
 * The control plane without a window: `serve --data-dir DIR --port N [--home-store DIR] [--image REF]`.
 * Prints one line of JSON when it accepts requests; logs go to stderr; SIGTERM and SIGINT end it.
 */
import { join } from 'node:path'
import { startControlPlane } from './app.ts'
import { readConfig } from './config.ts'
import { AppError, type ErrorCode } from './core/errors.ts'

/** 0: ended as asked. 1: unexpected. 2: wrong flags, settings or data directory. 3: the data directory is in use or too new. 4: the port is taken. */
const EXIT: Partial<Record<ErrorCode, number>> = {
  INVALID_INPUT: 2,
  DATA_DIR_IN_USE: 3,
  NOT_SUPPORTED: 3,
  PORT_UNAVAILABLE: 4,
}

async function main(): Promise<void> {
  const config = readConfig(process.argv.slice(2), process.env)
  const plane = await startControlPlane(config, join(import.meta.dirname, '../renderer'))
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    process.once(signal, () => {
      void plane.close().then(() => process.exit(0))
    })
  process.stdout.write(`${JSON.stringify({ url: plane.url, token: plane.token(), pid: process.pid })}\n`)
}

main().catch((error: unknown) => {
  const known = error instanceof AppError
  process.stderr.write(known ? `${error.message}\n${error.hint}\n` : `${String((error as Error).stack)}\n`)
  process.exit((known && EXIT[error.code]) || 1)
})
