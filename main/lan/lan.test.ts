import { once } from 'node:events'
import { chmodSync, readFileSync, readdirSync, readlinkSync } from 'node:fs'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect as connectTcp, createServer, type AddressInfo, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { errnoOf } from '../core/errors.ts'
import { sendProblem } from '../http/problem.ts'
import { createQuietLog } from '../testing/plane.ts'
import { idOf } from '../testing/rows.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { until } from '../testing/until.ts'
import { createAuthority } from './authority.ts'
import { createLan, type LanDeps, type Wanted } from './lan.ts'
import { createNetwork } from './network.ts'

const DAY_MS = 86_400_000
const A = idOf(1)
const B = idOf(2)
const HOME = '127.0.0.21'
const CAFE = '127.0.0.22'

/** Shares on a network that a test may change; all that is asked for is answered with what was sent. */
function startLan(change: Partial<LanDeps> = {}) {
  const state = {
    addresses: [HOME] as string[],
    wanted: [] as Wanted[],
    now: Date.now(),
    hostname: 'desk',
    ports: new Map<string, number>(),
    told: [] as string[][],
    opened: 0,
  }
  const dir = join(tempDir(), 'tls')
  const log = createQuietLog()
  const authority = createAuthority({ dir, hostname: 'desk', addresses: () => [], now: () => state.now })
  const network = createNetwork({
    hostname: () => state.hostname,
    interfaces: () => ({
      wlan0: state.addresses.map((address) => ({
        family: 'IPv4' as const,
        address,
        netmask: '255.255.255.0',
        mac: '',
        internal: false,
        cidr: null,
      })),
    }),
    outward: () => Promise.resolve(state.addresses[0]),
  })
  const lan = createLan({
    authority() {
      state.opened++
      return authority.open()
    },
    network,
    wanted: () => state.wanted,
    lastPort: (id, port) => state.ports.get(`${id}/${port}`),
    keepPort: (id, port, tcpPort) => void state.ports.set(`${id}/${port}`, tcpPort),
    request(request, response, { id, port }) {
      response.setHeader('Set-Cookie', `answer-secret=${request.headers.cookie}`)
      request.resume().on('end', () => response.end(`${id}/${port ?? 0}`))
    },
    upgrade: (_, socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n'),
    plain: (_, response, { httpsUrl }) => void response.end(httpsUrl),
    sendProblem: (response, error) => sendProblem(response, error, log),
    onChange: (ids) => void state.told.push(ids),
    now: () => state.now,
    log,
    ...change,
  })
  onTestFinished(() => lan.close())

  /** Makes this what is wanted, and waits until it was tried. */
  async function want(...wanted: Wanted[]): Promise<void> {
    state.wanted = wanted
    lan.sync()
    await lan.settled()
  }
  return { ...lan, state, want, authority, dir, log }
}

type Started = ReturnType<typeof startLan>

async function ask(
  url: string,
  ca: string | undefined,
  headers: Record<string, string> = {},
): Promise<string> {
  const send = url.startsWith('https:') ? httpsRequest : httpRequest
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const sent = send(
      url,
      { agent: false, ...(ca !== undefined && { ca }), method: 'POST', headers },
      resolve,
    )
    sent.on('error', reject)
    sent.end(headers['x-body'])
  })
  return (await buffer(answer)).toString()
}

const caOf = ({ authority }: Started): string => authority.current()!.certificate
const urlOf = ({ facts }: Started, id = A): string => facts(id).url!
const refused = (url: string): Promise<boolean> =>
  ask(url, undefined).then(
    () => false,
    (error: unknown) => errnoOf(error) === 'ECONNREFUSED',
  )

async function handshake(url: string, ca: string): Promise<TLSSocket> {
  const { hostname, port } = new URL(url)
  const socket = connectTls({ host: hostname, port: Number(port), ca })
  await once(socket, 'secureConnect')
  socket.on('error', () => undefined).resume()
  return socket
}

