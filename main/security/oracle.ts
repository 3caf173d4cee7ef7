import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ERRORS } from '../core/errors.ts'
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

/** What is wrong with an answer, whatever was asked: nothing, one hopes. `secrets` are in none. */
export function faultsOf(
  { said, status, headers, body, hung }: Outcome,
  secrets: readonly string[],
): string[] {
  const faults: string[] = []
  if (hung) faults.push('the connection was neither answered nor closed in time')
  if (said !== '' && !said.startsWith('HTTP/1.1 ')) faults.push('what was said is not HTTP')
  if (status >= 500 && !isForeseen(status, headers, body))
    faults.push(`status ${status}, which nobody foresaw`)
  const shown = said.replaceAll(TOLD_PATHS, '')
  for (const [what, sign] of INSIDES)
    if (typeof sign === 'string' ? shown.includes(sign) : sign.test(shown)) faults.push(`it tells ${what}`)
  for (const secret of secrets) if (said.includes(secret)) faults.push('it tells a secret')
  return faults
}

/** A failure outside of Berth that it tells as such: a problem document, a page that waits, or a refused upgrade. */
function isForeseen(status: number, headers: Record<string, string>, body: string): boolean {
  if (![501, 502, 503, 507].includes(status)) return false
  const type = headers['content-type'] ?? ''
  if (type.startsWith('application/problem+json')) {
    if (body === '') return true // to HEAD
    const code = /"code":"(\w+)"/.exec(body)?.[1] ?? ''
    return code in ERRORS && ERRORS[code as keyof typeof ERRORS][0] === status
  }
  return (
    (headers['content-length'] === '0' && headers['connection'] === 'close') || type.startsWith('text/html')
  )
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
