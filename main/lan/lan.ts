import { AppError, errnoOf, toAppError } from '../core/errors.ts'
import { workspacePath } from '../gateway/address.ts'
import type { Authority, Issued } from './authority.ts'
import { openListener, type Listener, type ListenerDeps } from './listener.ts'
import { isLocal, type Network } from './network.ts'

/** How often the network and the certificate are looked at while anything is shared. */
const POLL_MS = 2_000
const RENEW_MS = 30 * 86_400_000

export interface Wanted {
  id: string
  /** Those of servers inside. */
  ports: readonly number[]
}

export interface LanDeps extends Pick<
  ListenerDeps,
  'request' | 'upgrade' | 'plain' | 'sendProblem' | 'log' | 'limits'
> {
  /** Asked only once something is shared. */
  authority: Authority['open']
  network: Pick<Network, 'address' | 'names'>
  /** What is to be served now. */
  wanted: () => readonly Wanted[]
  /** The TCP port on which something was served last; `port` 0 is the editor. */
  lastPort: (id: string, port: number) => number | undefined
  keepPort: (id: string, port: number, tcpPort: number) => void
  /** Told the workspaces whose facts have changed. */
  onChange: (ids: string[]) => void
  /** Milliseconds since the epoch. */
  now: () => number
}

/** How a workspace is served on the local network. */
export interface Facts {
  /** Where guests come in; null while it cannot be served. */
  url: string | null
  ports: { port: number; url: string }[]
  /** Why it cannot be served, or a port of it, for a person. */
  problem: string | null
  /** Of the certificate authority; empty before it was made. */
  fingerprint: string
}

interface Place {
  id: string
  port: number | null
}