/** The addresses on which this process listens, as the kernel tells them. */
function listening(): string[] {
  const inodes = new Set<string>()
  for (const fd of readdirSync('/proc/self/fd'))
    try {
      inodes.add(/^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1] ?? '')
    } catch {
      // closed meanwhile
    }
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/self/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === '0A' && inodes.has(fields[9]!))
      .map((fields) => fields[1]!),
  )
}

const asKernel = (url: string): string => {
  const { hostname, port } = new URL(url)
  const hex = (value: number, length: number): string =>
    value.toString(16).toUpperCase().padStart(length, '0')
  return `${hostname
    .split('.')
    .reverse()
    .map((part) => hex(Number(part), 2))
    .join('')}:${hex(Number(port), 4)}`
}

async function occupy(host: string, port: number): Promise<Server> {
  const server = createServer()
  server.listen(port, host)
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return server
}

describe.skipIf(process.platform !== 'linux')('L1: listeners', () => {
  test('are not there while nothing is shared: no port, no timer, no certificate', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout'] })
    onTestFinished(() => void vi.useRealTimers())
    const before = listening()
    const lan = startLan()
    await lan.want()
    expect(listening()).toEqual(before)
    expect(vi.getTimerCount()).toBe(0)
    expect(lan.state.opened).toBe(0)
    expect(readdirSync(join(lan.dir, '..'))).toEqual([])
    expect(lan.facts(A)).toEqual({ url: null, ports: [], problem: null, fingerprint: '' })
    expect(lan.originOf(A, null)).toBeUndefined()
    expect(lan.state.told).toEqual([])

    await lan.want({ id: A, ports: [] })
    expect(vi.getTimerCount()).toBe(1)
    await lan.want()
    expect(vi.getTimerCount()).toBe(0)
    expect(listening()).toEqual(before)
    expect(lan.state.told).toEqual([[A], [A]])
  })

  test('are one for each workspace and each port, on the one address of this machine and no other', async () => {
    const before = listening()
    const lan = startLan()
    await lan.want({ id: A, ports: [5173, 3000, 3000] }, { id: B, ports: [] })
    const { url, ports, problem, fingerprint } = lan.facts(A)
    expect(problem).toBeNull()
    expect(fingerprint).toBe(lan.authority.current()!.fingerprint)
    expect(url).toBe(`${lan.originOf(A, null)}/w/${A}/`)
    expect(ports).toEqual([3000, 5173].map((port) => ({ port, url: `${lan.originOf(A, port)}/` })))
    const urls = [url!, ...ports.map((one) => one.url), urlOf(lan, B)]
    expect(
      listening()
        .filter((one) => !before.includes(one))
        .sort(),
    ).toEqual(urls.map(asKernel).sort())
    for (const one of urls) expect(new URL(one).hostname).toBe(HOME)

    expect(await ask(url!, caOf(lan))).toBe(`${A}/0`)
    expect(await ask(ports[0]!.url, caOf(lan))).toBe(`${A}/3000`)
    expect(await ask(urlOf(lan, B), caOf(lan))).toBe(`${B}/0`)
    expect(await ask(`${lan.originOf(B, null)}/w/${A}/`, caOf(lan))).toContain('"code":"NOT_FOUND"')
  })
})

