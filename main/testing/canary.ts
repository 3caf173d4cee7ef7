import { createServer, type IncomingMessage, type RequestListener } from 'node:http'
import { createServer as createRawServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { WebSocketServer } from 'ws'
import type { Upstream } from '../core/upstream.ts'
import { tempDir } from './temp-dir.ts'

/** What opens a canary that is reached by a port, as the gateway sends it. */
export const SECRET = 'code-server-session=%24argon2id%24only-the-gateway-knows'

export type Canary = Awaited<ReturnType<typeof startCanary>>

/**
 * In place of a workspace's code-server: it records every byte that reaches it, answers requests with what it was sent
 * (or as `answer` says), and echoes WebSocket messages.
 */
export async function startCanary(kind: 'socket' | 'port' = 'socket') {
  const chunks: Buffer[] = []
  const requests: IncomingMessage[] = []
  const sockets = new Set<Socket>()
  let answer: RequestListener = echo

  const http = createServer((request, response) => {
    requests.push(request)
    answer(request, response)
  })
  const webSockets = new WebSocketServer({ noServer: true })
  http.on('upgrade', (request, socket, head) => {
    requests.push(request)
    webSockets.handleUpgrade(request, socket, head, (client) => {
      client.on('error', () => undefined)
      client.on('message', (data, isBinary) => client.send(data, { binary: isBinary }))
    })
  })
  const server = createRawServer((socket) => {
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    http.emit('connection', socket)
    socket.on('data', (chunk) => chunks.push(chunk))
  })
  const upstream = await listen(server, kind)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })

  return {
    upstream,
    requests,
    sockets,
    webSockets,
    /** Everything that was ever sent to it. */
    bytes: () => Buffer.concat(chunks).toString('latin1'),
    set answer(next: RequestListener) {
      answer = next
    },
  }
}

/** An upstream that says `text` to whatever comes, byte by byte as given, and then does `then` to the connection. */
export async function startRawCanary(
  text: string | Buffer,
  then: (socket: Socket) => void = (socket) => socket.end(),
  kind: 'socket' | 'port' = 'socket',
): Promise<Upstream> {
  const sockets = new Set<Socket>()
  const server = createRawServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => socket.write(text, () => then(socket)))
  })
  const upstream = await listen(server, kind)
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return upstream
}

async function listen(server: Server, kind: 'socket' | 'port'): Promise<Upstream> {
  const socketPath = join(tempDir(), 's')
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    if (kind === 'socket') server.listen(socketPath, resolve)
    else server.listen(0, '127.0.0.1', resolve)
  })
  if (kind === 'socket') return { socketPath }
  return { host: '127.0.0.1', port: (server.address() as AddressInfo).port, cookie: SECRET }
}

/** Answers with the request itself, its body after a blank line, as they come. */
const echo: RequestListener = (request, response) => {
  response.writeHead(200, { 'Content-Type': 'application/octet-stream' })
  request.pipe(response)
}
