import type { Failpoint } from '../../core/failpoint.ts'

/** Where a workspace comes to rest. */
export type State = 'RUNNING' | 'STANDBY' | 'ARCHIVED' | 'TRASHED' | 'GONE'

const LIVING = ['RUNNING', 'STANDBY', 'ARCHIVED'] as const

/** What is asked for, and from where. */
const FROM = {
  create: ['GONE'],
  start: ['STANDBY', 'ARCHIVED'],
  /** Somebody opens it. */
  visit: ['STANDBY'],
  stop: ['RUNNING', 'ARCHIVED'],
  archive: ['RUNNING', 'STANDBY'],
  restore: ['ARCHIVED'],
  /** To an older archive. */
  'go back': LIVING,
  delete: LIVING,
  'take back': ['TRASHED'],
  'delete now': ['TRASHED'],
  /** Nobody uses it for its time to live. */
  idle: ['RUNNING'],
  'idle for long': ['RUNNING', 'STANDBY'],
} as const satisfies Record<string, readonly State[]>
export type Journey = keyof typeof FROM
export const JOURNEYS = Object.keys(FROM) as Journey[]

export const canBegin = (journey: Journey, state: State): boolean =>
  (FROM[journey] as readonly State[]).includes(state)

/** What may be asked for while a journey is still under way. */
export const SECOND_THOUGHTS: Record<Journey, readonly Journey[]> = {
  create: ['stop', 'archive', 'delete'],
  start: ['stop', 'archive', 'delete'],
  visit: ['stop', 'delete'],
  stop: ['start', 'archive', 'delete'],
  archive: ['start', 'stop', 'delete'],
  restore: ['stop', 'archive', 'delete'],
  'go back': ['stop', 'delete'],
  delete: [],
  'take back': ['start', 'archive', 'delete'],
  'delete now': [],
  idle: [],
  'idle for long': [],
}

const MAKE: Failpoint[] = ['provisioning.staged', 'provisioning.made']
const SEED: Failpoint[] = ['starting.seed-created', 'starting.seed-staged', 'starting.seeded']
const START: Failpoint[] = [
  'starting.network-ready',
  'starting.removed-remains',
  'starting.prepared',
  'starting.created',
  'starting.named-user',
  'starting.started',
  'starting.answered',
]
const STOP: Failpoint[] = ['stopping.stopped', 'stopping.removed']
const ARCHIVE: Failpoint[] = [
  'archiving.staged',
  'archiving.packed',
  'archiving.before-meta',
  'archiving.after-meta',
  'archiving.committed',
  'archiving.described',
  'archiving.renamed-home',
  'archiving.removed-home',
]
const RESTORE: Failpoint[] = ['restoring.staged', 'restoring.unpacked', 'restoring.renamed']
const PURGE: Failpoint[] = ['deleting.forgotten', 'deleting.purging', 'deleting.purged']

/** The failpoints on the way, in order. */
export function pathOf(journey: Journey, from: State): Failpoint[] {
  const down: Failpoint[] = from === 'RUNNING' ? STOP : []
  const up: Failpoint[] = from === 'ARCHIVED' ? RESTORE : []
  const path = (): Failpoint[] => {
    switch (journey) {
      case 'create':
        return [...MAKE, 'starting.image-ready', ...SEED, ...START]
      case 'start':
      case 'visit':
      case 'restore':
        return [...up, 'starting.image-ready', ...START]
      case 'stop':
      case 'idle':
        return [...down, ...up]
      case 'archive':
      case 'idle for long':
        return [...down, ...ARCHIVE]
      case 'go back':
        return [
          ...down,
          ...(from === 'ARCHIVED' ? [] : ARCHIVE),
          ...RESTORE,
          'starting.image-ready',
          ...START,
        ]
      case 'delete':
        return [
          ...STOP,
          'deleting.removed-container',
          ...(from === 'ARCHIVED' ? [] : (['deleting.trashed-home'] as const)),
        ]
      case 'take back':
        return ['restoring.untrashed']
      case 'delete now':
        return [...STOP, 'deleting.removed-container', ...PURGE]
    }
  }
  return ['reconciler.claimed', ...path(), 'reconciler.executed', 'reconciler.finished']
}