describe('what is wanted', () => {
  test('opens and closes each listener by itself, with its connections', async () => {
    const lan = startLan()
    await lan.want({ id: A, ports: [3000] }, { id: B, ports: [] })
    const [editor, port, other] = [urlOf(lan), lan.facts(A).ports[0]!.url, urlOf(lan, B)]
    const onPort = await handshake(port, caOf(lan))
    const onEditor = await handshake(editor, caOf(lan))
    lan.state.told.length = 0
    await lan.want({ id: A, ports: [] }, { id: B, ports: [] })
    await until('its connections end', () => onPort.destroyed)
    expect(await refused(port)).toBe(true)
    expect(onEditor.destroyed).toBe(false)
    expect(await ask(editor, caOf(lan))).toBe(`${A}/0`)
    await lan.want({ id: B, ports: [] })
    await until('its connections end', () => onEditor.destroyed)
    expect(await refused(editor)).toBe(true)
    expect(await ask(other, caOf(lan))).toBe(`${B}/0`)
    expect(lan.facts(A)).toMatchObject({ url: null, ports: [] })
    expect(lan.state.told).toEqual([[A], [A]])
  })

  test('keeps its TCP ports when it comes again, so that links go on working', async () => {
    const lan = startLan()
    await lan.want({ id: A, ports: [3000] })
    const before = lan.facts(A)
    await lan.want()
    await lan.want({ id: A, ports: [3000] })
    expect(lan.facts(A)).toEqual(before)
  })

  test('gets another port when that of last time is taken, and keeps that', async () => {
    const lan = startLan()
    const taken = await occupy(HOME, 0)
    const { port } = taken.address() as AddressInfo
    lan.state.ports.set(`${A}/0`, port)
    await lan.want({ id: A, ports: [] })
    const now = Number(new URL(urlOf(lan)).port)
    expect(now).not.toBe(port)
    expect(lan.state.ports.get(`${A}/0`)).toBe(now)
    expect(lan.facts(A).problem).toBeNull()
  })

  test('is what is served in the end, however fast it changes', async () => {
    const lan = startLan()
    await lan.want({ id: A, ports: [3000] })
    const kept = lan.facts(A)
    for (let n = 0; n < 40; n++) {
      lan.state.wanted = n % 2 === 0 ? [] : [{ id: A, ports: n % 3 === 0 ? [] : [3000] }]
      lan.sync()
      if (n % 5 === 0) await new Promise(setImmediate)
    }
    await lan.want({ id: A, ports: [3000] })
    expect(lan.facts(A)).toEqual(kept)
    expect(await ask(urlOf(lan), caOf(lan))).toBe(`${A}/0`)
    expect(lan.log.warnings).toEqual([])
    await lan.want()
    expect(await refused(kept.url!)).toBe(true)
  })

  test('stays as it is while it cannot be asked', async () => {
    const wanted = vi.fn((): Wanted[] => [{ id: A, ports: [] }])
    const lan = startLan({ wanted })
    await lan.want()
    const url = urlOf(lan)
    wanted.mockImplementation(() => {
      throw new Error('the disk is away')
    })
    await lan.want()
    expect(await ask(url, caOf(lan))).toBe(`${A}/0`)
    expect(lan.log.errors).toHaveLength(1)
  })

  test('is closed when it ends, also when nobody can say where this machine is', async () => {
    let away = false
    const lan = startLan({
      network: {
        address: () => (away ? Promise.reject(new Error('EMFILE: /home/alice')) : Promise.resolve(HOME)),
        names: () => [],
      },
    })
    await lan.want({ id: A, ports: [3000] }, { id: B, ports: [] })
    const [a, b] = [lan.facts(A), urlOf(lan, B)]
    away = true
    await lan.want({ id: B, ports: [] })
    for (const url of [a.url!, a.ports[0]!.url]) expect(await refused(url)).toBe(true)
    expect(await ask(b, caOf(lan))).toBe(`${B}/0`)
    expect(lan.facts(B).problem).toBe('Something went wrong in Berth. Try again; the log has the details.')
  })

  test('is served although its port could not be noted', async () => {
    const lan = startLan({
      keepPort() {
        throw new Error('the disk is full')
      },
    })
    await lan.want({ id: A, ports: [] })
    expect(await ask(urlOf(lan), caOf(lan))).toBe(`${A}/0`)
    expect(lan.log.warnings).toHaveLength(1)
  })

  test('is nothing once it was closed', async () => {
    const lan = startLan()
    await lan.want({ id: A, ports: [] })
    const url = urlOf(lan)
    const held = await handshake(url, caOf(lan))
    await lan.close()
    await until('its connections end', () => held.destroyed)
    await lan.want({ id: A, ports: [] })
    expect(await refused(url)).toBe(true)
    expect(lan.facts(A).url).toBeNull()
  })
})

