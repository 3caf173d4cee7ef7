import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { idOf } from '../testing/rows.ts'
import { parseAddress, workspaceOrigin, workspacePath, type Address } from './address.ts'

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
  own,
  path,
  search,
})
const refused = (why: 'host' | 'path'): Address => ({ kind: 'refused', why })

describe('E2 the host', () => {
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
    `8${A.slice(1)}.localhost:${PORT}`, `i${A.slice(1)}.localhost:${PORT}`, `3000--${A}.localhost:${PORT}`, `.localhost:${PORT}`,
    `w.localhost:${PORT}`, `${A}_localhost:${PORT}`, `${A}.localhost`, `${A}.localhost:${PORT + 1}`,
  ]

  test.each(STRANGERS)('%j is not served', (host) => {
    for (const path of ['/', '/api/v1/session', `/w/${A}/`]) expect(at(host, path)).toEqual(refused('host'))
  })

  test('is refused when it comes twice or not at all, even if both are right', () => {
    expect(parseAddress([PLAIN, PLAIN], '/', PORT)).toEqual(refused('host'))
    expect(parseAddress([HOST_A, PLAIN], `/w/${A}/`, PORT)).toEqual(refused('host'))
    expect(parseAddress([], '/', PORT)).toEqual(refused('host'))
  })
})

describe('E10 the path', () => {
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
    if (address.kind === 'plain') expect(own, `${target} is plain on a workspace's origin`).toBe(false)
    if (address.kind !== 'workspace') return
    const { pathname } = new URL(`http://${host}${target}`)
    const root = own && pathname === '/' // the workspace itself, whatever its query
    if (!root) expect(`${pathname}/`, target).toMatch(new RegExp(`^/w/${address.id}/`))
    if (own) expect(address, target).toMatchObject({ id: A, own: true })
  }

  test(`no variant of ${VARIANTS.length} reaches a workspace that it does not name, on either origin`, () => {
    expect(VARIANTS.length).toBeGreaterThan(200)
    for (const target of VARIANTS) {
      expectOne(PLAIN, target)
      expectOne(HOST_A, target)
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

test('the address of a workspace is read back as that workspace', () => {
  const url = new URL(workspaceOrigin(A, PORT) + workspacePath(A) + '/')
  expect(at(url.host, url.pathname)).toEqual(workspace(A, true, '/'))
})
