import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import type { WorkspaceRow } from '../core/workspace.ts'
import { createGuestFront, guestCookie, type KnownGuest } from '../lan/guest-front.ts'
import { startCanary, type Canary } from '../testing/canary.ts'
import { TOKEN, startEdge, type Edge } from '../testing/edge.ts'
import { ALICE, BOB, idOf } from '../testing/rows.ts'
import { connect, openStream, send } from '../testing/send.ts'
import { parseOwnAddress } from './address.ts'
import type { Target } from './front.ts'
import { COOKIE, PORT_COOKIE } from './headers.ts'
import { valuesOf } from './requests.ts'

const PORT = 3000

let edge: Edge
let canary: Canary
let guests: Awaited<ReturnType<typeof startGuestListener>>
beforeEach(async () => {
  edge = await startEdge()
  canary = await startCanary()
  guests = await startGuestListener()
})

/** A listener for guests, with the real way in for them; without TLS, which changes nothing of who may enter. */
async function startGuestListener() {
  const known = new Map<string, KnownGuest & { port: number | null }>()
  const hostOf = (inside: number | null): string => `berth.test:${inside === null ? 40_000 : 43_000}`
  const front = createGuestFront({
    originOf: (_, inside) => `https://${hostOf(inside)}`,
    guestOf(token, id, inside) {
      const guest = known.get(token)
      const row = edge.table.get(id)
      return guest?.row.id === id && guest.port === inside && row?.deletedAt === null
        ? { ...guest, row }
        : undefined
    },
    issueCode: () => 'none',
    redeemCode: () => undefined,
  })
  /** The one workspace that is shared. */
  let shared = ''
  const targetOf = (request: Parameters<typeof valuesOf>[0]): Target | undefined => {
    const [host = ''] = valuesOf(request, 'host')
    const port = host === hostOf(PORT) ? PORT : null
    const target = parseOwnAddress([hostOf(port)], [host], request.url ?? '', { id: shared, port })
    return target.kind === 'workspace' ? target : undefined
  }
  const server = createServer((request, response) => {
    const target = targetOf(request)
    if (target) edge.gateway.handle(front, request, response, target)
    else response.writeHead(404).end()
  })
  server.on('upgrade', (request, socket, head) => {
    const target = targetOf(request)
    if (target) edge.gateway.upgrade(front, request, socket, head, target)
    else socket.destroy()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    hostOf,
    share: (id: string) => void (shared = id),
    /** The cookie of a new guest. */
    cookie(id: string, inside: number | null, state: 'RINGING' | 'IN' = 'IN', wakes = false) {
      const token = `token-${known.size}`
      const share = { wakes, ports: [PORT] }
      known.set(token, { guest: { id: 'g', state }, share, row: edge.table.get(id)!, port: inside })
      return { cookie: `${guestCookie({ id, port: inside }).name}=${token}` }
    },
  }
}

type Headers = Record<string, string>
interface Way {
  url: string
  host: string
  origin: string
}
/** Every origin by which a workspace can be reached. */
const FRONTS: Record<string, (id: string) => Way> = {
  editor: (id) => ({ url: `${edge.url}/w/${id}`, host: edge.hostOf(id), origin: edge.originOf(id) }),
  plain: (id) => ({ url: `${edge.url}/w/${id}`, host: edge.host, origin: edge.url }),
  port: (id) => ({ url: edge.url, host: edge.portHostOf(id, PORT), origin: edge.portOriginOf(id, PORT) }),
  guests: (id) => ({
    url: `${guests.url}/w/${id}`,
    host: guests.hostOf(null),
    origin: `https://${guests.hostOf(null)}`,
  }),
  'guests, port': () => ({
    url: guests.url,
    host: guests.hostOf(PORT),
    origin: `https://${guests.hostOf(PORT)}`,
  }),
}

const bearer = (value: string): Headers => ({ authorization: `Bearer ${value}` })
const CREDENTIALS: Record<string, (id: string) => Headers> = {
  nothing: () => ({}),
  'the token': () => bearer(TOKEN),
  'a session of the owner': () => bearer(edge.sessionOf(ALICE.id, null)),
  'the same as a cookie': () => ({ cookie: `${COOKIE}=${edge.sessionOf(ALICE.id, null)}` }),
  'a session of another user': () => bearer(edge.sessionOf(BOB.id, null)),
  'the editor’s cookie': (id) => edge.cookie(id),
  'the same, from another site': (id) => ({ ...edge.cookie(id), 'sec-fetch-site': 'cross-site' }),
  'the same as a bearer token': (id) => bearer(edge.sessionOf(ALICE.id, id)),
  'the cookie of another user': (id) => edge.cookie(id, BOB.id),
  'that of another workspace': () => edge.cookie(idOf(777)),
  'the port’s cookie': (id) => edge.portCookie(id, PORT),
  'that of another port': (id) => edge.portCookie(id, PORT + 1),
  'the same value for the editor': (id) => ({ cookie: `${COOKIE}=${edge.sessionOf(ALICE.id, id, PORT)}` }),
  'the editor’s value for the port': (id) => ({ cookie: `${PORT_COOKIE}=${edge.sessionOf(ALICE.id, id)}` }),
  'a guest’s cookie': (id) => guests.cookie(id, null),
  'that of one who may wake it': (id) => guests.cookie(id, null, 'IN', true),
  'that of one who rings': (id) => guests.cookie(id, null, 'RINGING'),
  'a guest’s cookie for the port': (id) => guests.cookie(id, PORT),
  'all of these of nobody': (id) => ({
    authorization: 'Bearer x',
    cookie: `${COOKIE}=x; ${PORT_COOKIE}=x; ${guestCookie({ id, port: null }).name}=x`,
  }),
}

const STATES: Record<string, Partial<WorkspaceRow>> = {
  RUNNING: { status: 'RUNNING', desiredState: 'RUNNING' },
  STANDBY: { status: 'STANDBY', desiredState: 'STANDBY' },
  ARCHIVED: { status: 'PENDING', desiredState: 'PENDING', archiveKey: 'a' },
  DELETED: { status: 'DELETED', deletedAt: 5 },
}

const NAVIGATION = { accept: 'text/html', 'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document' }
/** By what somebody asks, and the status of the answer. */
const WAYS: Record<string, (way: Way, headers: Headers) => Promise<number>> = {
  visit: async ({ url, host }, headers) =>
    (await send(`${url}/x`, { host, headers: { ...NAVIGATION, ...headers } })).status,
  GET: async ({ url, host }, headers) => (await send(`${url}/x`, { host, headers })).status,
  POST: async ({ url, host }, headers) =>
    (await send(`${url}/x`, { host, method: 'POST', body: 'x', headers })).status,
  events: async ({ url, host }, headers) => {
    const stream = await openStream(`${url}/.berth/events`, { host, headers })
    stream.destroy()
    return stream.statusCode ?? 0
  },
  start: async ({ url, host, origin }, headers) =>
    (await send(`${url}/.berth/start`, { host, method: 'POST', headers: { origin, ...headers } })).status,
  socket: async ({ url, host, origin }, headers) => {
    const socket = await connect(`${url}/socket`, { host, headers, origin })
    if (typeof socket === 'number') return socket
    socket.terminate()
    return 101
  },
}

describe('E8: who may enter', () => {
  test('is the same by every transport: as the table says, and no other byte reaches a workspace', async () => {
    const lines: string[] = []
    let cells = 0
    let n = 0
    for (const [front, wayOf] of Object.entries(FRONTS))
      for (const [name, credential] of Object.entries(CREDENTIALS)) {
        const columns: string[] = []
        for (const [state, change] of Object.entries(STATES)) {
          const id = edge.add(++n, change, state === 'RUNNING' ? canary.upstream : undefined)
          guests.share(id)
          const statuses: number[] = []
          for (const ask of Object.values(WAYS)) {
            const [seen, wish] = [canary.bytes().length, edge.table.get(id)!.wish]
            const status = await ask(wayOf(id), credential(id))
            const what = `${front}, ${name}, ${state}: ${[...statuses, status].join(' ')}`
            if (status === 401 || status === 403 || status === 302) {
              expect(canary.bytes().length, what).toBe(seen)
              expect(edge.table.get(id)!.wish, what).toBe(wish)
            }
            statuses.push(status)
            cells++
            // What was wished by one way in is no matter of the next.
            const back = { desiredState: change.desiredState ?? 'RUNNING', cause: 'CREATED' } as const
            edge.table.writeWishes(id, edge.table.get(id)!.wish, back)
          }
          columns.push(statuses.join(' '))
        }
        lines.push([front.padEnd(13), name.padEnd(32), ...columns].join(' | ').trimEnd())
      }
    expect(cells).toBeGreaterThan(288)
    const ways = Object.keys(WAYS).join(', ')
    const head = `Statuses of: ${ways}. States: ${Object.keys(STATES).join(' | ')}.`
    await expect(`${[head, '', ...lines].join('\n')}\n`).toMatchFileSnapshot('access.txt')
  }, 120_000)
})
