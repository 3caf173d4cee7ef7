import type { IncomingMessage } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { startRawCanary } from '../testing/canary.ts'
import { idOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { until } from '../testing/until.ts'
import { proxyUpgrade } from './proxy.ts'

const ID = idOf(1)
const UPGRADED = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'

/** A client that takes what it is sent only once it is told to. */
function slowClient() {
  const taken: Buffer[] = []
  let take: (() => void) | undefined
  let open = false
  const socket = new Duplex({
    read: () => undefined,
    write(chunk: Buffer, _, done) {
      taken.push(chunk)
      if (open) done()
      else take = done
    },
  })
  return {
    socket,
    taken: () => Buffer.concat(taken).toString('latin1'),
    readOn(): void {
      open = true
      take?.()
    },
  }
}

test('a WebSocket loses nothing of what upstream says right before it closes, however slowly it is read', async () => {
  let closed = false
  const upstream = await startRawCanary(UPGRADED, (socket) => {
    socket.on('close', () => (closed = true))
    socket.write('some')
    setImmediate(() => socket.end('last words'))
  })
  const client = slowClient()
  const request = { headers: { host: `${ID}.localhost:1` }, url: `/w/${ID}/`, socket: {} } as IncomingMessage
  const hop = { id: ID, port: null, secure: false, theirs: false, editor: undefined, path: '/', upstream }
  proxyUpgrade(request, client.socket, Buffer.alloc(0), hop, () => () => undefined)
  await until('upstream has closed', () => closed)
  client.readOn()
  await until('the client was closed too', () => client.socket.destroyed)
  expect(client.taken()).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\nsomelast words$/)
})

test('P6: a WebSocket whose client has hung up is over, also when upstream does not hang up', async () => {
  const socketPath = join(tempDir(), 's')
  let held: Socket | undefined
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    held = socket.on('error', () => undefined).resume()
    socket.write(UPGRADED)
    const goOn = (): unknown => !socket.destroyed && socket.write('on and on', () => setTimeout(goOn, 10))
    goOn()
  })
  await new Promise<void>((resolve) => server.listen(socketPath, resolve))
  onTestFinished(() => {
    held?.destroy()
    server.close()
  })
  const client = slowClient()
  client.readOn()
  let over = false
  const request = { headers: { host: `${ID}.localhost:1` }, url: `/w/${ID}/`, socket: {} } as IncomingMessage
  const hop = {
    id: ID,
    port: null,
    secure: false,
    theirs: false,
    editor: undefined,
    path: '/',
    upstream: { socketPath },
  }
  proxyUpgrade(request, client.socket, Buffer.alloc(0), hop, () => () => (over = true))
  await until('it is open', () => client.taken().includes('on and on'))
  client.socket.push(null)
  await until('it is over', () => over && client.socket.destroyed, { ms: 10_000 })
  await until('upstream is let go', () => held?.destroyed, { ms: 10_000 })
})
