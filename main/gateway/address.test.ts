import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { idOf } from '../testing/rows.ts'
import {
  parseAddress,
  parseOwnAddress,
  pathOf,
  portOrigin,
  portPath,
  workspaceOrigin,
  workspacePath,
  type Address,
} from './address.ts'

const PORT = 4114
const A = idOf(1)
const B = idOf(2)
const PLAIN = `127.0.0.1:${PORT}`
const HOST_A = `${A}.localhost:${PORT}`

const at = (host: string, target: string): Address => parseAddress([host], target, PORT)
const plain = (path: string, search = ''): Address => ({ kind: 'plain', path, search })
const workspace = (id: string, own: boolean, path: string, search = ''): Address => ({
  kind: 'workspace',
  id,
  port: null,
  own,
  path,
  search,
})
const onPort = (id: string, port: number, path: string, search = ''): Address => ({
  kind: 'workspace',
  id,
  port,
  own: true,
  path,
  search,
})
const refused = (why: 'host' | 'path'): Address => ({ kind: 'refused', why })

describe('E2: the host', () => {
  test.each([PLAIN, `localhost:${PORT}`])('%s is the dashboard’s and the API’s', (host) => {
    expect(at(host, '/api/v1/session')).toEqual(plain('/api/v1/session'))
  })

  test('of a workspace is that workspace’s alone', () => {
    expect(at(HOST_A, `/w/${A}/x?y=1`)).toEqual(workspace(A, true, '/x', '?y=1'))
    expect(at(HOST_A, `/w/${B}/x`)).toEqual(refused('path'))
    expect(at(HOST_A, '/')).toEqual(workspace(A, true, ''))
  })

  test('may leave out the port only where it is the usual one', () => {
    expect(parseAddress(['127.0.0.1'], '/', 80)).toEqual(plain('/'))
    expect(parseAddress(['127.0.0.1:80'], '/', 80)).toEqual(plain('/'))
    expect(parseAddress(['127.0.0.1'], '/', PORT)).toEqual(refused('host'))
  })

  // prettier-ignore
  const STRANGERS = [
    '', ' ', ':', `:${PORT}`, 'evil.com', `evil.com:${PORT}`, `localhost.evil.com:${PORT}`, `127.0.0.1.nip.io:${PORT}`,
    `localhost.:${PORT}`, `127.0.0.1.:${PORT}`, `127.0.0.1:${PORT + 1}`, '127.0.0.1:', '127.0.0.1:0', `127.0.0.1:0${PORT}`,
    `127.0.0.1:${PORT}.0`, `127.0.0.1:+${PORT}`, `127.0.0.1: ${PORT}`, `127.0.0.1:0x1012`, `127.0.0.1:${PORT}:${PORT}`,
    `user@127.0.0.1:${PORT}`, `user:pass@127.0.0.1:${PORT}`, `127.0.0.1:${PORT}@evil.com`, `127.0.0.1:${PORT}/`, `127.0.0.1:${PORT}#`,
    `127.0.0.1:${PORT}?`, `http://127.0.0.1:${PORT}`, `127.1:${PORT}`, `127.0.0.2:${PORT}`, `0.0.0.0:${PORT}`, `0:${PORT}`,
    `2130706433:${PORT}`, `0x7f000001:${PORT}`, `0177.0.0.1:${PORT}`, `[::1]:${PORT}`, `[::ffff:127.0.0.1]:${PORT}`, `::1`,
    `LOCALHOST:${PORT}`, `localhost%00:${PORT}`, `localhost\0:${PORT}`, ` ${PLAIN}`, `${PLAIN} `, `${PLAIN},${PLAIN}`, `${PLAIN}\t`,
    `${A}:${PORT}`, `${A}.localhost.:${PORT}`, `${A}.localhost.evil.com:${PORT}`, `x.${A}.localhost:${PORT}`, `${A}.${B}.localhost:${PORT}`,
    `${A}.127.0.0.1:${PORT}`, `${A.toUpperCase()}.localhost:${PORT}`, `${A}x.localhost:${PORT}`, `${A.slice(1)}.localhost:${PORT}`,
    `8${A.slice(1)}.localhost:${PORT}`, `i${A.slice(1)}.localhost:${PORT}`, `.localhost:${PORT}`,
    `w.localhost:${PORT}`, `${A}_localhost:${PORT}`, `${A}.localhost`, `${A}.localhost:${PORT + 1}`,
  ]

  test.each(STRANGERS)('%j is not served', (host) => {
    for (const path of ['/', '/api/v1/session', `/w/${A}/`]) expect(at(host, path)).toEqual(refused('host'))
  })

  test('of a port inside is that server’s alone, with whatever path', () => {
    expect(at(`3000--${HOST_A}`, '/x?y=1')).toEqual(onPort(A, 3000, '/x', '?y=1'))
    expect(at(`1--${HOST_A}`, '/')).toEqual(onPort(A, 1, '/'))
    expect(at(`65535--${HOST_A}`, `/w/${B}/`)).toEqual(onPort(A, 65_535, `/w/${B}/`))
    expect(at(`3000--${HOST_A}`, '/api/v1/session')).toEqual(onPort(A, 3000, '/api/v1/session'))
    expect(at(`3000--${HOST_A}`, '//evil.com/')).toEqual(onPort(A, 3000, '//evil.com/'))
  })

  // prettier-ignore
  const NO_PORTS = [
    '0', '00', '03000', '65536', '99999', '100000', '-1', '+1', '3e3', '0x1', '3000.0', ' 3000', '3000 ', '', 'x', '３０００', '1--2', '3000-', '-3000', '3000:1', 'a3000', '3000a',
  ]
  test.each(NO_PORTS)('whose port is %j is not served', (port) => {
    expect(at(`${port}--${HOST_A}`, '/')).toEqual(refused('host'))
  })
  test.each([
    `3000-${HOST_A}`,
    `3000---${HOST_A}`,
    `3000.${HOST_A}`,
    `3000--.${HOST_A}`,
    `3000--${B}x.localhost:${PORT}`,
    `3000--${HOST_A.toUpperCase()}`,
    `3000--127.0.0.1:${PORT}`,
    `3000--localhost:${PORT}`,
    `3000--${A}.localhost:${PORT + 1}`,
    `3000--${A}.localhost`,
    `3000--${A}.localhost.:${PORT}`,
    `3000--${A}.localhost.evil.com:${PORT}`,
    `x.3000--${HOST_A}`,
    `user@3000--${HOST_A}`,
    `3000--8${A.slice(1)}.localhost:${PORT}`,
  ])('%j is not served either', (host) => {
    expect(at(host, '/')).toEqual(refused('host'))
  })

  test('is refused when it comes twice or not at all, even if both are right', () => {
    expect(parseAddress([PLAIN, PLAIN], '/', PORT)).toEqual(refused('host'))
    expect(parseAddress([HOST_A, PLAIN], `/w/${A}/`, PORT)).toEqual(refused('host'))
    expect(parseAddress([], '/', PORT)).toEqual(refused('host'))
  })
})

