import { connect, type Socket } from 'node:net'
import { once } from 'node:events'
import { buffer } from 'node:stream/consumers'

export interface RawAnswer {
  status: number
  /** Names in lower case; a header that came twice is here twice. */
  headers: [name: string, value: string][]
  header: (name: string) => string | undefined
  body: string
}

/** Sends bytes as they are, without any HTTP library, and reads until the server closes. */
export async function sendRaw(port: number, text: string): Promise<RawAnswer> {
  const socket = await connectTo(port)
  socket.write(text, 'latin1')
  return parseAnswer((await buffer(socket)).toString('latin1'))
}

/** The same, but only until the first answer's head is there: the server need not close. */
export async function sendRawForHead(port: number, text: string): Promise<RawAnswer> {
  const socket = await connectTo(port)
  socket.write(text, 'latin1')
  let said = ''
  for await (const chunk of socket) {
    said += (chunk as Buffer).toString('latin1')
    if (said.includes('\r\n\r\n')) break
  }
  socket.destroy()
  return parseAnswer(said)
}

export async function connectTo(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1')
  await once(socket, 'connect')
  return socket
}

/** A request of one line and headers, on a connection that the server is asked to close. */
export const rawRequest = (line: string, headers: readonly string[]): string =>
  [line, ...headers, 'Connection: close', '', ''].join('\r\n')

export function parseAnswer(text: string): RawAnswer {
  const [head = '', ...rest] = text.split('\r\n\r\n')
  const [line = '', ...fields] = head.split('\r\n')
  const headers = fields.map((field): [string, string] => {
    const colon = field.indexOf(':')
    return [field.slice(0, colon).toLowerCase(), field.slice(colon + 1).trim()]
  })
  return {
    status: Number(line.split(' ')[1] ?? 0),
    headers,
    header: (name) => headers.find(([found]) => found === name)?.[1],
    body: rest.join('\r\n\r\n'),
  }
}
