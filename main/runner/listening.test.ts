import { describe, expect, test } from 'vitest'
import { listenersOf } from './listening.ts'

const HEAD =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const HEAD6 =
  '  sl  local_address                         remote_address                        st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode'
const REST = '00000000:00000000 00:00000000 00000000  1000        0 73210 1 0000000000000000 100 0 0 10 0'
const row = (local: string, state = '0A', n = 0): string =>
  `${String(n).padStart(4)}: ${local} ${local.length > 13 ? '0'.repeat(32) : '00000000'}:0000 ${state} ${REST}`
const tables = (...rows: string[]): string => [HEAD, ...rows, HEAD6, ''].join('\n')

describe('the ports on which something listens', () => {
  test.each<[string, string, number[]]>([
    ['nothing was said', '', []],
    ['nobody does', tables(), []],
    ['on loopback', tables(row('0100007F:0BB8')), [3000]],
    ['on every address', tables(row('00000000:1F90')), [8080]],
    ['on loopback of IPv6', [HEAD, HEAD6, row('00000000000000000000000001000000:0BB8')].join('\n'), [3000]],
    ['on every address of IPv6', [HEAD, HEAD6, row('0'.repeat(32) + ':FFFF')].join('\n'), [65_535]],
    [
      'on both, told once',
      [HEAD, row('00000000:0BB8'), HEAD6, row('0'.repeat(32) + ':0BB8')].join('\n'),
      [3000],
    ],
    [
      'in order of number, not of text',
      tables(
        row('00000000:2710', '0A', 0),
        row('00000000:0050', '0A', 1),
        row('0100007F:0BB8', '0A', 12_345),
      ),
      [80, 3000, 10_000],
    ],
    ['a connection is none', tables(row('0100007F:0BB8', '01'), row('0100007F:0BB9', '06')), []],
    ['Docker’s name server is none', tables(row('0B00007F:A1B2'), row('0100007F:0BB8')), [3000]],
    ['port 0 is none', tables(row('00000000:0000')), []],
    ['a last line that is cut off', tables(row('0100007F:0BB8')) + '   1: 0100007F:0B', [3000]],
    ['what is no table', 'cat: /proc/net/tcp6: No such file\n\u0000\u0001 0A 0A\n', []],
    ['hostile words', '   0: 0100007F:0BB8; rm -rf / 0A \n 1: ZZZZZZZZ:0BB8 00000000:0000 0A ', []],
  ])('%s', (_, text, ports) => {
    expect(listenersOf(text).map(({ port }) => port)).toEqual(ports)
  })

  test('are never more than there are, however much is said', () => {
    const lines = Array.from({ length: 200_000 }, (_, n) =>
      row(`00000000:${(n % 65_536).toString(16).toUpperCase().padStart(4, '0')}`),
    )
    expect(listenersOf(lines.join('\n'))).toHaveLength(65_535)
  })
})

describe('what listens beyond loopback', () => {
  const [LOOPBACK, ANY, OWN] = ['0100007F', '00000000', '020011AC'] // 172.17.0.2
  const ANY6 = '0'.repeat(32)
  const mapped = (address: string): string => `0000000000000000FFFF0000${address}`
  test.each<[string, string[], boolean]>([
    ['127.0.0.1 does not', [LOOPBACK], false],
    ['127.255.0.9 does not', ['0900FF7F'], false],
    ['127.0.0.1 within IPv6 does not', [mapped(LOOPBACK)], false],
    ['::1 does not', ['00000000000000000000000001000000'], false],
    ['127.0.0.1 and ::1 do not', [LOOPBACK, '00000000000000000000000001000000'], false],
    ['0.0.0.0 does', [ANY], true],
    [':: does', [ANY6], true],
    ['0.0.0.0 within IPv6 does', [mapped(ANY)], true],
    ['an address of the container does', [OWN], true],
    ['an address of the container within IPv6 does', [mapped(OWN)], true],
    ['0.127.0.0 does: the order of bytes counts', ['00007F00'], true],
    ['::2 does', ['00000000000000000000000002000000'], true],
    ['fe80::1 does', ['000080FE000000000000000001000000'], true],
    ['one of both does, in whatever order', [LOOPBACK, ANY], true],
    ['one of both does, in the other order', [ANY, LOOPBACK], true],
  ])('%s', (_, addresses, exposed) => {
    const text = [HEAD, ...addresses.map((address, n) => row(`${address}:0BB8`, '0A', n)), ''].join('\n')
    expect(listenersOf(text)).toEqual([{ port: 3000, exposed }])
  })

  test('is told of each port by itself', () => {
    expect(listenersOf(tables(row(`${ANY}:0BB8`), row(`${LOOPBACK}:0BB9`)))).toEqual([
      { port: 3000, exposed: true },
      { port: 3001, exposed: false },
    ])
  })
})
