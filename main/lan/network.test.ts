import { networkInterfaces, type NetworkInterfaceInfo } from 'node:os'
import { Socket } from 'node:dgram'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createNetwork, type NetworkDeps } from './network.ts'

type Interfaces = Record<string, [address: string, internal?: boolean][]>

const LO: Interfaces = { lo: [['127.0.0.1', true]] }
const WIFI: Interfaces = { wlan0: [['192.168.7.9']] }
const BRIDGES: Interfaces = {
  docker0: [['172.17.0.1']],
  'br-0123456789ab': [['172.18.0.1']],
  virbr0: [['192.168.122.1']],
  vmnet8: [['192.168.55.1']],
  vboxnet0: [['192.168.56.1']],
  veth1234: [['169.254.9.1']],
}

const asSystem = (table: Interfaces): ReturnType<typeof networkInterfaces> =>
  Object.fromEntries(
    Object.entries(table).map(([name, addresses]) => [
      name,
      addresses.flatMap(([address, internal = false]): NetworkInterfaceInfo[] => [
        {
          family: 'IPv6',
          address: 'fe80::1',
          netmask: 'ffff::',
          mac: '',
          internal,
          cidr: null,
          scopeid: 2,
        },
        { family: 'IPv4', address, netmask: '255.255.255.0', mac: '', internal, cidr: null },
      ]),
    ]),
  )

const network = (table: Interfaces, leading?: string, change: NetworkDeps = {}) =>
  createNetwork({
    interfaces: () => asSystem(table),
    outward: () => Promise.resolve(leading),
    hostname: () => 'Desk',
    ...change,
  })

// prettier-ignore
test.each<[what: string, table: Interfaces, leading: string | undefined, address: string | undefined]>([
  ['the address that leads out', { ...LO, ...WIFI, eth0: [['10.1.2.3']] }, '10.1.2.3', '10.1.2.3'],
  ['a public one too, when it leads out', { ...LO, eth0: [['203.0.113.5']], ...WIFI }, '203.0.113.5', '203.0.113.5'],
  ['without a way out: that of a local network', { ...LO, ...BRIDGES, ...WIFI }, undefined, '192.168.7.9'],
  ['a link-local one, when there is nothing else', { ...LO, eth0: [['169.254.3.4']] }, undefined, '169.254.3.4'],
  ['without a way out: no public one', { ...LO, eth0: [['203.0.113.5']] }, undefined, undefined],
  ['never loopback', LO, '127.0.0.1', undefined],
  ['never a bridge of containers', { ...LO, ...BRIDGES }, undefined, undefined],
  ['not one that has just gone', { ...LO, ...WIFI }, '10.1.2.3', '192.168.7.9'],
  ['nothing at all', {}, undefined, undefined],
])('it is served at %s', async (_, table, leading, address) => {
  expect(await network(table, leading).address()).toBe(address)
})

test('L6: a chosen address is served while it is there, and nothing in its place when it is not', async () => {
  let table: Interfaces = { ...LO, ...WIFI, ...BRIDGES }
  const chosen = createNetwork({
    fixed: () => '172.18.0.1',
    interfaces: () => asSystem(table),
    outward: () => Promise.resolve('192.168.7.9'),
  })
  expect(await chosen.address()).toBe('172.18.0.1')
  table = { ...LO, ...WIFI }
  expect(await chosen.address()).toBeUndefined()
  table = { ...LO, ...BRIDGES }
  expect(await chosen.address()).toBe('172.18.0.1')
})

test('on this very machine it is one of the addresses that the system tells, or none', async () => {
  const here = createNetwork({})
  const address = await here.address()
  const own = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses)
  if (address === undefined)
    expect(here.addresses().filter((one) => /^(10|192\.168)\./.test(one))).toEqual([])
  else expect(own.find((one) => one.address === address)).toMatchObject({ family: 'IPv4', internal: false })
})

test.each([
  ['Desk', ['desk', 'desk.local']],
  ['desk.local', ['desk.local']],
  ['Desk.Example.com', ['desk.example.com', 'desk.local']],
  ['Kim’s desk', []],
  ['', []],
  ['10.0.0.1', []],
  ['a_b', []],
])('a machine called %j is called %j', (hostname, names) => {
  expect(network(LO, undefined, { hostname: () => hostname }).names()).toEqual(names)
})

test('a system that knows no way out is no reason to fail', async () => {
  const connect = vi.spyOn(Socket.prototype, 'connect').mockImplementation((_, ...rest) => {
    ;(rest.at(-1) as (error: Error) => void)(new Error('connect ENETUNREACH'))
  })
  onTestFinished(() => connect.mockRestore())
  const here = createNetwork({ interfaces: () => asSystem({ ...LO, ...WIFI }) })
  expect(await here.address()).toBe('192.168.7.9')
  expect(connect).toHaveBeenCalledOnce()
})

test('its addresses are those beyond loopback', () => {
  expect(network({ ...LO, ...WIFI, docker0: [['172.17.0.1']] }).addresses()).toEqual([
    '192.168.7.9',
    '172.17.0.1',
  ])
})
