import type { Check, Engine, System, Trouble } from '../core/api.ts'

/** Of a file system, in bytes. */
export interface Disk {
  free: number
  total: number
}

/** Why something does not work, and what to do. */
export type Ailment = Pick<Trouble, 'message' | 'hint'>

const GIB = 2 ** 30
const HOUR = 3_600_000
/** With less than this free the next thing that is written may fail. */
const DISK_LEAST = GIB
const DISK_LOW = { bytes: 5 * GIB, part: 0.1 }
/** One is made every hour. */
const BACKUP_OLD_MS = 2 * HOUR
/** Certificates, sessions and builds begin to suffer from more. */
const CLOCK_OFF_MS = 5_000

const AGAIN = 'Start Docker, then check again.'
const bytes = (count: number): string => `${(count / 1e9).toFixed(1)} GB`

/** A check's outcome; without a level it is fine. */
function outcome(
  id: Check['id'],
  message: string,
  level: Check['level'] = 'OK',
  fix: string | null = null,
): Check {
  return { id, level, message, fix }
}

export function judgeEngine({ reachable, version, message, hint }: Engine): Check {
  if (reachable) return outcome('ENGINE', `Docker ${version ?? ''} answers.`.replace('  ', ' '))
  return outcome('ENGINE', message ?? 'Docker is not reachable', 'PROBLEM', hint ?? AGAIN)
}

/** `risks` is undefined while the engine cannot be asked. */
export function judgeIsolation(risks: System['risks'] | undefined): Check {
  if (!risks) return outcome('ISOLATION', 'Not known while Docker does not answer.', 'WARNING', AGAIN)
  if (risks.length === 0) return outcome('ISOLATION', 'Nothing is known that weakens it.')
  const message = risks.map((risk) => risk.message).join('\n')
  return outcome('ISOLATION', message, 'WARNING', risks.map(({ hint }) => hint).join('\n'))
}

/** `isThere` is undefined while the engine cannot be asked. */
export function judgeImage(ref: string, isThere: boolean | undefined): Check {
  if (isThere === undefined)
    return outcome(
      'IMAGE',
      `Whether ${ref} is there is not known while Docker does not answer.`,
      'WARNING',
      AGAIN,
    )
  if (isThere) return outcome('IMAGE', `${ref} is there.`)
  const fix = `Nothing, if this machine is online. To have it now, run "docker pull ${ref}".`
  return outcome('IMAGE', `${ref} is fetched at the first start.`, 'WARNING', fix)
}

/** The worst of them counts; `disk` is undefined where the file system does not answer. */
export function judgeDisk(places: readonly { name: string; disk: Disk | undefined }[]): Check {
  const message = places.map(({ name, disk }) => `${name}: ${roomOn(disk)}`).join('\n')
  const levels = places.map(({ disk }) => levelOf(disk))
  if (levels.includes('PROBLEM'))
    return outcome('DISK', message, 'PROBLEM', 'Free some space now: what is written may be refused.')
  if (levels.includes('WARNING'))
    return outcome(
      'DISK',
      message,
      'WARNING',
      'Free some space: empty the trash, or remove images that nobody uses.',
    )
  return outcome('DISK', message)
}

const roomOn = (disk: Disk | undefined): string =>
  disk ? `${bytes(disk.free)} of ${bytes(disk.total)} free` : 'it does not answer'

function levelOf(disk: Disk | undefined): Check['level'] {
  if (!disk) return 'WARNING'
  if (disk.free < DISK_LEAST) return 'PROBLEM'
  return disk.free < DISK_LOW.bytes || disk.free < disk.total * DISK_LOW.part ? 'WARNING' : 'OK'
}

/** `ailment`: null when it is there and can be written, undefined when it does not answer. */
export function judgeStore(id: 'HOME_STORE' | 'ARCHIVE_STORE', ailment: Ailment | null | undefined): Check {
  if (ailment === null) return outcome(id, 'It is there and can be written.')
  if (ailment) return outcome(id, ailment.message, 'PROBLEM', ailment.hint)
  return outcome(id, 'It does not answer.', 'PROBLEM', 'See whether its disk or network drive is connected.')
}

export interface DatabaseFacts {
  /** What SQLite says of it, `ok` for a sound one; undefined when it did not say. */
  integrity: string | undefined
  /** Milliseconds since the newest backup, negative when the clock was set back; null when there is none. */
  backupAge: number | null | undefined
  /** It was lost at this start. */
  recovered: boolean
}

export function judgeDatabase({ integrity, backupAge, recovered }: DatabaseFacts): Check {
  if (integrity !== 'ok') {
    const said = integrity === undefined ? 'It could not be checked.' : `It is damaged: ${integrity}`
    const fix =
      'Quit Berth and start it again: it puts a damaged database aside and takes the newest sound backup.'
    return outcome('DATABASE', said, 'PROBLEM', fix)
  }
  if (recovered) {
    const fix = 'Look through the list of workspaces, and take in those that are offered as found.'
    return outcome('DATABASE', 'It is sound, but was lost and replaced at this start.', 'WARNING', fix)
  }
  const fix = 'Berth makes one every hour: check again later, and if it stays, free some space.'
  if (backupAge === null || backupAge === undefined)
    return outcome('DATABASE', 'It is sound, but there is no backup.', 'WARNING', fix)
  if (Math.abs(backupAge) > BACKUP_OLD_MS) {
    const age =
      backupAge < 0 ? 'later than now: the clock was set back' : `${Math.floor(backupAge / HOUR)} hours old`
    return outcome('DATABASE', `It is sound, but its newest backup is ${age}.`, 'WARNING', fix)
  }
  return outcome('DATABASE', 'It is sound, and its backup is fresh.')
}

export interface NetworkFacts {
  /** The listener's. */
  port: number
  /** Of each shared workspace why it cannot be served, or null. */
  shares: readonly (string | null)[] | undefined
  /** Where shares are, or would be, served; null: nowhere, undefined: it is not known. */
  address: string | null | undefined
}

export function judgeNetwork({ port, shares, address }: NetworkFacts): Check {
  const own = `Berth answers this machine alone, on 127.0.0.1:${port}.`
  if (!shares) return outcome('NETWORK', `${own} What is shared is not known.`, 'WARNING', 'Check again.')
  const place = address ?? 'no address: there is no local network'
  if (shares.length === 0) return outcome('NETWORK', `Not shared. ${own} Shares would be served on ${place}.`)
  const problems = new Set(shares.filter((problem) => problem !== null))
  const many = shares.length === 1 ? '1 workspace is shared' : `${shares.length} workspaces are shared`
  const message = [`${many} on ${place}. ${own}`, ...problems].join('\n')
  if (typeof address === 'string' && problems.size === 0) return outcome('NETWORK', message)
  const fix = 'Connect this machine to a network, or name its address with --share-address.'
  return outcome('NETWORK', message, 'WARNING', fix)
}

/** `offset`: milliseconds by which the engine's clock is before ours; undefined when it does not tell. */
export function judgeClock(offset: number | undefined): Check {
  if (offset === undefined)
    return outcome('CLOCK', "Docker does not tell its time, so ours is compared with nobody's.")
  if (Math.abs(offset) <= CLOCK_OFF_MS) return outcome('CLOCK', "It agrees with Docker's.")
  const seconds = Math.round(Math.abs(offset) / 1_000)
  const message = `Docker's clock is ${seconds} s ${offset > 0 ? 'ahead of' : 'behind'} this machine's.`
  return outcome(
    'CLOCK',
    message,
    'WARNING',
    'Have both set by the network; restarting Docker Desktop sets its own.',
  )
}