describe('E10: the path', () => {
  test.each<[target: string, expected: Address]>([
    ['/', plain('/')],
    ['/?a=b', plain('/', '?a=b')],
    ['/w', plain('/w')],
    ['/assets/index-a1b2.js', plain('/assets/index-a1b2.js')],
    [`/w/${A}`, workspace(A, false, '')],
    [`/w/${A}/`, workspace(A, false, '/')],
    [`/w/${A}?folder=/home`, workspace(A, false, '', '?folder=/home')],
    [`/w/${A}/a/b?c=../..&d=%2e%2e/`, workspace(A, false, '/a/b', '?c=../..&d=%2e%2e/')],
    [`/w/${A}/a%20b/%C3%BC`, workspace(A, false, '/a%20b/%C3%BC')],
    [`/w/${A}/.hidden/..two/three..`, workspace(A, false, '/.hidden/..two/three..')],
    [`/w/${A}//${B}/`, workspace(A, false, `//${B}/`)],
    [`/w/${A}/w/${B}/`, workspace(A, false, `/w/${B}/`)],
    [`//w/${B}/`, plain(`//w/${B}/`)],
    [`/W/${A}/`, plain(`/W/${A}/`)],

    ['', refused('path')],
    ['*', refused('path')],
    ['?', refused('path')],
    [`w/${A}/`, refused('path')],
    [`http://${PLAIN}/w/${A}/`, refused('path')],
    ['http://evil.com/w/x', refused('path')],
    [`/w/${A}/#x`, refused('path')],
    ['/w/', refused('path')],
    ['/w//', refused('path')],
    ['/w/x/', refused('path')],
    [`/w/${A}x/`, refused('path')],
    [`/w/${A.toUpperCase()}/`, refused('path')],
    [`/w/${A};x/`, refused('path')],
    [`/w/${A}%2f${B}/`, refused('path')],
    [`/w/${A}/../${B}/`, refused('path')],
    [`/w/${A}/%2e%2e/${B}/`, refused('path')],
    [`/w/${A}/.%2E/${B}/`, refused('path')],
    [`/w/${A}/./`, refused('path')],
    [`/w/${A}/..`, refused('path')],
    [`/w/${A}\\..\\${B}\\`, refused('path')],
    [`/w/${A}/%5c..%5c${B}/`, refused('path')],
    [`/w/${A}/?a=\t`, refused('path')],
    [`/w/${A}/?a= b`, refused('path')],
    [`/w/${A}/?a=\0`, refused('path')],
    [`/w/${A}/%00`, refused('path')],
    [`/w/${A}/ü`, refused('path')],
    [`/w/${A}/a b`, refused('path')],
    ['/../etc/passwd', refused('path')],
    ['/assets/%2e%2e/%2e%2e/token', refused('path')],
  ])('%j', (target, expected) => {
    expect(at(PLAIN, target)).toEqual(expected)
  })

  // prettier-ignore
  const TRICKS = [
    '..', '.', '%2e%2e', '%2E%2E', '.%2e', '%2e.', '%2e', '..;', '..;x', ';', ';..', '%3b', '..%00', '%00', '\0', '..%5c', '%5c..', '\\', '..\\',
    '\\..', '%5C', '%2f', '%2F', '..%2f', '%2e%2e%2f', '..%252f', '%252e%252e', '%c0%ae%c0%ae', '%e0%80%ae', '%u002e%u002e', '．．', '∕', ' ', '%20', '\t', '%09',
    '%0d%0a', '\r\n', '%7f', '\u007f', '%', '%%', '%zz', '#', '%23', '?', '%3f', '@', ':', '*', '//', '///', '/./', '/../', 'w', 'W', '%77', 'ｗ',
  ]
  const shapes = [
    (t: string) => `/w/${A}/${t}/${B}/`,
    (t: string) => `/w/${A}/${t}/w/${B}/`,
    (t: string) => `/w/${A}${t}/${B}/`,
    (t: string) => `/w/${A}${t}${B}/`,
    (t: string) => `/w/${A}/x/${t}/${t}/${t}/${B}/`,
    (t: string) => `/w/${t}/${B}/`,
    (t: string) => `/w/${t}${B}/`,
    (t: string) => `/w${t}${B}/`,
    (t: string) => `/${t}/w/${B}/`,
    (t: string) => `${t}/w/${B}/`,
  ]
  const VARIANTS = TRICKS.flatMap((trick) => shapes.map((shape) => shape(trick)))

  /** What every reader of addresses makes of it: the one here, and the one of browsers and of Node's own clients. */
  function expectOne(host: string, target: string): void {
    const address = at(host, target)
    const own = host === HOST_A
    if (host !== HOST_A && host !== PLAIN) return expectOnPort(address, host, target)
    if (address.kind === 'plain') expect(own, `${target} is plain on a workspace's origin`).toBe(false)
    if (address.kind !== 'workspace') return
    const { pathname } = new URL(`http://${host}${target}`)
    const root = own && pathname === '/' // the workspace itself, whatever its query
    if (!root) expect(`${pathname}/`, target).toMatch(new RegExp(`^/w/${address.id}/`))
    if (own) expect(address, target).toMatchObject({ id: A, own: true })
  }

  /** On the origin of a port: this server, and the very path that was asked for. */
  function expectOnPort(address: Address, host: string, target: string): void {
    if (address.kind === 'refused') return expect(address.why, target).toBe('path')
    expect(address, target).toMatchObject({ kind: 'workspace', id: A, port: 3000, own: true })
    const { pathname, search } = new URL(`http://${host}${target}`)
    expect(address.path + address.search, target).toBe(pathname + search)
  }

  test(`no variant of ${VARIANTS.length} reaches a workspace that it does not name, on either origin`, () => {
    expect(VARIANTS.length).toBeGreaterThan(200)
    for (const target of VARIANTS) {
      expectOne(PLAIN, target)
      expectOne(HOST_A, target)
      expectOne(`3000--${HOST_A}`, target)
    }
  })

  test('no text at all reaches another workspace, or the API, from a workspace’s origin', () => {
    const piece = fc.oneof(
      fc.constantFrom('/', '/w/', A, B, 'api', 'v1', '?', '#', ...TRICKS),
      fc.string({ unit: 'binary', maxLength: 3 }),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), (pieces) => {
        const address = at(HOST_A, `/${pieces.join('')}`)
        expect(address.kind).not.toBe('plain')
        if (address.kind === 'workspace') expect(address).toMatchObject({ id: A, own: true })
      }),
      { numRuns: 2_000 },
    )
  }, 30_000)

  test('no text at all makes it throw', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'binary' }), { maxLength: 3 }),
        fc.string({ unit: 'binary' }),
        (hosts, target) => {
          expect(['plain', 'workspace', 'refused']).toContain(parseAddress(hosts, target, PORT).kind)
        },
      ),
    )
  })
})

