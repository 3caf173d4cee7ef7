import { request, type IncomingHttpHeaders, type IncomingMessage } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { Readable } from 'node:stream'
import WebSocket from 'ws'

export interface Ask {
  method?: string
  /** In place of the address's own: the origin of a workspace is on the same listener. */
  host?: string
  headers?: Record<string, string>
  body?: string | Buffer | Readable
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  body: Buffer
  text: string
}

/** Opens a request on a connection of its own: one that was kept could be a killed server's. */
export function openStream(
  url: string,
  { method = 'GET', host, headers = {}, body }: Ask = {},
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const sent = request(
      url,
      { agent: false, method, headers: { ...(host && { host }), ...headers } },
      resolve,
    )
    sent.on('error', reject)
    if (body instanceof Readable) body.pipe(sent)
    else sent.end(body)
  })
}

export async function send(url: string, ask?: Ask): Promise<Answer> {
  const response = await openStream(url, ask)
  const body = await buffer(response)
  return { status: response.statusCode ?? 0, headers: response.headers, body, text: body.toString('utf8') }
}

export interface Greeting {
  host?: string
  headers?: Record<string, string>
  origin?: string
}

/** Tries to open a WebSocket: itself when that worked, else the status of the refusal. */
export function connect(
  url: string,
  { host, headers = {}, origin }: Greeting = {},
): Promise<WebSocket | number> {
  const socket = new WebSocket(url.replace(/^http/, 'ws'), {
    headers: { ...(host && { host }), ...headers },
    ...(origin !== undefined && { origin }),
  })
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve(socket))
    socket.on('unexpected-response', (_, response) => {
      response.destroy()
      resolve(response.statusCode ?? 0)
    })
    socket.on('error', reject)
  })
}
