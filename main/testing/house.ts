import { join } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import type { Shared } from '../core/api.ts'
import { createShareTable } from '../db/shares.ts'
import { sendProblem } from '../http/problem.ts'
import { createAuthority } from '../lan/authority.ts'
import { createGuestDoor } from '../lan/guest-door.ts'
import { createGuestFront } from '../lan/guest-front.ts'
import { createLan } from '../lan/lan.ts'
import { createLimiter } from '../service/limiter.ts'
import { createShares, visitorOf } from '../service/shares.ts'
import type { Edge } from './edge.ts'
import { ALICE, idOf } from './rows.ts'
import { tempDir } from './temp-dir.ts'

/**
 * All that guests meet: real listeners with TLS on loopback, the door, the gateway and the shares behind them. What is
 * shared is Alice's, and where nothing else is said it is the workspace `id`.
 */
export async function openHouse(edge: Edge, id: string) {
  const { log, now, gateway } = edge
  const table = createShareTable(edge.db)
  const authority = createAuthority({
    dir: join(tempDir(), 'tls'),
    hostname: 'desk',
    addresses: () => [],
    now,
  })
  const { certificate, fingerprint } = await authority.open()
  let ids = 5_000
  const shares = createShares({
    table,
    enter: edge.workspaces.enter,
    row: edge.table.get,
    bus: edge.bus,
    facts: (of) => lan.facts(of),
    connections: gateway.connections,
    tries: createLimiter({ max: 10, windowMs: 900_000, now }),
    onOut(guestIds) {
      for (const guestId of guestIds) edge.expel(visitorOf(guestId))
    },
    sync: () => lan.sync(),
    settled: () => lan.settled(),
    newId: () => idOf(ids++),
    now,
    log,
  })
  const refuse = (response: Parameters<typeof sendProblem>[0], error: unknown): void =>
    sendProblem(response, error, log)
  const front = createGuestFront({ originOf: (...of) => lan.originOf(...of), ...shares })
  const door = createGuestDoor({
    originOf: front.originOf,
    guestOf: shares.guestOf,
    enter: shares.enter,
    authority: authority.current,
    machine: 'desk <b>',
    now,
    sendProblem: refuse,
  })
  const lan = createLan({
    authority: authority.open,
    network: { address: () => Promise.resolve('127.0.0.1'), names: () => ['desk.local'] },
    wanted: shares.wanted,
    lastPort: table.tcpPort,
    keepPort: table.setTcpPort,
    onChange: () => undefined,
    request(request, response, target) {
      if (!door.handle(request, response, target)) gateway.handle(front, request, response, target)
    },
    upgrade: (request, socket, head, target) => gateway.upgrade(front, request, socket, head, target),
    plain: door.plain,
    sendProblem: refuse,
    now,
    log,
  })
  onTestFinished(async () => {
    await lan.close()
    shares.close()
    expect(log.errors).toEqual([])
  })

  async function share(
    wish: Partial<Parameters<typeof shares.create>[2]> = {},
    of = id,
  ): Promise<Shared & { secret: string }> {
    const input = { mode: 'LINK' as const, wakes: false, ports: [], expires_in_seconds: 3_600, ...wish }
    const made = await shares.create(ALICE, of, input)
    return { ...made, secret: new URL(made.link).hash.slice(1) }
  }
  const originOf = (of = id, port: number | null = null): string => lan.originOf(of, port)!
  return { certificate, fingerprint, shares, share, originOf }
}
