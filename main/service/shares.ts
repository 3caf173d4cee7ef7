import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Guest, PatchShare, Share, Shared, Sharing } from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import type { WorkspaceRow } from '../core/workspace.ts'
import type { User } from '../db/accounts.ts'
import type { GuestRow, ShareRow, ShareTable } from '../db/shares.ts'
import type { Bus } from '../events/bus.ts'

const MINUTE = 60_000
const CODE_MS = MINUTE
/** A browser that was away for so long enters anew. */
const GUEST_MS = 30 * 86_400_000
/** For so long it rings when nobody answers. */
const RING_MS = 15 * MINUTE
/** The clock is looked at this often: it may have been set, or the machine slept. */
const TICK_MS = 15_000

const MAX_SHARES = 20
const MAX_GUESTS = 50
const MAX_RINGS = 20
const MAX_RINGS_PER_ADDRESS = 5
const MAX_CODES = 1_000
const MAX_NAME = 60

/**
 * Controls, line ends, what turns the direction of a line, and what nobody sees: a name that has them may be read as
 * something else. What joins or parts signs in some scripts and in emoji stays.
 */
const UNREADABLE = /[\p{Cc}\p{Zl}\p{Zp}]|(?![\u200c\u200d])\p{Cf}/u
/** What there is something to see of; a blank of Braille is no such thing. */
const VISIBLE = /(?![\p{Default_Ignorable_Code_Point}\u2800])[\p{L}\p{N}\p{S}\p{P}]/u

const hash = (secret: string): Buffer => createHash('sha256').update(secret).digest()
const newSecret = (): string => randomBytes(32).toString('base64url')
const iso = (at: number): string => new Date(at).toISOString()

/** What the gateway calls a guest's connections. */
export const visitorOf = (guestId: string): string => `guest:${guestId}`

/** How often something failed lately. */
interface Tries {
  /** @throws {AppError} TOO_MANY_TRIES */
  check: (key: string) => void
  fail: (key: string) => void
}

export interface SharesDeps {
  table: ShareTable
  /** @throws {AppError} NOT_FOUND, FORBIDDEN */
  enter: (user: User, workspaceId: string) => WorkspaceRow
  row: (workspaceId: string) => WorkspaceRow | undefined
  bus: Bus
  /** How a workspace is served on the local network now. */
  facts: (workspaceId: string) => Omit<Sharing, 'shares'>
  /** How many connections a visitor has. */
  connections: (visitor: string) => number
  /** What failed of one address: wrong links, and rings that were denied. */
  tries: Tries
  /** These guests may be here no more: their connections end. */
  onOut: (guestIds: readonly string[]) => void
  /** Has the listeners on the local network follow what `wanted` says. */
  sync: () => void
  /** Resolves once they have tried, and never rejects. */
  settled: () => Promise<void>
  newId: () => string
  now: () => number
  log: Logger
}

/** A guest who came with a token that is good, and what they may do. */
export interface Known {
  guest: GuestRow
  share: ShareRow
  row: WorkspaceRow
}

/** What somebody gets for a link. */
export interface Entry {
  token: string
  expiresAt: number
  state: Guest['state']
  /** The name of the workspace. */
  workspace: string
}

export type Shares = ReturnType<typeof createShares>

/**
 * Links to workspaces for people on the local network, and those who came by them. A link and a token are 256 random
 * bits each, and kept only as their hash.
 */
