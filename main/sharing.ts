import { hostname } from 'node:os'
import { join } from 'node:path'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from './config.ts'
import type { WorkspaceRow } from './core/workspace.ts'
import type { Db } from './db/open.ts'
import { createShareTable } from './db/shares.ts'
import type { Gateway } from './gateway/gateway.ts'
import { createAuthority } from './lan/authority.ts'
import { createGuestDoor } from './lan/guest-door.ts'
import { createGuestFront } from './lan/guest-front.ts'
import { createLan } from './lan/lan.ts'
import { createNetwork } from './lan/network.ts'
import { createLimiter } from './service/limiter.ts'
import { createShares, visitorOf, type SharesDeps } from './service/shares.ts'

const WINDOW_MS = 15 * 60_000
/** What guests do comes by the hundred: it is told after this long, in one. */
const NEWS_MS = 250
/** So many wrong links, or denied rings, within the window are taken from one address. */
const MAX_TRIES = 10

export interface SharingDeps extends Pick<SharesDeps, 'enter' | 'bus' | 'newId' | 'now' | 'log'> {
  config: Pick<Config, 'data_dir'>
  /** The address that a person chose. */
  chosenAddress: () => string | undefined
  db: Db
  row: (id: string) => WorkspaceRow | undefined
  /** Milliseconds of a clock that nobody sets. */
  monotonic: () => number
  /** Made later than this. */
  gateway: () => Gateway
  /** Ends all connections of a visitor. */
  expel: (visitor: string) => void
  sendProblem: (response: ServerResponse, error: unknown) => void
}

/** Sharing on the local network, put together: links and guests, the certificate authority, the listeners, and the guests' way in. */
export function createSharing({
  config,
  chosenAddress,
  db,
  gateway,
  expel,
  sendProblem,
  ...deps
}: SharingDeps) {
  const { now, log, bus } = deps
  const table = createShareTable(db)
  const network = createNetwork({ fixed: chosenAddress })
  const authority = createAuthority({
    dir: join(config.data_dir, 'tls'),
    hostname: hostname().toLowerCase(),
    addresses: network.addresses,
    now,
  })
  const lan = createLan({
    authority: authority.open,
    network,
    wanted: () => shares.wanted(),
    lastPort: table.tcpPort,
    keepPort: table.setTcpPort,
    request(request, response, target) {
      if (!door.handle(request, response, target)) gateway().handle(front, request, response, target)
    },
    upgrade: (request, socket, head, target) => gateway().upgrade(front, request, socket, head, target),
    plain: (request: IncomingMessage, response, target) => door.plain(request, response, target),
    sendProblem,
    onChange(ids) {
      for (const id of ids) bus.publish({ kind: 'workspace', id })
    },
    now,
    log,
  })
  const shares = createShares({
    ...deps,
    table,
    facts: lan.facts,
    connections: (visitor) => gateway().connections(visitor),
    tries: createLimiter({ max: MAX_TRIES, windowMs: WINDOW_MS, now: deps.monotonic }),
    onOut(guestIds) {
      for (const id of guestIds) expel(visitorOf(id))
    },
    sync: lan.sync,
    settled: lan.settled,
  })
  const { originOf } = lan
  const front = createGuestFront({
    originOf,
    guestOf: shares.guestOf,
    issueCode: shares.issueCode,
    redeemCode: shares.redeemCode,
  })
  const door = createGuestDoor({
    originOf,
    guestOf: shares.guestOf,
    enter: shares.enter,
    authority: authority.current,
    machine: hostname(),
    now,
    sendProblem,
  })

  const news = new Map<string, NodeJS.Timeout>()

  return {
    shares,
    /** Where shares are, or would be, served on the local network. */
    address: network.address,
    /** The chosen address may be another one now. */
    sync: lan.sync,
    /** Of each shared workspace why it cannot be served, or null. */
    problems: () => shares.wanted().map(({ id }) => lan.facts(id).problem),
    /** A visitor has come or gone: who is in now is part of a workspace's news, told once for many requests. */
    visited(id: string, visitor: string): void {
      if (!visitor.startsWith(visitorOf('')) || news.has(id)) return
      const tell = (): void => {
        news.delete(id)
        bus.publish({ kind: 'workspace', id })
      }
      news.set(id, setTimeout(tell, NEWS_MS).unref())
    },
    /** Serves what was shared before. */
    start(): void {
      shares.sweep()
      lan.sync()
    },
    /** Ends all shares, and the authority that guests were asked to trust. */
    rotate(): void {
      shares.endAll()
      authority.renew()
    },
    close(): Promise<void> {
      for (const timer of news.values()) clearTimeout(timer)
      shares.close()
      return lan.close()
    },
  }
}
