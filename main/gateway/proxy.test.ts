import type { IncomingMessage } from 'node:http'
import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { startRawCanary } from '../testing/canary.ts'
import { idOf } from '../testing/rows.ts'
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
  const hop = { id: ID, port: null, secure: false, theirs: false, path: '/', upstream }
  proxyUpgrade(request, client.socket, Buffer.alloc(0), hop, () => () => undefined)
  await until('upstream has closed', () => closed)
  client.readOn()
  await until('the client was closed too', () => client.socket.destroyed)
  expect(client.taken()).toMatch(/^HTTP\/1\.1 101 [^]*\r\n\r\nsomelast words$/)
})