export function createShares(deps: SharesDeps) {
  const { table, now, onOut } = deps
  const codes = new Map<string, { guestId: string; port: number; expiresAt: number }>()
  let timer: ReturnType<typeof setTimeout> | undefined
  let closed = false

  const announce = (id: string): void => deps.bus.publish({ kind: 'workspace', id })
  const unsubscribe = deps.bus.subscribe((news) => {
    if (news.kind === 'workspace' && isGone(deps.row(news.id))) end(table.shares(news.id))
  })

  const guestToWire = ({ id, name, address, state, createdAt }: GuestRow): Guest => ({
    id,
    name,
    address,
    state,
    since: iso(createdAt),
    connections: deps.connections(visitorOf(id)),
  })
  const shareToWire = ({ id, mode, wakes, ports, createdAt, expiresAt }: ShareRow): Share => ({
    id,
    mode,
    wakes,
    ports,
    created_at: iso(createdAt),
    expires_at: expiresAt === null ? null : iso(expiresAt),
    guests: table.guests(id).map(guestToWire),
  })

  /** The workspace, while the share is good. */
  function rowOf(share: ShareRow): WorkspaceRow | undefined {
    const row = deps.row(share.workspaceId)
    return (share.expiresAt !== null && share.expiresAt <= now()) || isGone(row) ? undefined : row
  }

  /** @throws {AppError} NOT_FOUND, FORBIDDEN */
  function ownShare(user: User, id: string): ShareRow {
    const share = table.share(id)
    if (!share) throw new AppError('NOT_FOUND', `There is no share ${id}`)
    deps.enter(user, share.workspaceId)
    return share
  }

  /** @throws {AppError} NOT_FOUND, FORBIDDEN */
  function ownGuest(user: User, id: string): { guest: GuestRow; share: ShareRow } {
    const guest = table.guest(id)
    if (!guest) throw new AppError('NOT_FOUND', `There is no guest ${id}`)
    return { guest, share: ownShare(user, guest.shareId) }
  }

  function end(shares: readonly ShareRow[]): void {
    if (shares.length === 0) return
    onOut(shares.flatMap(({ id }) => table.guests(id).map((guest) => guest.id)))
    for (const { id } of shares) table.removeShare(id)
    for (const id of new Set(shares.map(({ workspaceId }) => workspaceId))) announce(id)
    deps.sync()
  }

  function putOut(guests: readonly GuestRow[]): void {
    if (guests.length === 0) return
    const ids = guests.flatMap(({ shareId }) => table.share(shareId)?.workspaceId ?? [])
    onOut(guests.map(({ id }) => id))
    for (const { id } of guests) table.removeGuest(id)
    for (const id of new Set(ids)) announce(id)
  }

  /** Ends what has had its time, and what belongs to a workspace that is gone. */
  function sweep(): void {
    end(table.shares().filter((share) => rowOf(share) === undefined))
    putOut(table.guests().filter((guest) => leavesAt(guest) <= now()))
    arm()
  }

  function arm(): void {
    clearTimeout(timer)
    const ends = [
      ...table.shares().flatMap(({ expiresAt }) => expiresAt ?? []),
      ...table.guests().map(leavesAt),
    ]
    if (!closed && ends.length > 0) wait(Math.min(Math.max(Math.min(...ends) - now(), 0), TICK_MS))
  }

  function wait(ms: number): void {
    timer = setTimeout(() => {
      try {
        sweep()
      } catch (error) {
        deps.log.warn({ err: error }, 'could not end what has had its time')
        wait(TICK_MS)
      }
    }, ms).unref()
  }

  /** Whose token that is, if it is good for the workspace's editor (`port` null) or the server on a port of it. */
  function guestOf(token: string, workspaceId: string, port: number | null): Known | undefined {
    const guest = table.holder(hash(token), port)
    const share = guest && table.share(guest.shareId)
    if (!share || share.workspaceId !== workspaceId || leavesAt(guest) <= now()) return undefined
    const row = rowOf(share)
    if (row && now() - guest.seenAt >= MINUTE) noteSeen(guest.id)
    return row && { guest, share, row }
  }

  function noteSeen(guestId: string): void {
    try {
      table.seen(guestId, now())
    } catch (error) {
      deps.log.warn({ err: error }, 'could not note a visit') // a full disk keeps nobody out
    }
  }

  /** The share that a link is of; one that is good is so for everybody. @throws {AppError} SHARE_OVER, TOO_MANY_TRIES */
  function shareOf(
    workspaceId: string,
    link: string,
    address: string,
  ): { share: ShareRow; row: WorkspaceRow } {
    const hashed = hash(link)
    const [id] = table.links(workspaceId).flatMap((one) => (timingSafeEqual(one.hash, hashed) ? one.id : []))
    const share = id === undefined ? undefined : table.share(id)
    const row = share && rowOf(share)
    if (row) return { share, row }
    deps.tries.check(address)
    deps.tries.fail(address)
    throw new AppError('SHARE_OVER')
  }

  /** @throws {AppError} TOO_MANY_TRIES */
  function checkRings(workspaceId: string, address: string): void {
    deps.tries.check(ringsOf(address))
    const ringing = table.guests().filter(({ state }) => state === 'RINGING')
    const here = ringing.filter(({ shareId }) => table.share(shareId)?.workspaceId === workspaceId)
    if (
      here.length < MAX_RINGS &&
      ringing.filter((one) => one.address === address).length < MAX_RINGS_PER_ADDRESS
    )
      return
    throw new AppError('TOO_MANY_TRIES', 'Too many are waiting to be let in', {
      hint: 'Try again in a minute.',
      retryAfterSeconds: 60,
    })
  }

  /** Who was away the longest makes room where there is none. @throws {AppError} NOT_NOW when all are here. */
  function makeRoom({ id }: ShareRow): void {
    const guests = table.guests(id)
    if (guests.length < MAX_GUESTS) return
    const [longest] = guests
      .filter((guest) => deps.connections(visitorOf(guest.id)) === 0)
      .sort((a, b) => a.seenAt - b.seenAt)
    if (!longest)
      throw new AppError('NOT_NOW', 'This link has too many guests', { hint: 'Ask who gave it to you.' })
    putOut([longest])
  }

  const lastsUntil = ({ expiresAt }: ShareRow): number => expiresAt ?? now() + GUEST_MS

  return {
    /** The shares of a workspace, the oldest first. @throws {AppError} NOT_FOUND, FORBIDDEN */
    list(user: User, workspaceId: string): Share[] {
      deps.enter(user, workspaceId)
      return table.shares(workspaceId).map(shareToWire)
    },

    /** Makes a share, and its link. @throws {AppError} LAN_UNAVAILABLE; nothing is kept then. */
    async create(
      user: User,
      workspaceId: string,
      input: Pick<Share, 'mode' | 'wakes' | 'ports'> & { expires_in_seconds: number | null },
    ): Promise<Shared> {
      const { deletedAt } = deps.enter(user, workspaceId)
      if (deletedAt !== null) throw new AppError('BEING_DELETED')
      if (table.shares(workspaceId).length >= MAX_SHARES)
        throw new AppError('NOT_NOW', `It has ${MAX_SHARES} links already`, {
          hint: 'Stop one of them first.',
        })
      const secret = newSecret()
      const seconds = input.expires_in_seconds
      const share = {
        id: deps.newId(),
        workspaceId,
        mode: input.mode,
        wakes: input.wakes,
        ports: inOrder(input.ports),
        createdAt: now(),
        expiresAt: seconds === null ? null : now() + seconds * 1_000,
      }
      table.addShare(share, hash(secret))
      arm()
      deps.sync()
      await deps.settled()
      const { url, problem } = deps.facts(workspaceId)
      if (url === null) {
        end([share])
        throw new AppError('LAN_UNAVAILABLE', problem ?? undefined)
      }
      announce(workspaceId)
      return { share: shareToWire(share), link: `${url}#${secret}` }
    },

    /** Changes what guests may do; who is at a port that is theirs no more loses it. */
    change(user: User, id: string, input: PatchShare): Share {
      const share = ownShare(user, id)
      const ports = inOrder(input.ports ?? share.ports)
      onOut(table.changeShare(id, input.wakes ?? share.wakes, ports))
      announce(share.workspaceId)
      deps.sync()
      return shareToWire(table.share(id)!)
    },

    stop: (user: User, id: string): void => end([ownShare(user, id)]),

    /** Opens the door for a guest who rings. */
    allow(user: User, guestId: string): Guest {
      const { share } = ownGuest(user, guestId)
      table.letIn(guestId)
      arm()
      announce(share.workspaceId)
      return guestToWire(table.guest(guestId)!)
    },

    /** Throws a guest out, or does not let them in. */
    expel(user: User, guestId: string): void {
      const { guest } = ownGuest(user, guestId)
      if (guest.state === 'RINGING') deps.tries.fail(ringsOf(guest.address))
      putOut([guest])
    },

    /**
     * Exchanges a link for a token. Whoever came by it before stays who they are, but the token is another in any case:
     * a browser may have been given the one it has by somebody who knows it.
     * @throws {AppError} SHARE_OVER, TOO_MANY_TRIES, INVALID_INPUT
     */
    enter(
      workspaceId: string,
      input: { link: string; name: string },
      address: string,
      tokens: readonly string[] = [],
    ): Entry {
      const { share, row } = shareOf(workspaceId, input.link, address)
      const secret = newSecret()
      const entry = { token: secret, expiresAt: lastsUntil(share), workspace: row.name }
      const had = tokens
        .flatMap((token) => guestOf(token, workspaceId, null) ?? [])
        .find((known) => known.share.id === share.id)
      if (had) {
        table.setToken(had.guest.id, null, hash(secret))
        return { state: had.guest.state, ...entry }
      }
      const rings = share.mode === 'DOORBELL'
      const name = nameOf(input.name, rings ? undefined : 'Guest')
      if (rings) checkRings(workspaceId, address)
      makeRoom(share)
      const guest: GuestRow = {
        id: deps.newId(),
        shareId: share.id,
        name,
        address,
        state: rings ? 'RINGING' : 'IN',
        createdAt: now(),
        seenAt: now(),
      }
      table.addGuest(guest, hash(secret))
      arm()
      announce(workspaceId)
      if (rings) deps.bus.publish({ kind: 'ring', id: workspaceId, guest: guestToWire(guest) })
      return { state: guest.state, ...entry }
    },

    guestOf,

    /** A code with which a guest enters the server on a port, once, within a minute. @throws {AppError} FORBIDDEN */
    issueCode(guestId: string, port: number): string {
      const guest = table.guest(guestId)
      const share = guest && table.share(guest.shareId)
      if (guest?.state !== 'IN' || !share?.ports.includes(port))
        throw new AppError('FORBIDDEN', `Port ${port} is not shared with you`)
      for (const [key, { expiresAt }] of codes)
        if (expiresAt <= now() || codes.size >= MAX_CODES) codes.delete(key) // the oldest first
      const code = newSecret()
      codes.set(hash(code).toString('hex'), { guestId, port, expiresAt: now() + CODE_MS })
      return code
    },

    /** Exchanges a code for a token that is good for that port alone; undefined when it is not good for that. */
    redeemCode(
      code: string,
      workspaceId: string,
      port: number,
    ): { token: string; expiresAt: number } | undefined {
      const key = hash(code).toString('hex')
      const found = codes.get(key)
      codes.delete(key)
      if (found?.port !== port || found.expiresAt <= now()) return undefined
      const guest = table.guest(found.guestId)
      const share = guest && table.share(guest.shareId)
      if (share?.workspaceId !== workspaceId || !share.ports.includes(port) || !rowOf(share)) return undefined
      const token = newSecret()
      table.setToken(found.guestId, port, hash(token))
      return { token, expiresAt: lastsUntil(share) }
    },

    /** What is to be served on the local network: the editors of these workspaces, and these ports of each. */
    wanted(): { id: string; ports: number[] }[] {
      const ports = new Map<string, number[]>()
      for (const share of table.shares())
        if (rowOf(share))
          ports.set(share.workspaceId, [...(ports.get(share.workspaceId) ?? []), ...share.ports])
      return [...ports].map(([id, all]) => ({ id, ports: inOrder(all) }))
    },

    /** How a workspace is shared; null when it is not. */
    sharing(workspaceId: string): Sharing | null {
      const shares = table.shares(workspaceId).filter(rowOf)
      return shares.length === 0 ? null : { ...deps.facts(workspaceId), shares: shares.map(shareToWire) }
    },

    /** Ends all there are. */
    endAll: (): void => end(table.shares()),

    sweep,

    close(): void {
      closed = true
      clearTimeout(timer)
      unsubscribe()
    },
  }
}

/** By what denied rings are counted, apart from wrong links. */
const ringsOf = (address: string): string => `ring ${address}`

const isGone = (row: WorkspaceRow | undefined): boolean => row === undefined || row.deletedAt !== null

const leavesAt = ({ state, createdAt, seenAt }: GuestRow): number =>
  state === 'RINGING' ? createdAt + RING_MS : seenAt + GUEST_MS

const inOrder = (ports: readonly number[]): number[] => [...new Set(ports)].sort((a, b) => a - b)

/** What a guest is called. @throws {AppError} INVALID_INPUT when it says nothing and nothing takes its place. */
function nameOf(text: string, otherwise: string | undefined): string {
  const name = text.trim() === '' ? otherwise : text.trim()
  const hint = 'The name is shown to whoever opens the door.'
  if (name === undefined) throw new AppError('INVALID_INPUT', 'Say who you are', { hint })
  if (name.length > MAX_NAME || UNREADABLE.test(name) || !VISIBLE.test(name))
    throw new AppError('INVALID_INPUT', `A name is one line of at most ${MAX_NAME} visible characters`, {
      hint,
    })
  return name
}
