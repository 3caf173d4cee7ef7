import { AppError, errnoOf } from '../core/errors.ts'

const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENOTFOUND',
])

/** The engine's HTTP status of an error thrown by dockerode. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  return typeof status === 'number' ? status : undefined
}

/** What a failed engine call means to a person. */
export function engineError(error: unknown): AppError {
  if (error instanceof AppError) return error
  const errno = errnoOf(error)
  if (errno === 'EACCES' || errno === 'EPERM')
    return new AppError('DOCKER_UNREACHABLE', 'This user may not talk to Docker', {
      hint: 'Run "sudo usermod -aG docker $USER", sign out and in again.',
      cause: error,
    })
  if (errno !== undefined && UNREACHABLE.has(errno))
    return new AppError('DOCKER_UNREACHABLE', `Docker does not answer${at(error)}`, { cause: error })
  if (error instanceof Error && ['AbortError', 'TimeoutError'].includes(error.name))
    return new AppError('DOCKER_UNREACHABLE', 'Docker does not answer', { cause: error })
  const message = messageOf(error)
  if (/no space left on device/i.test(message)) return new AppError('DISK_FULL', message, { cause: error })
  return new AppError('DOCKER_FAILED', message, { cause: error })
}

/** Where the connection was tried, if the system says so. */
function at(error: unknown): string {
  const { address } = error as { address?: unknown }
  return typeof address === 'string' ? ` at ${address}` : ''
}

/** The engine's own words, without dockerode's wrapping. */
export function messageOf(error: unknown): string {
  const body = (error as { json?: { message?: unknown } } | null)?.json?.message
  if (typeof body === 'string') return body
  const text = error instanceof Error ? error.message : String(error)
  return text.replace(/^\(HTTP code \d+\) .+? - /, '').trim()
}
