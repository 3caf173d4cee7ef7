/** What this code asks of a logger: a constant message, and what varies as fields. */
type Log = (fields: Record<string, unknown>, message: string) => void

export interface Logger {
  debug: Log
  info: Log
  warn: Log
  error: Log
}
