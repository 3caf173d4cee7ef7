import type { Random } from '../testing/crash/random.ts'
import { HOSTILE_TEXTS } from './values.ts'

/** The headers of a request for a WebSocket. */
export const UPGRADE = {
  connection: 'Upgrade',
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
}

type Change = (text: string) => string

/**
 * Bytes that are no HTTP, or nearly. `hosts` and `paths` are those of others, which a request may be bent to; `nested` is a
 * request that somebody might find in the body of another.
 */
export function createMangler(
  random: Random,
  { hosts, paths, nested }: { hosts: string[]; paths: string[]; nested: string },
) {
  const { pick, below, chance } = random
  const targets = [
    ...['*', '', '//', '/\0', '/\u00ff', '/%', `/${'x'.repeat(20_000)}`, '/ x', '/#x', '?', '/w/__proto__/'],
    ...['http://evil.example/', 'evil.example:443', ...paths],
  ]
  const atLine =
    (change: (line: string) => string): Change =>
    (text) => {
      const lines = text.split('\r\n')
      const at = below(lines.length)
      return lines.map((line, n) => (n === at ? change(line) : line)).join('\r\n')
    }
  const withHeader =
    (...lines: string[]): Change =>
    (text) =>
      text.replace('\r\n', `\r\n${lines.join('\r\n')}\r\n`)
  const odd = (): string => String.fromCharCode(below(256))
  const changes: (() => Change)[] = [
    () => (text) => text.slice(0, below(text.length)),
    () => (text) => {
      const at = below(text.length)
      return text.slice(0, at) + odd() + text.slice(at + below(3))
    },
    () => (text) => {
      const at = below(text.length)
      return text.slice(0, at) + text.slice(at, at + below(200)).repeat(2 + below(5)) + text.slice(at)
    },
    () => (text) =>
      text.replace(/^\S*/, () =>
        pick([
          'get',
          'G\0T',
          'PRI',
          'CONNECT',
          'TRACE',
          'OPTIONS',
          '',
          ' ',
          'GET\t',
          'X'.repeat(9_000),
          'M-SEARCH',
          'HEAD',
        ]),
      ),
    () => (text) => text.replace(/ \S* /, () => ` ${pick(targets)} `),
    () => (text) =>
      text.replace('HTTP/1.1', () =>
        pick(['HTTP/1.0', 'HTTP/2.0', 'HTTP/0.9', 'HTTP/1.1 ', 'http/1.1', 'HTTP/1.11', '', 'RTSP/1.0']),
      ),
    () =>
      withHeader(
        `Content-Length: ${pick(['0', '1', '4', '-1', '+4', '0x4', '4, 4', '4 4', '', '99999999999999999999', '1e3', String(nested.length)])}`,
      ),
    () =>
      withHeader(
        `Transfer-Encoding: ${pick(['chunked', 'xchunked', 'chunked, identity', 'identity', ' chunked', 'chunked, chunked', 'gzip, chunked', '\u000bchunked', 'Chunked\t', ''])}`,
      ),
    () => withHeader(`Transfer-Encoding${pick([' ', '\t', '\0', ''])}: chunked`, 'Content-Length: 4'),
    () =>
      withHeader(pick(['Host: evil.example', 'Host:', 'host : x', ...hosts.map((host) => `Host: ${host}`)])),
    () =>
      withHeader(
        `X: ${pick(['\0', '\u0001', '\u007f', '\u00ff\u00fe', '\rY: z', '\nY: z', 'x'.repeat(20_000), ...HOSTILE_TEXTS.slice(0, 30).map((text) => Buffer.from(text).toString('latin1'))])}`,
      ),
    () => withHeader(' folded: yes', '\tfolded too'),
    () => withHeader(...Array.from({ length: 200 + below(3_000) }, (_, n) => `h${n}: ${n}`)),
    () => withHeader(`${pick(['', ' ', ':', 'X Y', 'X\0', '(', 'X'.repeat(17_000)])}: y`),
    () => withHeader('Connection: close, host, authorization, x', 'Connection: keep-alive'),
    () => withHeader(`Expect: ${pick(['100-continue', '200-maybe', '', '\0'])}`),
    () =>
      withHeader(
        ...Object.entries(UPGRADE)
          .filter(() => chance(0.7))
          .map(([name, value]) => `${name}: ${value}`),
      ),
    () =>
      withHeader(
        `Upgrade: ${pick(['h2c', 'websocket, h2c', 'tls/1.0', '\u00ff', ''])}`,
        'Connection: Upgrade',
        'HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA',
      ),
    () => (text) =>
      text.replaceAll('\r\n', () => (chance(0.3) ? pick(['\n', '\r', '\n\r', '\r\r\n', ' \r\n']) : '\r\n')),
    () => (text) =>
      text.replace(
        /\r\n(5|11)\r\n/,
        () =>
          `\r\n${pick(['FFFFFFFFFFFFFFFF', '-1', '0x5', '5 ', '', 'g', '5;x=\n', '00000000000000000005', '7FFFFFFF', `5;${'x'.repeat(20_000)}`])}\r\n`,
      ),
    () => atLine((line) => line + line),
    () => atLine(() => ''),
    () => atLine((line) => `${line}\0`),
    () => atLine((line) => line.toUpperCase()),
    () => (text) => text.repeat(2 + below(20)),
    () => (text) => text + nested,
    () => (text) => text + random.bytes(1 + below(3_000)).toString('latin1'),
    () => (text) => `\r\n\r\n${text}`,
  ]
  const strangers: (() => Buffer)[] = [
    () => random.bytes(below(2_000)),
    () => Buffer.from('16030100c8010000c40303', 'hex'),
    () => Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u0004\0\0\0\0\0', 'latin1'),
    () => Buffer.from('GET /\r\n'),
    () => Buffer.from('PROXY TCP4 127.0.0.1 127.0.0.1 1 2\r\nGET / HTTP/1.1\r\n\r\n'),
    () => Buffer.alloc(1 + below(100_000), pick(['\0', 'A', '\n', '\r', ' '])),
    () => Buffer.from('SSH-2.0-x\r\n'),
    () => Buffer.alloc(0),
  ]

  return {
    /** A request, in latin1, with one to three things changed. */
    mangled(text: string): string {
      for (let n = 1 + below(3); n > 0; n--) text = pick(changes)()(text)
      return text
    },
    /** What never was a request. */
    stranger: (): Buffer => pick(strangers)(),
  }
}
