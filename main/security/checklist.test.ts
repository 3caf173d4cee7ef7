import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'

const ROOT = join(import.meta.dirname, '../..')

/** What Berth promises of its edge, its gateway, its shares, its windows and its containers. Each is shown by a test that begins with its name. */
const CHECKLIST: Record<string, string> = {
  E1: 'While nothing is shared, Berth listens on loopback alone.',
  E2: 'Only hosts that Berth serves are answered, and there is one Host header.',
  E3: 'Every route of the API asks for a credential, also those that do not exist.',
  E4: 'What opens the pages of a workspace or a share opens nothing of the API.',
  E5: 'Reading changes nothing, nor does what another site sends, nor a body that is not JSON.',
  E6: 'No other origin may read an answer, and a preflight reaches no workspace.',
  E7: 'A WebSocket opens for exactly the origin it is asked of.',
  E8: 'HTTP, event streams and WebSockets ask one and the same function who may enter.',
  E9: 'Who may not enter wakes nothing, and cannot tell a workspace that exists from one that does not.',
  E10: 'An address is read once and in one way; what others would read differently is refused.',
  E11: 'Requests are forwarded to what the engine and the database name, and nowhere else.',
  E12: 'Slow clients, large requests and many guesses keep nobody else from being served.',
  E13: 'The token is long, compared in constant time, kept hashed, and in a file for its person alone.',
  E14: 'Secrets are in no log, command line, container, database or answer; foreign text in logs is cut.',
  P1: 'Credentials of ours never reach a workspace; its own cookies do, byte by byte.',
  P2: 'What is for one hop only goes no further, in either direction.',
  P3: 'What a client claims to have been forwarded is dropped, and the truth is sent in its place.',
  P4: 'A workspace sets cookies and scopes for its own pages and none of ours.',
  P5: 'Requests that two parsers could read differently are refused, and the connection ends.',
  P6: 'No error of a connection ends the process.',
  P7: 'Connections that are over leave no socket and no memory behind.',
  P8: 'A port that went to another container never gets what was meant for the one before.',
  P9: 'Without what only the gateway knows, the port of a workspace opens nothing.',
  P10: 'However many ask for a sleeping workspace at once, it is started once, and all are answered.',
  P11: 'The page that waits follows what happens, ends in a reason, and runs nobody else’s script.',
  P12: 'A redirect of a workspace stays below its own path.',
  L1: 'Nothing is shared until asked for, and a listener of shares has one workspace and nothing else.',
  L2: 'A link is exchanged for a cookie, leaves the address bar, is kept hashed, and expires.',
  L3: 'Whoever is thrown out, or whose link is over, is out at once, WebSockets included.',
  L4: 'Opening a link changes nothing of the owner’s own session.',
  L5: 'What is shared is encrypted.',
  L6: 'A listener of shares answers to its own address alone, and goes when that goes.',
  X1: 'Every window is sandboxed and isolated.',
  X2: 'A workspace’s window has no bridge to the program.',
  X3: 'Workspaces share no storage with one another or with the dashboard.',
  X4: 'The bridge answers the dashboard alone, and checks what it is told.',
  X5: 'Windows go nowhere else, and hand on web addresses only.',
  X6: 'Permissions are refused unless named.',
  X7: 'The dashboard’s pages run no script but their own, and serve no file beside theirs.',
  X8: 'The packaged program and the runtimes within it are hardened and current.',
  X9: 'A second start opens neither the database nor a listener.',
  C1: 'A container has no privileges, and limits for all it may use.',
  C2: 'Workspaces cannot reach one another.',
  C3: 'No port of a container is published beyond this machine.',
  C4: 'Nothing of the host is mounted but the home and what Berth itself puts there.',
  C5: 'From inside a workspace the API opens nothing.',
  C6: 'A workspace that takes all it can get leaves the others and the API working.',
  C7: 'What Berth did not make is never touched.',
  C8: 'Berth says what of the engine weakens the walls between workspaces.',
}

/** The names at the beginning of a test's title: `test('E1 E14: …'`. */
const TITLE = /\(\s*['"`]((?:[A-Z]\d+,? )*[A-Z]\d+): /g

/** Where each name begins the title of a test, or of a group with a test in it. */
function proofs(): Map<string, string[]> {
  const files = globSync(['{main,renderer,build}/**/*.test.{ts,tsx}', 'e2e/*.spec.ts'], { cwd: ROOT })
  const found = new Map<string, string[]>()
  for (const file of files) {
    const text = readFileSync(join(ROOT, file), 'utf8')
    for (const { 1: names = '', index } of text.matchAll(TITLE))
      if (!isEmpty(text, index))
        for (const name of names.split(/,? /)) found.set(name, [...(found.get(name) ?? []), file])
  }
  return found
}

/** Whether a title is that of a group without a test: by the indentation, which the formatter keeps. */
function isEmpty(text: string, index: number): boolean {
  const from = text.lastIndexOf('\n', index) + 1
  const [, indent = '', word = ''] = /^( *)(\w*)/.exec(text.slice(from))!
  if (word !== 'describe') return false
  const block = text.slice(from, text.indexOf(`\n${indent}})`, from))
  return !/^ *(test|it)\b/m.test(block)
}

test('a group without a test proves nothing', () => {
  const told = (block: string): boolean => isEmpty(`\n${block}\ntest('after', () => {})\n`, 5)
  expect(told("describe('E1: a', () => {\n  const x = 1\n})")).toBe(true)
  expect(told("describe('E1: a', () => {\n  test('b', () => {})\n})")).toBe(false)
  expect(told("describe('E1: a', () => {\n  describe('b', () => {\n    it('c', () => {})\n  })\n})")).toBe(
    false,
  )
  expect(told("test('E1: a', () => {})")).toBe(false)
})

test('every promise has a test that begins with its name', () => {
  const found = proofs()
  const missing = Object.entries(CHECKLIST).filter(([name]) => !found.has(name))
  expect(missing.map(([name, promise]) => `${name}: ${promise}`)).toEqual([])
})

test('no test names a promise that was never made', () => {
  const series = new Set(Object.keys(CHECKLIST).map((name) => name[0]))
  const unknown = [...proofs().keys()].filter((name) => series.has(name[0]) && !(name in CHECKLIST))
  expect(unknown).toEqual([])
})