describe('L6: the network', () => {
  test('changes, and everything moves along: same port, new address, old connections over', async () => {
    const lan = startLan()
    await lan.want({ id: A, ports: [3000] })
    const before = lan.facts(A)
    const held = await handshake(before.url!, caOf(lan))
    lan.state.told.length = 0
    lan.state.addresses = [CAFE]
    await until('it has moved by itself', () => lan.facts(A).url?.includes(CAFE))
    const after = lan.facts(A)
    expect(after.url).toBe(before.url!.replace(HOME, CAFE))
    expect(after.ports[0]!.url).toBe(before.ports[0]!.url.replace(HOME, CAFE))
    expect(lan.originOf(A, 3000)).toBe(after.ports[0]!.url.slice(0, -1))
    expect(held.destroyed).toBe(true)
    expect(await refused(before.url!)).toBe(true)
    expect(await ask(after.url!, caOf(lan))).toBe(`${A}/0`) // the certificate is for the new address
    expect(lan.state.told).toEqual([[A]])
    // What was good for the old address is not for the new one.
    const host = new URL(before.url!).host
    expect(await ask(after.url!, caOf(lan), { host })).toContain('"code":"HOST_NOT_ALLOWED"')
  })

  test('goes, and nothing listens; comes back, and links work again', async () => {
    const lan = startLan()
    await lan.want({ id: A, ports: [] })
    const url = urlOf(lan)
    lan.state.addresses = []
    await until('it is closed by itself', () => lan.facts(A).url === null)
    expect(await refused(url)).toBe(true)
    expect(lan.facts(A).problem).toMatch(/^There is no local network\. Connect/)
    expect(lan.log.warnings).toHaveLength(1)
    lan.state.addresses = [HOME]
    await until('it is served again by itself', () => lan.facts(A).url === url)
    expect(lan.facts(A).problem).toBeNull()
    expect(await ask(url, caOf(lan))).toBe(`${A}/0`)
  })

  test('has an address that cannot be listened on: the reason is told, and it is tried again', async () => {
    const lan = startLan()
    lan.state.addresses = ['192.0.2.1']
    await lan.want({ id: A, ports: [3000] })
    expect(lan.facts(A)).toMatchObject({
      url: null,
      ports: [],
      problem: '192.0.2.1 cannot be listened on (EADDRNOTAVAIL). Berth tries again.',
    })
    await lan.want({ id: A, ports: [3000] })
    // One each, and one for an address that is reached from anywhere; and not again.
    expect(lan.log.warnings).toHaveLength(3)
    expect(lan.log.warnings[0]).toMatchObject({ address: '192.0.2.1' })
    lan.state.addresses = [HOME]
    await lan.want({ id: A, ports: [3000] })
    expect(lan.facts(A).problem).toBeNull()
    expect(await ask(urlOf(lan), caOf(lan))).toBe(`${A}/0`)
  })

  test('knows this machine by another name: the certificate follows', async () => {
    const lan = startLan()
    await lan.want({ id: A, ports: [] })
    lan.state.hostname = 'renamed'
    await lan.want({ id: A, ports: [] })
    const { subjectaltname } = (await handshake(urlOf(lan), caOf(lan))).getPeerCertificate()
    expect(subjectaltname).toBe(`IP Address:${HOME}, DNS:renamed.local`)
  })
})

