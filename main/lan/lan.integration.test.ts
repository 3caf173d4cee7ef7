import { readFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { sendProblem } from '../http/problem.ts'
import { createNetwork as createLocalNetwork, startGuestMachine } from '../testing/guest-machine.ts'
import { IMAGE, useBench } from '../testing/harness.ts'
import { createQuietLog } from '../testing/plane.ts'
import { idOf } from '../testing/rows.ts'
import { until } from '../testing/until.ts'
import { createAuthority } from './authority.ts'
import { createLan, type Wanted } from './lan.ts'
import { createNetwork } from './network.ts'

const bench = useBench()
const ID = idOf(1)
const OTHER = idOf(2)

/** Whether anybody on this machine listens on this port. */
function isListenedOn(port: number): boolean {
  const hex = port.toString(16).toUpperCase().padStart(4, '0')
  return ['tcp', 'tcp6'].some((table) =>
    readFileSync(`/proc/self/net/${table}`, 'utf8')
      .split('\n')
      .some((line) => / 0A /.test(line) && line.trim().split(/\s+/)[1]!.endsWith(`:${hex}`)),
  )
}

test('L1, L6: another machine of the network reaches what is shared and nothing else, until the network goes', async () => {
  const name = `${bench.label}-lan`
  const local = await createLocalNetwork(bench.docker, { name, labels: bench.labels })
  const machine = { image: IMAGE, network: name, labels: bench.labels }
  const guest = await startGuestMachine(bench.docker, machine)
  const log = createQuietLog()
  const { address } = local
  const authority = createAuthority({
    dir: join(await bench.dir(), 'tls'),
    hostname: 'desk',
    addresses: () => [address],
    now: Date.now,
  })
  const ports = new Map<string, number>()
  let wanted: Wanted[] = []
  const lan = createLan({
    authority: authority.open,
    network: createNetwork({ fixed: () => address, hostname: () => 'desk' }),
    wanted: () => wanted,
    lastPort: (id, port) => ports.get(`${id}/${port}`),
    keepPort: (id, port, tcpPort) => void ports.set(`${id}/${port}`, tcpPort),
    request: (_, response, target) => void response.end(`served ${target.id} ${target.port} ${target.path}`),
    upgrade: (_, socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
    plain: (_, response, { httpsUrl }) => void response.end(`go to ${httpsUrl}`),
    sendProblem: (response, error) => sendProblem(response, error, log),
    onChange: () => undefined,
    now: Date.now,
    log,
  })
  onTestFinished(() => lan.close())

  wanted = [{ id: ID, ports: [3000] }]
  lan.sync()
  await lan.settled()
  const { url, ports: served, problem } = lan.facts(ID)
  expect(problem).toBeNull()
  const { origin, port } = new URL(url!)
  expect(origin).toBe(`https://${address}:${port}`)
  const ca = authority.current()!.certificate
  const [page, inside, clear, ...others] = await guest.ask(
    { url: url!, ca },
    { url: `${served[0]!.url}x`, ca },
    { url: `http://${address}:${port}/w/${ID}/` },
    ...['/', '/api/v1/workspaces', '/w/', `/w/${OTHER}/`, `/w/${ID}/../${OTHER}/`].map((path) => ({
      url: origin + path,
      ca,
    })),
  )
  expect(page).toMatchObject({ status: 200, body: `served ${ID} null /` })
  expect(inside).toMatchObject({ status: 200, body: `served ${ID} 3000 /x` })
  expect(clear).toMatchObject({ status: 200, body: `go to ${url}` })
  expect(others.map(({ status }) => status)).toEqual([404, 404, 404, 404, 404])
  // A page elsewhere whose name leads here is nobody's we know.
  const hosts = ['evil.example', `evil.example:${port}`, `localhost:${port}`, `127.0.0.1:${port}`]
  const rebound = await guest.ask(...hosts.map((host) => ({ url: url!, headers: { host } })))
  expect(rebound.map(({ status }) => status)).toEqual(hosts.map(() => 403))
  // Nothing of it is on the machine's other addresses.
  const more = Object.values(networkInterfaces())
    .flatMap((addresses = []) => addresses)
    .filter((one) => one.family === 'IPv4' && !one.internal && one.address !== address)
  const elsewhere = await guest.ask(
    ...more.map((one) => ({ url: `https://${one.address}:${port}/w/${ID}/` })),
  )
  expect(elsewhere.map(({ error }) => error)).toEqual(more.map(() => 'ECONNREFUSED'))

  const held = await guest.hold({ url: url!, upgrade: true })
  expect(held.statuses).toEqual([101])
  await guest.remove()
  await local.remove()
  await until('it has closed by itself', () => lan.facts(ID).url === null)
  expect(lan.facts(ID).problem).toMatch(/There is no local network/)
  expect(isListenedOn(Number(port))).toBe(false)

  // The network is there again, as after a night in a bag: the same link is good.
  const subnet = `${address.split('.').slice(0, 3).join('.')}.0/24`
  await bench.docker.createNetwork({
    Name: name,
    Labels: bench.labels,
    Driver: 'bridge',
    IPAM: { Config: [{ Subnet: subnet, Gateway: address }] },
  })
  const back = await startGuestMachine(bench.docker, machine)
  await until('it is served again by itself', () => lan.facts(ID).url === url)
  expect((await back.ask({ url: url!, ca }))[0]).toMatchObject({ status: 200 })
  wanted = []
  lan.sync()
  await lan.settled()
  expect((await back.ask({ url: url!, ca }))[0]!.error).toBe('ECONNREFUSED')
  expect(isListenedOn(Number(port))).toBe(false)
})
