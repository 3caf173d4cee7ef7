import { connect } from 'node:net'
import { connect as connectTls } from 'node:tls'

/** By then every connection is over: its client has long said that it has no more to say. */
const DEADLINE_MS = 15_000

export interface Outcome {
  /** All that was said on the connection. */
  said: string
  /** Of the first answer that is not an interim one; 0 when there was none. */
  status: number
  /** Header names in lower case. */
  headers: Record<string, string>
  body: string
  /** It was neither ended nor answered in time. */
  hung: boolean
}

export interface Delivery {
  bytes: Buffer
  /** Where the bytes are cut, to come in two pieces. */
  cut?: number
  /** To HEAD there is no body. */
  bodiless?: boolean
  /** Over TLS: the certificate (PEM) that is trusted. */
  ca?: string
  /** For so long without a byte an answer is waited for; then the client ends its side, at which the server has to end its own. */
  patienceMs: number
}

/** Sends bytes on a connection of their own, reads one whole answer (or the first piece of a stream), and ends the connection. */
export function deliver(
  port: number,
  { bytes, cut = 0, bodiless = false, ca, patienceMs }: Delivery,
): Promise<Outcome> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = []
    let hung = false
    const socket = ca === undefined ? connect(port, '127.0.0.1') : connectTls({ host: '127.0.0.1', port, ca })
    const patience = setTimeout(() => socket.end(), patienceMs)
    const deadline = setTimeout(() => {
      hung = true
      socket.destroy()
    }, DEADLINE_MS)
    socket.setNoDelay(true)
    socket.on(ca === undefined ? 'connect' : 'secureConnect', () => {
      if (cut === 0) return void socket.write(bytes)
      socket.write(bytes.subarray(0, cut), () => setImmediate(() => socket.write(bytes.subarray(cut))))
    })
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      patience.refresh()
      const answer = parse(Buffer.concat(chunks), bodiless)
      if (answer?.endless) socket.destroy()
      else if (answer?.whole) socket.end()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => {
      clearTimeout(patience)
      clearTimeout(deadline)
      const all = Buffer.concat(chunks)
      const { status = 0, headers = {}, body = '' } = parse(all, bodiless) ?? {}
      resolve({ said: all.toString('latin1'), status, headers, body, hung })
    })
  })
}

interface Parsed {
  status: number
  headers: Record<string, string>
  body: string
  whole: boolean
  endless: boolean
}

/** The first answer, as far as it is there; undefined before its head is. */
function parse(said: Buffer, bodiless: boolean): Parsed | undefined {
  const end = said.indexOf('\r\n\r\n')
  if (end === -1) return undefined
  const [line = '', ...fields] = said.toString('latin1', 0, end).split('\r\n')
  const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(line)?.[1] ?? 0)
  const rest = said.subarray(end + 4)
  if (status >= 100 && status < 200 && status !== 101) return parse(rest, bodiless)
  const headers: Record<string, string> = {}
  for (const field of fields) {
    const colon = field.indexOf(':')
    headers[field.slice(0, colon).toLowerCase()] = field.slice(colon + 1).trim()
  }
  const length = headers['content-length']
  const empty = bodiless || status === 204 || status === 304
  const endless = status === 101 || (headers['content-type'] ?? '').startsWith('text/event-stream')
  const whole =
    empty ||
    (length !== undefined ? rest.length >= Number(length) : rest.toString('latin1').endsWith('0\r\n\r\n'))
  return { status, headers, body: empty ? '' : rest.toString('utf8'), whole, endless }
}
