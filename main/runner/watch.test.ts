import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import Docker from 'dockerode'
import { expect, onTestFinished, test } from 'vitest'
import type { Engine } from '../core/api.ts'
import { until } from '../testing/until.ts'
import { watchEngine } from './watch.ts'

/** An engine that answers until a path is in `hung`: then it takes the request, and nothing comes. */
async function watched() {
  const hung = new Set<string>()
  const streams: ServerResponse[] = []
  const server = createServer(({ url = '' }, response) => {
    const path = url.split('?')[0]!
    if (hung.has(path)) return
    if (path === '/version') response.setHeader('content-type', 'application/json').end('{"Version":"1.2"}')
    else if (path === '/_ping') response.end('OK')
    else {
      response.flushHeaders()
      streams.push(response)
    }
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const said: Engine[] = []
  const changed: string[] = []
  const docker = new Docker({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  const on = {
    engine: (engine: Engine) => void said.push(engine),
    changed: (id: string) => void changed.push(id),
  }
  const watching = watchEngine(docker, 'i', on, { pingMs: 50, patienceMs: 200 })
  onTestFinished(() => {
    watching.close()
    server.closeAllConnections()
    server.close()
  })
  await until('it is reachable', () => said.at(-1)?.reachable === true)
  return { hung, streams, said, changed }
}

test('an engine that hangs is told to be unreachable, and reachable when it answers again', async () => {
  const { hung, streams, said } = await watched()
  for (const path of ['/_ping', '/version']) hung.add(path)
  await until('it is unreachable', () => said.at(-1)?.reachable === false)
  expect(said.at(-1)).toMatchObject({ version: null, message: 'Docker does not answer' })
  await until('its stream is given up', () => streams[0]!.destroyed)
  const count = said.length
  await until('asking for the version ends, too', () => said.length > count)
  hung.clear()
  await until('it is reachable again', () => said.at(-1)?.reachable === true)
})

test('an engine that answers is followed by one stream', async () => {
  const { streams, said, changed } = await watched()
  const event = { Actor: { Attributes: { 'io.berth.workspace': 'w' } } }
  streams[0]!.write(`${JSON.stringify(event)}\n`)
  await until('an event', () => changed.length === 1)
  await new Promise((resolve) => setTimeout(resolve, 400)) // several pings
  expect([said.length, streams.length]).toEqual([1, 1])
})
