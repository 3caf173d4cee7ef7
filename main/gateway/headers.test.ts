import type { IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { describe, expect, test } from 'vitest'
import { idOf } from '../testing/rows.ts'
import {
  COOKIE,
  PORT_COOKIE,
  cookiesOf,
  requestHeaders,
  responseHeaders,
  upgradeHeaders,
  type Place,
} from './headers.ts'

const ID = idOf(1)
const OTHER = idOf(2)
const HOST = `${ID}.localhost:4114`

const message = (headers: IncomingHttpHeaders, url = `/w/${ID}/a/b?c`): IncomingMessage =>
  ({ headers, url, socket: { remoteAddress: '127.0.0.1' } }) as IncomingMessage

const EDITOR: Place = { id: ID, port: null, secure: false, editor: undefined, theirs: false }
const SERVER: Place = { id: ID, port: 3000, secure: false, editor: undefined, theirs: true }

/** What upstream sees of a request, without what the gateway adds to every one. */
function forwarded(headers: IncomingHttpHeaders, secret?: string, place = EDITOR): OutgoingHttpHeaders {
  const out = requestHeaders(message({ host: HOST, ...headers }), place, secret)
  return Object.fromEntries(
    Object.entries(out).filter(([name]) => !name.startsWith('x-forwarded-') && name !== 'host'),
  )
}

/** What the client sees of an answer. */
function answered(headers: IncomingHttpHeaders, request: IncomingHttpHeaders = {}): OutgoingHttpHeaders {
  const out = responseHeaders(message(headers), EDITOR, message({ host: HOST, ...request }))
  expect(out['content-security-policy']).toBe("frame-ancestors 'self'")
  delete out['content-security-policy']
  return out
}

const SERVER_HOST = `3000--${HOST}`
/** What the client of a server on a port sees of an answer. */
const ofServer = (headers: IncomingHttpHeaders): OutgoingHttpHeaders =>
  responseHeaders(message(headers), SERVER, message({ host: SERVER_HOST }, '/a/b?c'))

describe('P1: credentials', () => {
  test.each<[string, IncomingHttpHeaders]>([
    ['a bearer token', { authorization: 'Bearer secret' }],
    ['any other authorization', { authorization: 'Basic c2VjcmV0' }],
    ['our cookie', { cookie: `${COOKIE}=secret` }],
    ['our cookie with a prefix', { cookie: `__Host-berth-x=secret; __Secure-Berth-y=secret` }],
    ['a name that begins like ours', { cookie: 'berth-anything=secret; BERTH-WORKSPACE=secret' }],
    ['code-server’s own cookie', { cookie: 'code-server-session=secret; code-server-session-x=secret' }],
    ['our cookie behind odd blanks', { cookie: `;  ${COOKIE}=secret;\t${COOKIE}=secret; ;` }],
    ['our cookie without blanks', { cookie: `;${COOKIE}=secret;${COOKIE}=secret` }],
    [
      'a token, when Expect is sent',
      { authorization: 'Bearer secret', cookie: `${COOKIE}=secret`, expect: '100-continue' },
    ],
    ['a token that Connection names', { authorization: 'Bearer secret', connection: 'authorization' }],
    ['a token for proxies', { 'proxy-authorization': 'Bearer secret' }],
  ])('%s does not reach upstream', (_, headers) => {
    expect(JSON.stringify(forwarded(headers))).not.toContain('secret')
  })

  test('leave every other cookie as it is, byte by byte', () => {
    const theirs = 'a=1; b="x y"; c=%20=; vscode-tkn=eyJ0.e30.; d='
    expect(forwarded({ cookie: theirs })).toEqual({ cookie: theirs })
    expect(forwarded({ cookie: `a=1; ${COOKIE}=x; b=2` })).toEqual({ cookie: 'a=1; b=2' })
  })

  test('of ours never reach a server on a port, and its own do', () => {
    const theirs = { authorization: 'Bearer of the app', cookie: 'a=1' }
    expect(forwarded(theirs, undefined, SERVER)).toEqual(theirs)
    expect(forwarded(theirs, undefined, { ...SERVER, theirs: false })).toEqual({ cookie: 'a=1' })
    const ours = { cookie: `${PORT_COOKIE}=secret; a=1; ${COOKIE}=secret; __Host-Http-berth-x=secret` }
    expect(forwarded(ours, undefined, SERVER)).toEqual({ cookie: 'a=1' })
    const listed = { authorization: 'Bearer of the app', connection: 'authorization' }
    expect(forwarded(listed, undefined, SERVER)).toEqual({})
  })

  test('of a published port is added by us alone', () => {
    const secret = 'code-server-session=right'
    expect(forwarded({}, secret)).toEqual({ cookie: secret })
    expect(forwarded({ cookie: 'code-server-session=wrong; a=1' }, secret)).toEqual({
      cookie: `a=1; ${secret}`,
    })
  })
})

describe('P2: what is for one hop only', () => {
  // prettier-ignore
  const ONE_HOP = ['connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'proxy-connection', 'te', 'trailer', 'upgrade']

  test.each(ONE_HOP)('%s goes no further, in neither direction', (name) => {
    expect(forwarded({ [name]: 'x' })).toEqual({})
    expect(answered({ [name]: 'x' })).toEqual({})
  })

  test('is also what Connection names, in whatever case', () => {
    const headers = { connection: 'close, X-One,x-two ', 'x-one': '1', 'x-two': '2', 'x-three': '3' }
    expect(forwarded(headers)).toEqual({ 'x-three': '3' })
    expect(answered(headers)).toEqual({ 'x-three': '3' })
  })

  test('is never where a body ends', () => {
    const connection = 'Content-Length, transfer-encoding'
    expect(forwarded({ connection, 'content-length': '3' })).toEqual({ 'content-length': '3' })
    expect(forwarded({ connection, 'transfer-encoding': 'chunked' })).toEqual({
      'transfer-encoding': 'chunked',
    })
    expect(answered({ connection, 'content-length': '3' })).toEqual({ 'content-length': '3' })
  })

  test('does not take the rest with it', () => {
    const rest = { accept: '*/*', 'content-type': 'text/plain', 'content-length': '3', range: 'bytes=0-1' }
    expect(forwarded(rest)).toEqual(rest)
    expect(answered({ 'content-type': 'text/html', etag: '"x"', 'cache-control': 'no-cache' })).toEqual({
      'content-type': 'text/html',
      etag: '"x"',
      'cache-control': 'no-cache',
    })
  })

  test('keeps a body of unknown length one', () => {
    expect(forwarded({ 'transfer-encoding': 'gzip, chunked' })).toEqual({ 'transfer-encoding': 'chunked' })
    expect(answered({ 'transfer-encoding': 'chunked' })).toEqual({})
  })

  test('is made anew for a WebSocket', () => {
    const headers = {
      host: HOST,
      connection: 'keep-alive, Upgrade',
      upgrade: 'WebSocket',
      'sec-websocket-key': 'k',
    }
    expect(upgradeHeaders(message(headers), EDITOR, undefined)).toMatchObject({
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-key': 'k',
    })
  })
})

test('P3: what a client says of who forwarded it is replaced by what is true', () => {
  const claims = {
    host: HOST,
    forwarded: 'for=evil;host=evil',
    'x-forwarded-for': 'evil',
    'x-forwarded-host': 'evil',
    'x-forwarded-proto': 'https',
    'x-forwarded-prefix': '/evil',
    'x-forwarded-port': '666',
    'x-forwarded-server': 'evil',
  }
  expect(requestHeaders(message(claims), EDITOR, undefined)).toEqual({
    host: HOST,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': HOST,
    'x-forwarded-proto': 'http',
    'x-forwarded-prefix': `/w/${ID}`,
  })
})

test('P3: a server on a port is told its own address, and by what way a guest came', () => {
  const host = `3000--${HOST}`
  expect(requestHeaders(message({ host, 'x-forwarded-prefix': '/evil' }), SERVER, undefined)).toEqual({
    host,
    'x-forwarded-for': '127.0.0.1',
    'x-forwarded-host': host,
    'x-forwarded-proto': 'http',
  })
  const tls = requestHeaders(message({ host }), { ...SERVER, secure: true }, undefined)
  expect(tls['x-forwarded-proto']).toBe('https')
})

describe('P4: what upstream may set', () => {
  test.each<[cookie: string, expected: string]>([
    ['a=1', `a=1; Path=/w/${ID}/`],
    ['a=1; Path=/', `a=1; Path=/w/${ID}/`],
    [`a=1; Path=/w/${OTHER}/; HttpOnly`, `a=1; HttpOnly; Path=/w/${ID}/`],
    ['a=1; path=/; DOMAIN=localhost; Secure; SameSite=None', `a=1; Secure; SameSite=None; Path=/w/${ID}/`],
    ['a=1;Domain=.localhost;Path =/x;Max-Age=5', `a=1;Max-Age=5; Path=/w/${ID}/`],
    ['a=1;\tPath=/;\tDomain=evil.com', `a=1; Path=/w/${ID}/`],
    ['a=1; Path; Domain', `a=1; Path=/w/${ID}/`],
    ['a="Path=/;"; Path=/', `a="Path=/;"; Path=/w/${ID}/`],
  ])('%j is kept within the workspace', (cookie, expected) => {
    expect(answered({ 'set-cookie': [cookie] })['set-cookie']).toEqual([expected])
  })

  // prettier-ignore
  test.each([
    `${COOKIE}=x`, `${COOKIE}=x; Path=/`, ` ${COOKIE}=x`, `\t${COOKIE}=x`, 'BERTH-workspace=x', 'berth-x', 'berth-',
    `=${COOKIE}=x`, ` = ${COOKIE}=x`, '__Host-berth-session=x; Secure; Path=/', '__secure-Berth-session=x',
  ])('%j is one of ours, and is not set', (cookie) => {
    expect(answered({ 'set-cookie': [cookie, 'a=1'] })['set-cookie']).toEqual([`a=1; Path=/w/${ID}/`])
  })

  test('leaves no header when no cookie is left', () => {
    expect(answered({ 'set-cookie': [`${COOKIE}=x`] })).toEqual({})
  })

  test.each(['clear-site-data', 'service-worker-allowed', 'alt-svc'])(
    '%s would reach beyond it, and is left out',
    (name) => {
      expect(answered({ [name]: '"*"' })).toEqual({})
    },
  )

  test('on a port’s origin is its own affair, but for ours and for a domain', () => {
    const answer = ofServer({
      'set-cookie': ['a=1; Path=/x; Domain=localhost; Secure', 'b=2', `${PORT_COOKIE}=x`, '__Host-berth-x=1'],
      'service-worker-allowed': '/',
      'clear-site-data': '"cookies"',
      'alt-svc': 'h2="evil.com:443"',
    })
    expect(answer).toEqual({ 'set-cookie': ['a=1; Path=/x; Secure', 'b=2'], 'service-worker-allowed': '/' })
  })

  test('its service worker gets the workspace and no more', () => {
    const answer = answered({ 'service-worker-allowed': '/' }, { 'service-worker': 'script' })
    expect(answer).toEqual({ 'service-worker-allowed': `/w/${ID}/` })
  })
})

describe('L4: on a host that others have ports on', () => {
  const LAN = 'https://192.0.2.1:4000'
  const editor: Place = { ...EDITOR, secure: true, editor: LAN }
  const server: Place = { ...SERVER, secure: true, editor: LAN }
  const set = (place: Place, ...cookies: string[]) =>
    responseHeaders(message({ 'set-cookie': cookies }), place, message({ host: HOST }))['set-cookie']

  test('cookies have the name of what has set them, and reach nothing else', () => {
    expect(set(editor, 'a=1; Path=/', ' \tb=2', 'alone', '=c=3', '__Host-d=4; Secure')).toEqual([
      `${ID}-editor-a=1; Path=/w/${ID}/`,
      `${ID}-editor-b=2; Path=/w/${ID}/`,
      `${ID}-editor-alone; Path=/w/${ID}/`,
      `${ID}-editor-=c=3; Path=/w/${ID}/`,
      `${ID}-editor-__Host-d=4; Secure; Path=/w/${ID}/`,
    ])
    expect(set(server, 'a=1; Path=/x', `${ID}-editor-b=2`)).toEqual([
      `${ID}-3000-a=1; Path=/x`,
      `${ID}-3000-${ID}-editor-b=2`,
    ])
    const cookie = [
      'others=secret', 'a=secret', `${OTHER}-3000-a=secret`, `${ID}-300-a=secret`, `${ID}-30000-a=secret`, `${ID}-3000-=`,
      `berth-guest-${ID}-3000=secret`, `${ID}-3000-a=1`, `${ID}-editor-a=2`, `${ID}-3000-b="x y"=`, `${ID}-editor-`,
    ].join('; ') // prettier-ignore
    expect(forwarded({ cookie }, undefined, server)).toEqual({ cookie: '=; a=1; b="x y"=' })
    expect(forwarded({ cookie }, undefined, editor)).toEqual({ cookie: 'a=2' })
    expect(forwarded({ cookie: 'others=secret' }, undefined, server)).toEqual({})
  })

  test('a cookie of ours is one by any name', () => {
    expect(set(server, 'berth-guest=x', '__Host-berth-x=1')).toBeUndefined()
    const cookie = ['berth-guest', 'code-server-session', '__Host-berth-x']
      .map((name) => `${ID}-editor-${name}=planted`)
      .join('; ')
    expect(forwarded({ cookie }, 'code-server-session=right', editor)).toEqual({
      cookie: 'code-server-session=right',
    })
  })

  test.each<[says: IncomingHttpHeaders, ports: string | undefined, editors: string]>([
    [{}, `frame-ancestors 'self' ${LAN}`, "frame-ancestors 'self'"],
    [
      { 'content-security-policy': "default-src 'none'" },
      `default-src 'none', frame-ancestors 'self' ${LAN}`,
      "default-src 'none', frame-ancestors 'self'",
    ],
    [
      { 'content-security-policy': "default-src 'none';Frame-Ancestors *" },
      "default-src 'none';Frame-Ancestors *",
      "default-src 'none';Frame-Ancestors *, frame-ancestors 'self'",
    ],
    [{ 'x-frame-options': 'DENY' }, undefined, "frame-ancestors 'self'"],
  ])('what says %j is framed by its editor at most', (says, ports, editors) => {
    const policy = (place: Place) =>
      responseHeaders(message(says), place, message({ host: HOST }))['content-security-policy']
    expect(policy(server)).toEqual(ports)
    expect(policy(editor)).toEqual(editors)
    expect(policy(EDITOR)).toEqual(editors)
    expect(policy(SERVER)).toEqual(says['content-security-policy'])
  })
})

describe('P12: a redirect', () => {
  const under = (path: string): string => `/w/${ID}${path}`
  // The request was for /a/b?c of the workspace.
  test.each<[location: string, expected: string]>([
    ['/', under('/')],
    ['/login', under('/login')],
    ['/login?to=/x&y=//z#end', under('/login?to=/x&y=//z#end')],
    [under('/x'), under('/x')],
    [`/w/${OTHER}/x`, under(`/w/${OTHER}/x`)],
    [`/w/${ID}x/y`, under(`/w/${ID}x/y`)],
    ['login', under('/a/login')],
    ['./login?to=', under('/a/login?to=')],
    ['../x', under('/x')],
    ['?q=1', under('/a/b?q=1')],
    ['#part', under('/a/b?c#part')],
    ['', under('/a/b?c')],
    // Up and out
    ['../../../x', under('/x')],
    ['../../../../api/v1/workspaces', under('/api/v1/workspaces')],
    ['/../api/v1', under('/api/v1')],
    [under('/../../api/v1/workspaces'), under('/api/v1/workspaces')],
    [under('/%2e%2e/%2E./api'), under('/api')],
    [under('/..\\..\\api'), under('/api')],
    [`../../${OTHER}/`, under(`/w/${OTHER}/`)],
    ['\\api', under('/api')],
    // Upstream's own address
    [`http://${HOST}/x?y`, under('/x?y')],
    [`HTTP://${HOST.toUpperCase()}/x`, under('/x')],
    [`http://user:pass@${HOST}/x`, under('/x')],
    [`//${HOST}/x`, under('/x')],
    [`\\\\${HOST}/x`, under('/x')],
    [`https://${HOST}/x`, under('/x')],
    ['http:x', under('/a/x')],
    // Others' addresses stay theirs
    ['https://github.com/login?x=1', 'https://github.com/login?x=1'],
    ['//evil.com/x', '//evil.com/x'],
    ['/\\evil.com', '/\\evil.com'],
    [`http://${OTHER}.localhost:4114/`, `http://${OTHER}.localhost:4114/`],
    ['http://127.0.0.1:4114/', 'http://127.0.0.1:4114/'],
    ['vscode://file/x', 'vscode://file/x'],
    // What nobody can read leads to the workspace itself
    ['http://[', under('/')],
    ['//:99999', under('/')],
  ])('to %j leads to %s', (location, expected) => {
    expect(answered({ location })).toEqual({ location: expected })
  })

  test('keeps names of any language', () => {
    const location = Buffer.from('/größe/日本').toString('latin1') // as Node hands out bytes
    expect(answered({ location })).toEqual({ location: under('/gr%C3%B6%C3%9Fe/%E6%97%A5%E6%9C%AC') })
  })
})

describe('P12: a redirect of a server on a port', () => {
  test.each<[location: string, expected: string]>([
    // Code-server puts its prefix before what begins with a slash.
    ['/proxy/3000', '/'],
    ['/proxy/3000/', '/'],
    ['/proxy/3000/login?to=/x#y', '/login?to=/x#y'],
    ['/proxy/3000/proxy/3000/x', '/proxy/3000/x'],
    ['/proxy/3000//evil.com/', '//evil.com/'], // the server’s own words
    ['/proxy/30000/x', '/proxy/30000/x'],
    ['/proxy/300', '/proxy/300'],
    // What a browser resolves against the address that it asked for
    ['login', 'login'],
    ['../x', '../x'],
    ['?q', '?q'],
    ['', ''],
    // The server’s address inside
    ['http://localhost:3000', '/'],
    ['http://localhost:3000/x?y#z', '/x?y#z'],
    ['http://127.0.0.1:3000/x', '/x'],
    ['http://0.0.0.0:3000/x', '/x'],
    ['http://[::1]:3000/x', '/x'],
    ['HTTP://LOCALHOST:3000/x', '/x'],
    ['https://localhost:3000/x', '/x'],
    ['http://user:pass@localhost:3000/x', '/x'],
    ['http://localhost:3000//evil.com/x', '/.//evil.com/x'],
    ['http://localhost:3000/\\evil.com', '/.//evil.com'],
    // Its address outside
    [`http://${SERVER_HOST}/x`, '/x'],
    [`https://${SERVER_HOST}/x`, '/x'],
    [`http://${SERVER_HOST}//evil.com`, '/.//evil.com'],
    [`http://${SERVER_HOST}/proxy/3000/x`, '/proxy/3000/x'],
    // Others’ addresses stay theirs
    ['http://localhost:3001/x', 'http://localhost:3001/x'],
    ['http://localhost/x', 'http://localhost/x'],
    ['https://github.com/login', 'https://github.com/login'],
    [`http://${HOST}/w/${ID}/`, `http://${HOST}/w/${ID}/`],
    ['vscode://localhost:3000/x', 'vscode://localhost:3000/x'],
    ['http://localhost.evil.com:3000/', 'http://localhost.evil.com:3000/'],
    ['http://[', 'http://['],
  ])('to %j leads to %s', (location, expected) => {
    expect(ofServer({ location })).toEqual({ location: expected })
    const there = new URL(expected.replace('http://[', '/'), `http://${SERVER_HOST}/a/b?c`)
    if (expected.startsWith('/.')) expect(there.host, 'as a browser reads it').toBe(SERVER_HOST)
  })

  test('to the usual port is to that one', () => {
    const place = { ...SERVER, port: 80 }
    const answer = responseHeaders(message({ location: 'http://localhost/x' }), place, message({ host: 'h' }))
    expect(answer).toEqual({ location: '/x' })
  })
})

describe('a cookie is read', () => {
  test.each<[header: string | undefined, expected: string[]]>([
    [undefined, []],
    ['', []],
    [`${COOKIE}=x`, ['x']],
    [`a=1; ${COOKIE}=x=y; b=2`, ['x=y']],
    [`a=1;${COOKIE}=x`, ['x']],
    [`${COOKIE}=`, ['']],
    [COOKIE, []],
    [`x${COOKIE}=x`, []],
    [`a="${COOKIE}=x"`, []],
    [`${COOKIE}=first; ${COOKIE}=second`, ['first', 'second']],
    [Array.from({ length: 500 }, (_, n) => `${COOKIE}=${n}`).join(';'), ['0', '1', '2', '3', '4']],
  ])('from %j as %j', (header, expected) => {
    expect(cookiesOf(header, COOKIE)).toEqual(expected)
  })
})