describe('a listener that has one place and nothing else', () => {
  const HOSTS = ['192.168.1.7:40001', 'laptop.local:40001']
  const editor = { id: A, port: null }
  const own = (hosts: string[], target: string, place: { id: string; port: number | null } = editor) =>
    parseOwnAddress(HOSTS, hosts, target, place)

  test('has the editor below its path, or the server on a port', () => {
    for (const host of HOSTS) {
      expect(own([host], `/w/${A}/x?y`)).toEqual(workspace(A, true, '/x', '?y'))
      expect(own([host], `/w/${B}/x?y`, { id: A, port: 3000 })).toEqual(onPort(A, 3000, `/w/${B}/x`, '?y'))
    }
  })

  test.each(['/', `/w/${B}/`, `/w/${A}x/`, '/api/v1/session', '/assets/x', `/w/${A}/../${B}/`, `//w/${A}/`])(
    'has no %s',
    (target) => {
      expect(own([HOSTS[0]!], target)).toEqual(refused('path'))
    },
  )

  test.each([
    [[]],
    [[HOSTS[0]!, HOSTS[0]!]],
    [['192.168.1.7']],
    [['192.168.1.7:40002']],
    [['LAPTOP.local:40001']],
    [['evil.com:40001']],
    [[PLAIN]],
    [[HOST_A]],
    [['']],
  ])('L6: does not answer to %j', (hosts) => {
    expect(own(hosts, `/w/${A}/`)).toEqual(refused('host'))
  })
})

