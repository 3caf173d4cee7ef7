import { X509Certificate, createPrivateKey } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { AppError, errnoOf } from '../core/errors.ts'
import type { Names, Pair } from './certificates.ts'

const DAY_MS = 86_400_000
const AUTHORITY_MS = 3_650 * DAY_MS
const LEAF_MS = 90 * DAY_MS

// Whoever shares is told, also who has nothing to do with the files of this machine: paths are for the log.
const REMOVE = 'Remove “tls” from the data directory, so that a new one is made.'

/** A certificate of a listener, with its key: both PEM, the key in memory alone. */
export interface Issued extends Pair {
  /** Milliseconds since the epoch. */
  expiresAt: number
}

/** The certificate authority as it stands. */
export interface Opened {
  /** PEM, for who wants to trust it. */
  readonly certificate: string
  /** SHA-256 of it, as browsers and systems show it (`AB:CD:…`). */
  readonly fingerprint: string
  /**
   * A certificate for a server at these addresses and names, for 90 days. A name that the authority may not vouch for is
   * left out. An address stays in any case, as a listener must have a certificate: when the authority was made before
   * this machine had that address, and it is a public one, a browser warns even who trusts the authority.
   */
  issue: (names: Names) => Promise<Issued>
}

export interface AuthorityDeps {
  /** Where `ca.key` and `ca.crt` are, and nothing else; made when it is needed. */
  dir: string
  /** This machine's name, in lower case. */
  hostname: string
  /** The addresses of this machine, asked for when an authority is made. */
  addresses: () => readonly string[]
  /** Milliseconds since the epoch. */
  now: () => number
}

export type Authority = ReturnType<typeof createAuthority>

/** Berth's own certificate authority, made when it is first needed, and good for machines nearby only. */
export function createAuthority({ dir, hostname, addresses, now }: AuthorityDeps) {
  const keyPath = join(dir, 'ca.key')
  const certPath = join(dir, 'ca.crt')
  let opening: Promise<Opened> | undefined
  let current: Opened | undefined

  /**
   * Reads it, or makes it.
   * @throws {AppError} INVALID_INPUT when others may have read the key, or the files are none; the next call tries again.
   */
  function open(): Promise<Opened> {
    const mine = (opening ??= load().then(
      (opened) => {
        if (opening === mine) current = opened
        return opened
      },
      (error: unknown) => {
        if (opening === mine) opening = undefined
        throw error
      },
    ))
    return mine
  }

  async function load(): Promise<Opened> {
    // Only who shares anything pays for what reads and writes certificates.
    const { makeAuthority, makeCertificate } = await import('./certificates.ts')
    let pair = read()
    if (!pair || endOf(pair.cert) < now() + LEAF_MS) {
      pair = await makeAuthority(hostname, addresses(), lifeOf(AUTHORITY_MS))
      write(pair)
    }
    const authority = pair
    return {
      certificate: authority.cert,
      fingerprint: new X509Certificate(authority.cert).fingerprint256,
      async issue(names) {
        const life = lifeOf(LEAF_MS)
        return { ...(await makeCertificate(authority, names, life)), expiresAt: life.until }
      },
    }
  }

  /** In whole seconds, as certificates count. */
  const lifeOf = (ms: number): { now: number; until: number } => {
    const second = Math.floor(now() / 1_000) * 1_000
    return { now: second, until: second + ms }
  }

  /** Undefined when there is none, or half of one. */
  function read(): Pair | undefined {
    if (!existsSync(keyPath) || !existsSync(certPath)) return undefined
    // Windows has no such bits; there the directory's rights protect it.
    if (process.platform !== 'win32' && (statSync(keyPath).mode & 0o077) !== 0)
      throw new AppError('INVALID_INPUT', 'The key of the certificate authority may be read by others', {
        hint: `Whoever read it can pose as your shares. ${REMOVE}`,
        cause: new Error(`${keyPath} may be read by others`),
      })
    const pair = { key: readFileSync(keyPath, 'utf8'), cert: readFileSync(certPath, 'utf8') }
    if (!isAuthority(pair))
      throw new AppError('INVALID_INPUT', 'The certificate authority is damaged', {
        hint: REMOVE,
        cause: new Error(`${keyPath} and ${certPath} are no certificate authority`),
      })
    return pair
  }

  function write({ key, cert }: Pair): void {
    try {
      mkdirSync(dir, { recursive: true, mode: 0o700 })
      rmSync(certPath, { force: true }) // a crash from here on leaves half of one, which is made again: never two that differ
      writeWhole(keyPath, key)
      writeWhole(certPath, cert)
    } catch (error) {
      if (errnoOf(error) === 'ENOSPC') throw error
      throw new AppError('INVALID_INPUT', 'A certificate authority cannot be kept', {
        hint: 'Make “tls” in the data directory one that Berth can write.',
        cause: error,
      })
    }
  }

  return {
    open,
    /** What was opened last; undefined before that. */
    current: () => current,
    /** Forgets the authority and its key, so that the next `open` makes another; whoever trusted the old one trusts nothing any more. */
    renew(): void {
      rmSync(certPath, { force: true })
      rmSync(keyPath, { force: true })
      opening = undefined
      current = undefined
    },
  }
}

const endOf = (cert: string): number => Date.parse(new X509Certificate(cert).validTo)

function isAuthority({ key, cert }: Pair): boolean {
  try {
    const parsed = new X509Certificate(cert)
    return parsed.ca && parsed.checkPrivateKey(createPrivateKey(key))
  } catch {
    return false
  }
}

/** Whole or not at all, for this user alone. */
function writeWhole(path: string, text: string): void {
  const made = `${path}.new`
  rmSync(made, { force: true })
  writeFileSync(made, text, { mode: 0o600, flag: 'wx', flush: true })
  renameSync(made, path)
  if (process.platform === 'win32') return // which cannot open a directory
  const directory = openSync(dirname(path), 'r')
  fsyncSync(directory)
  closeSync(directory)
}
