// Stands in for code-server where only the contract counts: the same configuration, the same places to listen, the same health check.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const config = JSON.parse(readFileSync(String(process.argv[process.argv.indexOf('--config') + 1]), 'utf8'))
const { TINY_LIFETIME_MS: lifetime, TINY_STUBBORN: stubborn } = process.env
if (stubborn) process.on('SIGTERM', () => undefined)

const server = createServer(({ url }, response) => {
  if (url?.startsWith('/no-such')) response.statusCode = 404
  response.setHeader('Content-Type', 'application/json').end('{"status":"alive"}')
  if (lifetime) setTimeout(() => process.exit(7), Number(lifetime))
})

// A WebSocket that says nothing.
server.on('upgrade', ({ headers }, socket) => {
  const key = `${headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11` // RFC 6455, 1.3
  const accept = createHash('sha1').update(key).digest('base64')
  const lines = [
    'HTTP/1.1 101 Switching Protocols',
    'Upgrade: websocket',
    'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${accept}`,
  ]
  socket.write(lines.join('\r\n') + '\r\n\r\n')
  socket.on('error', () => socket.destroy())
  socket.on('end', () => socket.end())
})

if (config.socket) {
  process.umask(0o177)
  server.listen(config.socket)
} else {
  const [host, port] = config['bind-addr'].split(':')
  server.listen(Number(port), host)
}
