// Stands in for code-server where only the contract counts: the same configuration, the same places to listen, the same health check.
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const config = JSON.parse(readFileSync(String(process.argv[process.argv.indexOf('--config') + 1]), 'utf8'))
const { TINY_LIFETIME_MS: lifetime, TINY_STUBBORN: stubborn } = process.env
if (stubborn) process.on('SIGTERM', () => undefined)

const server = createServer((_, response) => {
  response.setHeader('Content-Type', 'application/json').end('{"status":"alive"}')
  if (lifetime) setTimeout(() => process.exit(7), Number(lifetime))
})

if (config.socket) {
  process.umask(0o177)
  server.listen(config.socket)
} else {
  const [host, port] = config['bind-addr'].split(':')
  server.listen(Number(port), host)
}
