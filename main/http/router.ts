import type { IncomingMessage, ServerResponse } from 'node:http'
import type { z } from 'zod'
import { AppError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { User } from '../db/accounts.ts'
import type { Principal } from '../service/sessions.ts'
import { sendJson, sendProblem } from './problem.ts'

/** The longest that an answer says about an input, in characters. */
const MAX_DETAIL = 1_000
/** What a body may take up; `openBytes` is for who is not known yet. */
const LIMITS = { bodyBytes: 256 * 1024, openBytes: 4 * 1024, bodyMs: 10_000 }

/** What a handler is given: everything in it is validated. */
export interface Call<Body = unknown, Query = unknown> {
  user: User
  /** The session that asks, or `token`. */
  sessionId: string
  bearer: string
  id: string
  body: Body
  query: Query
  request: IncomingMessage
  response: ServerResponse
}

/**
 * One route of the API, as data: it is served, described in the OpenAPI document and checked by tests from this alone.
 * `path` may hold `{id}`. `status` and `answer` are the success; a handler that answers by itself
 * (`stream`) returns nothing and names no `answer`.
 */
export interface Route {
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  summary: string
  /** Answers without a token. */
  open?: true
  body?: z.ZodType
  query?: z.ZodType
  status: number
  answer?: z.ZodType
  /** Answers with server-sent events. */
  stream?: true
  // A table of routes holds many types of calls; `route` below checks each against its own schemas.
  handle: (call: Call<never, never>) => unknown
}

/** Types a route's handler by its schemas. */
export function route<Body extends z.ZodType = z.ZodUndefined, Query extends z.ZodType = z.ZodUndefined>(
  route: Omit<Route, 'body' | 'query' | 'handle'> & {
    body?: Body
    query?: Query
    handle: (call: Call<z.infer<Body>, z.infer<Query>>) => unknown
  },
): Route {
  return route
}

export interface RouterDeps {
  routes: readonly Route[]
  /** @throws {AppError} UNAUTHENTICATED */
  authenticate: (bearer: string | undefined) => Principal
  log: Logger
  limits?: typeof LIMITS
}

/** Serves `routes`. Without a valid token every other path answers 401, so that nothing can be told apart. */
export function createRouter({ routes, authenticate, log, limits = LIMITS }: RouterDeps) {
  const patterns = routes.map((route) => ({
    route,
    pattern: new RegExp(`^${route.path.replace('.', '\\.').replace('{id}', '(?<id>[0-9a-z]{26})')}$`),
  }))

  async function answer(
    request: IncomingMessage,
    response: ServerResponse,
    path: string,
    search: string,
  ): Promise<void> {
    const here = patterns.flatMap(({ route, pattern }) => {
      const match = pattern.exec(path)
      return match ? [{ route, id: match.groups?.['id'] ?? '' }] : []
    })
    const found = here.find(({ route }) => route.method === request.method)
    const bearer = bearerOf(request)
    if (!found?.route.open) authenticate(bearer)
    if (!found) throw new AppError(here.length > 0 ? 'METHOD_NOT_ALLOWED' : 'NOT_FOUND')
    const { route, id } = found
    const maxBytes = route.open ? limits.openBytes : limits.bodyBytes
    const body = route.body && parse(route.body, await readBody(request, maxBytes, limits.bodyMs), 'body')
    // Anew: who sends slowly may have been signed out meanwhile.
    const principal = route.open ? undefined : authenticate(bearer)
    const call = {
      user: principal?.user as User,
      sessionId: principal?.sessionId ?? '',
      bearer: bearer ?? '',
      id,
      body,
      query: route.query && parse(route.query, Object.fromEntries(new URLSearchParams(search)), 'query'),
      request,
      response,
    }
    const result: unknown = await route.handle(call as Call<never, never>)
    if (route.answer) sendJson(response, route.status, result)
    else if (!response.headersSent) response.writeHead(route.status).end()
  }

  return (request: IncomingMessage, response: ServerResponse, path: string, search: string): void => {
    answer(request, response, path, search).catch((error: unknown) => sendProblem(response, error, log))
  }
}

/** The token of `Authorization: Bearer <token>`. */
export function bearerOf(request: IncomingMessage): string | undefined {
  return /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '')?.[1]
}

function parse(schema: z.ZodType, value: unknown, what: string): unknown {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = result.error.issues.map(({ path, message }) => `${[what, ...path].join('.')}: ${message}`)
  // Names of fields are the client's words, of any length.
  throw new AppError('INVALID_INPUT', problems.join('; ').slice(0, MAX_DETAIL))
}

/** The JSON body; undefined when there is none at all. */
async function readBody(request: IncomingMessage, maxBytes: number, maxMs: number): Promise<unknown> {
  const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
  if (encoding === undefined && Number(length ?? 0) === 0) return undefined
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    throw new AppError('UNSUPPORTED_MEDIA_TYPE')
  if (Number(length ?? 0) > maxBytes) throw new AppError('PAYLOAD_TOO_LARGE')
  const text = new TextDecoder().decode(await readBytes(request, maxBytes, maxMs))
  try {
    return JSON.parse(text)
  } catch {
    throw new AppError('INVALID_INPUT', 'The body is not JSON')
  }
}

/** What is left of a body that is refused is the listener's to end. */
function readBytes(request: IncomingMessage, maxBytes: number, maxMs: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let bytes = 0
    const late = setTimeout(() => refuse(new AppError('TOO_SLOW')), maxMs)
    function refuse(error: AppError): void {
      clearTimeout(late)
      request.off('data', collect)
      reject(error)
    }
    function collect(chunk: Buffer): void {
      bytes += chunk.length
      if (bytes > maxBytes) refuse(new AppError('PAYLOAD_TOO_LARGE'))
      else chunks.push(chunk)
    }
    request.on('data', collect)
    request.on('end', () => {
      clearTimeout(late)
      resolve(Buffer.concat(chunks))
    })
    request.on('error', () => refuse(new AppError('INVALID_INPUT', 'The body was cut off')))
  })
}