describe('what code-server would forward to a port', () => {
  test.each<[string, ReturnType<typeof portPath>]>([
    ['/', undefined],
    ['', undefined],
    ['/x/proxy/3000', undefined],
    ['/proxyx/3000', undefined],
    ['/proxy/3000', { port: 3000, path: '/' }],
    ['/proxy/3000/', { port: 3000, path: '/' }],
    ['/proxy/3000/a/b%20c', { port: 3000, path: '/a/b%20c' }],
    ['/absproxy/3000/a', { port: 3000, path: '/absproxy/3000/a' }],
    ['/absproxy/3000', { port: 3000, path: '/absproxy/3000' }],
    ['/proxy', 'other'],
    ['/proxy/', 'other'],
    ['/proxy/0/', 'other'],
    ['/proxy/70000/', 'other'],
    ['/proxy/3000@evil.com/', 'other'],
    ['/proxy/3000x', 'other'],
    ['/proxy/03000/', 'other'],
    ['/PROXY/3000/', 'other'],
    ['//proxy/3000/', 'other'],
    ['/%70roxy/3000/', 'other'],
    ['/proxy%2f3000/', 'other'],
    ['/%2fproxy/3000/', 'other'],
    ['/AbsProxy/3000/', 'other'],
  ])('by %s', (path, expected) => {
    expect(portPath(path)).toEqual(expected)
  })
})

test('the address of a port is read back as that port', () => {
  const url = new URL(portOrigin(A, 3000, PORT) + pathOf({ id: A, port: 3000, path: '/x', search: '?y' }))
  expect(at(url.host, url.pathname + url.search)).toEqual(onPort(A, 3000, '/x', '?y'))
})

test('the address of a workspace is read back as that workspace', () => {
  const url = new URL(workspaceOrigin(A, PORT) + workspacePath(A) + '/')
  expect(at(url.host, url.pathname)).toEqual(workspace(A, true, '/'))
})