/** The listeners of what is shared: there while it is, on the one address of this machine, and nowhere else. */
export function createLan(deps: LanDeps) {
  const { network, log } = deps
  const open = new Map<string, Place & { address: string; listener: Listener }>()
  /** Why a place, or a whole workspace, is not served. */
  let problems = new Map<string, string>()
  let told = new Map<string, string>()
  let served: string | undefined
  let leaf: (Issued & { of: string }) | undefined
  let fingerprint = ''
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> | undefined
  let again = false
  let closed = false

  const keyOf = ({ id, port }: Place): string => `${id}/${port ?? 0}`

  function sync(): void {
    again = true
    running ??= run()
  }

  async function run(): Promise<void> {
    while (again) {
      again = false
      try {
        await pass()
      } catch (error) {
        log.error({ err: error }, 'what is shared could not be looked at')
      }
    }
    running = undefined
  }

  async function pass(): Promise<void> {
    const wanted = closed ? [] : deps.wanted()
    watch(wanted.length > 0)
    const places = wanted.flatMap(({ id, ports }): Place[] => [
      { id, port: null },
      ...[...new Set(ports)].map((port) => ({ id, port })),
    ])
    const ids = new Set(wanted.map(({ id }) => id))
    const met = new Map<string, string>()
    const meet = (key: string, text: string, error: unknown): void => {
      met.set(key, text)
      // Once, not at every look.
      if (problems.get(key) !== text) log.warn({ share: key, err: error }, 'a share cannot be served')
    }
    try {
      const keys = new Set(places.map(keyOf))
      await close((key) => !keys.has(key)) // at once, whatever is to be found out for the rest
      const address = wanted.length === 0 ? undefined : await network.address()
      await close((_, one) => one.address !== address)
      if (wanted.length > 0) await serve(places, address, meet)
    } catch (error) {
      const known = toAppError(error)
      // What nobody foresaw may name files of this machine.
      const { message, hint } = known.code === 'INTERNAL' ? new AppError('INTERNAL') : known
      for (const id of ids) meet(id, `${message}. ${hint}`, error)
    }
    problems = met
    tell(ids)
  }

  async function close(which: (key: string, one: { address: string }) => boolean): Promise<void> {
    const ended = [...open].filter(([key, one]) => which(key, one))
    for (const [key] of ended) open.delete(key)
    await Promise.all(ended.map(([, { listener }]) => listener.close()))
  }

  async function serve(
    places: readonly Place[],
    address: string | undefined,
    meet: (key: string, text: string, error: unknown) => void,
  ): Promise<void> {
    if (address === undefined) throw new AppError('LAN_UNAVAILABLE')
    if (address !== served && !isLocal(address))
      log.warn({ address }, 'shares are served on a public address, and reachable from wherever that is')
    served = address
    const certificate = await certificateFor(address)
    for (const place of places) {
      if (open.has(keyOf(place))) continue
      try {
        const listener = await listen(place, address, certificate)
        open.set(keyOf(place), { ...place, address, listener })
      } catch (error) {
        const why = errnoOf(error) ?? 'see the log'
        meet(keyOf(place), `${address} cannot be listened on (${why}). Berth tries again.`, error)
      }
    }
  }

  /** A certificate for all listeners; another when the present one will soon have ended, or is no longer for us. */
  async function certificateFor(address: string): Promise<Issued> {
    const authority = await deps.authority()
    const hosts = network.names()
    const of = [authority.fingerprint, address, ...hosts].join()
    if (leaf?.of !== of || leaf.expiresAt - deps.now() < RENEW_MS) {
      leaf = { ...(await authority.issue({ addresses: [address], hosts })), of }
      for (const { listener } of open.values()) listener.setCertificate(leaf)
    }
    fingerprint = authority.fingerprint
    return leaf
  }

  /** On the port of last time, so that links go on working; on another when that is taken. */
  async function listen(place: Place, address: string, certificate: Issued): Promise<Listener> {
    const inside = place.port ?? 0
    const last = deps.lastPort(place.id, inside) ?? 0
    const on = (port: number): Promise<Listener> =>
      openListener({ ...deps, place, address, names: network.names, certificate }, port)
    const listener = await on(last).catch((error: unknown) => {
      if (last === 0 || !['EADDRINUSE', 'EACCES'].includes(errnoOf(error) ?? '')) throw error
      return on(0)
    })
    if (listener.port !== last)
      try {
        deps.keepPort(place.id, inside, listener.port)
      } catch (error) {
        log.warn({ ...place, err: error }, 'where a share is served could not be noted')
      }
    return listener
  }

  function watch(needed: boolean): void {
    if (needed) timer ??= setInterval(sync, POLL_MS).unref()
    else {
      clearInterval(timer)
      timer = undefined
    }
  }

  function tell(wanted: ReadonlySet<string>): void {
    const now = new Map([...wanted].map((id) => [id, JSON.stringify(facts(id))]))
    const changed = [...new Set([...told.keys(), ...now.keys()])].filter((id) => told.get(id) !== now.get(id))
    told = now
    if (changed.length > 0) deps.onChange(changed)
  }

  const originOf = (id: string, port: number | null): string | undefined => {
    const one = open.get(keyOf({ id, port }))
    return one && `https://${one.address}:${one.listener.port}`
  }

  function facts(id: string): Facts {
    const origin = originOf(id, null)
    const ports = [...open.values()].flatMap(({ id: of, port }) =>
      of === id && port !== null ? [{ port, url: `${originOf(id, port)!}/` }] : [],
    )
    const [problem = null] = [...problems].flatMap(([key, text]) =>
      key === id || key.startsWith(`${id}/`) ? [text] : [],
    )
    return {
      url: origin === undefined ? null : `${origin}${workspacePath(id)}/`,
      ports: ports.sort((a, b) => a.port - b.port),
      problem,
      fingerprint,
    }
  }

  return {
    /** Makes what is served what is wanted, as soon as it can. */
    sync,
    /** Resolves once that was tried for all that was wanted so far. */
    settled: (): Promise<void> => running ?? Promise.resolve(),
    facts,
    /** The origin of a workspace's editor, or of a server inside it; undefined while it is not served. */
    originOf,
    /** Closes everything for good. */
    async close(): Promise<void> {
      closed = true
      sync()
      await running
    },
  }
}
