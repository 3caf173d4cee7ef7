import { describe, expect, test } from 'vitest'
import { listeningPorts } from './listening.ts'

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
    expect(listeningPorts(text)).toEqual(ports)
  })

  test('are never more than there are, however much is said', () => {
    const lines = Array.from({ length: 200_000 }, (_, n) =>
      row(`00000000:${(n % 65_536).toString(16).toUpperCase().padStart(4, '0')}`),
    )
    expect(listeningPorts(lines.join('\n'))).toHaveLength(65_535)
  })
})
