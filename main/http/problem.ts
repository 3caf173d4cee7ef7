import type { ServerResponse } from 'node:http'
import type { Problem } from '../core/api.ts'
import { ERRORS, toAppError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'

/** Anything thrown as a problem document (RFC 9457). What Berth did not foresee says nothing of its insides. */
export function toProblem(error: unknown): Problem {
  const { code, message, hint } = toAppError(error)
  const [status, title] = ERRORS[code]
  const detail = code === 'INTERNAL' ? title : message
  return {
    type: `urn:berth:error:${code.toLowerCase().replaceAll('_', '-')}`,
    title,
    status,
    detail,
    code,
    hint,
  }
}

/** Answers with the problem, if there is still somebody to answer. */
export function sendProblem(response: ServerResponse, error: unknown, log: Logger): void {
  const problem = toProblem(error)
  const { retryAfterSeconds } = toAppError(error)
  if (problem.code === 'INTERNAL') log.error({ err: error }, 'a request failed')
  if (response.headersSent) return void response.destroy()
  if (problem.status === 401) response.setHeader('WWW-Authenticate', 'Bearer realm="berth"')
  if (retryAfterSeconds !== undefined) response.setHeader('Retry-After', retryAfterSeconds)
  sendJson(response, problem.status, problem, 'application/problem+json')
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: unknown,
  type = 'application/json',
): void {
  const text = Buffer.from(JSON.stringify(body))
  response.writeHead(status, {
    'Content-Type': `${type}; charset=utf-8`,
    'Content-Length': text.length,
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
  })
  response.end(text)
}
