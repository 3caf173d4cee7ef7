import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ERRORS, type ErrorCode } from '../core/errors.ts'
import type { Db } from '../db/open.ts'
import type { Outcome } from './deliver.ts'

const ROOT = join(import.meta.dirname, '../..')
/** Fields of the API in which the person is told where their files are. */
const TOLD_PATHS = /"(home_path|data_dir|home_store|archive_store)":"[^"]*"/g
/** What only the inside of the program knows. */
const INSIDES: [what: string, sign: RegExp | string][] = [
  ['a temporary directory of the test', join(tmpdir(), 'berth-')],
  ['a path of a home', '/homes/'],
  ['a path of the sources', ROOT],
  ['a path of a dependency', 'node_modules'],
  ['a place in the sources', /\.[cm]?[jt]s:\d+/],
  ['a stack', /\bat (async )?[\w.<>]+ \(/],
  ['a module of Node', /\bnode:(internal|_http|net|fs)\b/],
  ['an error of SQLite', /SQLITE_|SqliteError/],
]

/** Failures outside of Berth, which may be told. */
const FORESEEN: readonly ErrorCode[] = [
  'NOT_RUNNING',
  'UPSTREAM_FAILED',
  'LAN_UNAVAILABLE',
  'DOCKER_UNREACHABLE',
]
/** What our pages have: they are what was asked for, wait for it, or say why not. */
const PAGES = [200, 401, 403, 404]
/** What is said without a word: of an upgrade, of what is no HTTP, of an expectation. */
const BARE = [400, 401, 403, 404, 405, 408, 417, 426, 431, 502, 503]

/**
 * What is wrong with an answer, whatever was asked: nothing, one hopes. `secrets` are in none; `known` is who has a
 * credential that counts there; `encrypts` what begins like TLS, and may be answered so.
 */
export function faultsOf(
  { said, status, headers, body, hung }: Outcome,
  { secrets, known, encrypts }: { secrets: readonly string[]; known: boolean; encrypts: boolean },
): string[] {
  const faults: string[] = []
  if (hung) faults.push('the connection was neither answered nor closed in time')
  if (said !== '' && !said.startsWith('HTTP/1.1 ') && !(encrypts && isTls(said)))
    faults.push('what was said is not HTTP')
  if (status >= 500 && !known) faults.push(`status ${status} for somebody unknown`)
  if (status > 0 && !isForeseen(status, headers, body))
    faults.push(`a kind of answer with status ${status} that nobody foresaw`)
  const shown = said.replaceAll(TOLD_PATHS, '')
  for (const [what, sign] of INSIDES)
    if (typeof sign === 'string' ? shown.includes(sign) : sign.test(shown)) faults.push(`it tells ${what}`)
  for (const secret of secrets) if (said.includes(secret)) faults.push('it tells a secret')
  return faults
}

/** An alert, or the hello of a server. */
const isTls = (said: string): boolean => ['\x15\x03', '\x16\x03'].some((sign) => said.startsWith(sign))

/** Whether it is one of our pages, a problem document, a bare refusal, or what was asked for. */
function isForeseen(status: number, headers: Record<string, string>, body: string): boolean {
  const type = headers['content-type'] ?? ''
  const none = body === '' || body.startsWith('HTTP/1.1 ') // to HEAD; or the next answer follows at once
  if (type.startsWith('text/html'))
    return PAGES.includes(status) || (status === 502 && (none || /Nobody answers on port \d/.test(body)))
  if (status < 400) return true
  if (type === '')
    return (
      BARE.includes(status) && (headers['content-length'] === '0' || none || body.startsWith('0\r\n\r\n'))
    )
  if (!type.startsWith('application/problem+json')) return false
  const codes = (Object.keys(ERRORS) as ErrorCode[]).filter((code) => ERRORS[code][0] === status)
  const fitting = status < 500 ? codes : codes.filter((code) => FORESEEN.includes(code))
  const told = /"code":"(\w+)"/.exec(body)?.[1]
  return none ? fitting.length > 0 : fitting.some((code) => code === told)
}

/** Every row of every table but `except`, save those that have to do with a user: their own, and what hangs on these. */
export function rowsOfOthers(db: Db, userId: string | null, except: readonly string[] = []): string[] {
  const names = db
    .prepare("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
    .pluck()
    .all() as string[]
  const all = names
    .filter((name) => !except.includes(name))
    .flatMap((name) =>
      (db.prepare(`SELECT * FROM "${name}"`).all() as Record<string, unknown>[]).map((row) => ({
        name,
        row,
      })),
    )
  const own = new Set<unknown>(userId === null ? [] : [userId])
  const isOwn = ({ row }: (typeof all)[number]): boolean =>
    Object.entries(row).some(([column, value]) => /^(\w+_)?id$/.test(column) && own.has(value))
  // Workspaces of the user, their shares, the guests of these.
  for (let before = -1; before !== own.size;) {
    before = own.size
    for (const one of all) if (one.row['id'] !== undefined && isOwn(one)) own.add(one.row['id'])
  }
  return all
    .filter((one) => !isOwn(one))
    .map(({ name, row }) => `${name} ${JSON.stringify(row)}`)
    .sort()
}
