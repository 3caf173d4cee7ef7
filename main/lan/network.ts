import { createSocket } from 'node:dgram'
import { BlockList, isIP } from 'node:net'
import { hostname as systemHostname, networkInterfaces } from 'node:os'

export interface NetworkDeps {
  /** The address that a person chose; nothing else is served then, also while it is not there. */
  fixed?: () => string | undefined
  hostname?: () => string
  interfaces?: typeof networkInterfaces
  /** From which of our addresses the network's way out leads; undefined when there is none. */
  outward?: () => Promise<string | undefined>
}

export type Network = ReturnType<typeof createNetwork>

/** Bridges on which there are only containers and virtual machines. */
const VIRTUAL = /^(docker|br-|veth|virbr|vmnet|vboxnet)/

const lan = new BlockList()
lan.addSubnet('10.0.0.0', 8)
lan.addSubnet('172.16.0.0', 12)
lan.addSubnet('192.168.0.0', 16)
lan.addSubnet('169.254.0.0', 16)

/** Whether an address is one of a local network, or of this machine alone. */
export const isLocal = (address: string): boolean => lan.check(address) || address.startsWith('127.')

/** This machine as its neighbours see it, at the moment of asking. */
export function createNetwork({
  fixed,
  hostname = systemHostname,
  interfaces = networkInterfaces,
  outward = wayOut,
}: NetworkDeps) {
  /** Its IPv4 addresses beyond loopback, each with the name of its interface. */
  function outside(): { name: string; address: string }[] {
    return Object.entries(interfaces()).flatMap(([name, addresses = []]) =>
      addresses
        .filter(({ family, internal }) => family === 'IPv4' && !internal)
        .map(({ address }) => ({ name, address })),
    )
  }

  return {
    /** All of them. */
    addresses: (): string[] => outside().map(({ address }) => address),

    /** Where shares are served: the chosen address, the one that leads out, or one of a local network; undefined: nowhere. */
    async address(): Promise<string | undefined> {
      const chosen = fixed?.()
      if (chosen !== undefined) {
        const all = Object.values(interfaces()).flatMap((addresses = []) => addresses)
        return all.some(({ address }) => address === chosen) ? chosen : undefined
      }
      const leading = await outward()
      const mine = outside()
      if (mine.some(({ address }) => address === leading)) return leading
      return mine.find(({ name, address }) => !VIRTUAL.test(name) && lan.check(address))?.address
    },

    /** What neighbours may call it, in lower case: by its name where their resolver knows it, or by multicast DNS. */
    names(): string[] {
      const name = hostname().toLowerCase()
      if (!/^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(name) || isIP(name) !== 0) return []
      return [...new Set([name, `${name.split('.')[0]}.local`])]
    },
  }
}

/** Asks the system's routes: connecting a UDP socket sends nothing. 192.0.2.1 is nobody's (RFC 5737). */
function wayOut(): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = createSocket('udp4')
    const answer = (address?: string): void => {
      socket.close()
      resolve(address)
    }
    socket.once('error', () => answer())
    // Without a way out it is called with the error, and there is no address to ask for.
    socket.connect(9, '192.0.2.1', (error?: Error) => answer(error ? undefined : socket.address().address))
  })
}
