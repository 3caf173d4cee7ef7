import type { IncomingMessage, ServerResponse } from 'node:http'

/** A browser that goes somewhere, in a tab or in a frame, as opposed to a page that loads its parts. */
export function isVisit({ method, headers }: IncomingMessage): boolean {
  const into = headers['sec-fetch-dest'] ?? 'document'
  return (
    method === 'GET' &&
    ['document', 'iframe', 'frame'].includes(into) &&
    (headers.accept ?? '').includes('text/html')
  )
}

/** A person going somewhere: only that wakes a workspace. */
export const isNavigation = (request: IncomingMessage): boolean =>
  isVisit(request) && (request.headers['sec-fetch-dest'] ?? 'document') === 'document'

/** A page of another site goes somewhere by itself, without a click of the person: it may have come far, but is asked for by nobody. */
export function isUnasked({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  return (site === 'cross-site' || site === 'same-site') && headers['sec-fetch-user'] !== '?1'
}

/** A page of another origin that uses the browser's cookie for more than a visit. */
export function isForeign({ headers, method }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  const visit = headers['sec-fetch-mode'] === 'navigate' && method === 'GET'
  return (site === 'cross-site' || site === 'same-site') && !visit
}

/** The values of a header, as often as it came. */
export const valuesOf = ({ rawHeaders }: IncomingMessage, name: string): string[] =>
  rawHeaders.filter((_, i) => i % 2 === 1 && rawHeaders[i - 1]!.toLowerCase() === name)

/** Whether a request with this method changes nothing. */
export const isSafe = ({ method = '' }: IncomingMessage): boolean =>
  ['GET', 'HEAD', 'OPTIONS'].includes(method)

/** Whether its one `Origin` is this. */
export function isFrom(request: IncomingMessage, origin: string | undefined): boolean {
  const origins = valuesOf(request, 'origin')
  return origins.length === 1 && origins[0] === origin
}

/**
 * A request with so many headers is refused. It is a server's `maxHeadersCount`, too: from there on Node before 22 leaves
 * out what follows, be it a length or an origin.
 */
export const MAX_HEADERS = 500

export const hasTooManyHeaders = ({ rawHeaders }: IncomingMessage): boolean =>
  rawHeaders.length / 2 >= MAX_HEADERS

/** Answers that there are too many headers, and closes the connection. */
export function refuseHeaders(response: ServerResponse): void {
  response.writeHead(431, { Connection: 'close', 'Content-Length': 0 }).end()
}