describe('the certificate', () => {
  const serialAt = async (url: string, ca: string): Promise<string> => {
    const socket = await handshake(url, ca)
    const { serialNumber } = socket.getPeerCertificate()
    socket.destroy()
    return serialNumber
  }

  test('is one for all listeners, and another when 30 days are left; nobody notices', async () => {
    const lan = startLan()
    lan.state.now -= 61 * DAY_MS // our own clock has to find all of them good
    await lan.want({ id: A, ports: [3000] })
    const first = await serialAt(urlOf(lan), caOf(lan))
    expect(await serialAt(lan.facts(A).ports[0]!.url, caOf(lan))).toBe(first)
    const held = await handshake(urlOf(lan), caOf(lan))
    lan.state.told.length = 0
    lan.state.now += 59 * DAY_MS
    await lan.want({ id: A, ports: [3000] })
    expect(await serialAt(urlOf(lan), caOf(lan))).toBe(first)
    lan.state.now += 2 * DAY_MS
    await lan.want({ id: A, ports: [3000] })
    const second = await serialAt(urlOf(lan), caOf(lan))
    expect(second).not.toBe(first)
    expect(await serialAt(lan.facts(A).ports[0]!.url, caOf(lan))).toBe(second)
    expect(held.destroyed).toBe(false)
    expect(lan.state.told).toEqual([])
  })

  test('is of another authority when that was renewed', async () => {
    const lan = startLan()
    await lan.want({ id: A, ports: [] })
    const [url, old] = [urlOf(lan), caOf(lan)]
    const { fingerprint } = lan.facts(A)
    lan.authority.renew()
    await lan.want({ id: A, ports: [] })
    expect(lan.facts(A).url).toBe(url)
    expect(lan.facts(A).fingerprint).not.toBe(fingerprint)
    expect(await ask(url, caOf(lan))).toBe(`${A}/0`)
    await expect(ask(url, old)).rejects.toThrow(/certificate/)
    expect(lan.state.told.at(-1)).toEqual([A])
  })

  test('is none when others may read the authority’s key: nothing is served, and it is said why', async () => {
    const lan = startLan()
    await lan.authority.open()
    const key = join(lan.dir, 'ca.key')
    chmodSync(key, 0o644)
    const again = startLan({
      authority: createAuthority({ dir: lan.dir, hostname: 'desk', addresses: () => [], now: Date.now }).open,
    })
    await again.want({ id: A, ports: [3000] })
    expect(again.facts(A)).toMatchObject({ url: null, ports: [], fingerprint: '' })
    expect(again.facts(A).problem).toMatch(/^The key of the certificate authority may be read by others\./)
    // Where it is, is for the log: a workspace may belong to somebody else.
    expect(again.facts(A).problem).not.toContain('/')
    expect(again.log.warnings).toEqual([
      expect.objectContaining({
        err: expect.objectContaining({
          cause: expect.objectContaining({ message: expect.stringContaining(key) as string }) as Error,
        }) as Error,
      }),
    ])
    chmodSync(key, 0o600)
    await until('it is served by itself once that is put right', () => again.facts(A).url)
    expect(again.facts(A).problem).toBeNull()
  })
})

test('L5: the wire holds no secret', async () => {
  const lan = startLan()
  await lan.want({ id: A, ports: [] })
  const { hostname, port } = new URL(urlOf(lan))
  // Somebody between the guest and Berth, who writes down every byte.
  const wire: Buffer[] = []
  const relay = createServer((client: Socket) => {
    const server = connectTcp(Number(port), hostname)
    for (const [from, to] of [
      [client, server],
      [server, client],
    ] as const) {
      from.on('data', (chunk: Buffer) => void wire.push(chunk))
      from.on('error', () => to.destroy())
      from.pipe(to)
    }
  })
  relay.listen(Number(port), '127.0.0.23')
  await once(relay, 'listening')
  onTestFinished(() => void relay.close())

  const secrets = {
    cookie: 'berth-guest=cookie-secret',
    'x-body': 'link-secret',
    'content-type': 'text/plain',
  }
  const path = `127.0.0.23:${port}/w/${A}/path-secret`
  const headers = { host: `${hostname}:${port}`, ...secrets }
  const ask443 = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const sent = httpsRequest(
        `https://${path}`,
        { agent: false, method: 'POST', ca: caOf(lan), checkServerIdentity: () => undefined, headers },
        (answer) =>
          void buffer(answer).then((body) => resolve(body.toString() + String(answer.headers['set-cookie']))),
      )
      sent.on('error', reject)
      sent.end('link-secret')
    })
  const answer = await ask443()
  expect(answer).toContain('answer-secret=berth-guest=cookie-secret')
  const told = (): string => Buffer.concat(wire).toString('latin1')
  expect(told().length).toBeGreaterThan(1_000)
  for (const secret of ['cookie-secret', 'link-secret', 'path-secret', 'answer-secret', A])
    expect(told()).not.toContain(secret)
  // That they would be found is what makes this mean something.
  await ask(`http://${path}`, undefined, headers)
  for (const secret of ['cookie-secret', 'link-secret', 'path-secret']) expect(told()).toContain(secret)
  expect(told()).not.toContain('answer-secret')
})
