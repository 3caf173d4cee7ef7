import type { ErrorInfo } from './api.ts'
import type { Cause, Level, Operation, Status } from './state.ts'

/** What a person says about a workspace; the service writes it. */
export interface Wishes {
  name: string
  description: string
  memo: string
  imageRef: string
  cpus: number
  memoryBytes: number
  standbyTtlSeconds: number
  archiveTtlSeconds: number
  desiredState: Level
  /** Who or what wished that. */
  cause: Cause
  /** Whether work inside holds off an idle stop, and for how long at most. */
  busyShield: boolean
  busyCapSeconds: number
  /** No idle stop before this time. */
  keepAwakeUntil: number | null
  /** The archive to go back to, by way of an archive of the present home. The reconciler clears it once that is done. */
  restoreKey: string | null
  /** A deleted one need not wait in the trash. */
  purge: boolean
  /** Programs inside may become root of the container. */
  sudo: boolean
  /** Environment variables of what runs inside, values by name. */
  env: Readonly<Record<string, string>>
}

/** What was last seen of it; the reconciler writes it. */
export interface Observed {
  status: Status
  statusSince: number
  statusCause: Cause
  operation: Operation | 'NONE'
  /** Names the attempt and its files. */
  opId: string | null
  /** Set once the home was made, until nothing of it is left. */
  homeStoreKey: string | null
  /** Set while this archive stands for the home. */
  archiveKey: string | null
  runningSince: number | null
  errorCount: number
  /** The wish that the error belongs to: a newer wish is not held up by it. */
  errorWish: number | null
  errorInfo: ErrorInfo | null
  retryAt: number | null
}

/** A row of the database. Times are milliseconds since the epoch. */
export interface WorkspaceRow extends Wishes, Observed {
  id: string
  ownerId: string
  wish: number
  deletedAt: number | null
  createdAt: number
  updatedAt: number
  lastAccessAt: number
}

/** Failures in a row under the present wish: a new wish begins anew. */
export const failuresOf = ({ errorWish, wish, errorCount }: WorkspaceRow): number =>
  errorWish === wish ? errorCount : 0

/** When what is left of a deleted workspace goes for good, in milliseconds since the epoch; `trashMs` is how long it waits. */
export function purgeAt(
  { deletedAt, purge, homeStoreKey, archiveKey }: WorkspaceRow,
  trashMs: number,
): number {
  const nothingToTakeBack = homeStoreKey === null && archiveKey === null
  return deletedAt === null || purge || nothingToTakeBack ? 0 : deletedAt + trashMs
}

/** A workspace of which nothing is known yet and nothing was said. */
export const BLANK = {
  description: '',
  memo: '',
  busyShield: true,
  busyCapSeconds: 12 * 3_600,
  sudo: false,
  env: {},
  keepAwakeUntil: null,
  desiredState: 'RUNNING',
  cause: 'CREATED',
  restoreKey: null,
  purge: false,
  wish: 1,
  deletedAt: null,
  status: 'PENDING',
  statusCause: 'CREATED',
  operation: 'NONE',
  opId: null,
  homeStoreKey: null,
  archiveKey: null,
  runningSince: null,
  errorCount: 0,
  errorWish: null,
  errorInfo: null,
  retryAt: null,
} as const satisfies Partial<WorkspaceRow>

/** What a person says of a workspace, as the wire and the manifest name it. */
export const describedBy = (row: WorkspaceRow) => ({
  id: row.id,
  name: row.name,
  description: row.description,
  memo: row.memo,
  image_ref: row.imageRef,
  cpus: row.cpus,
  memory_bytes: row.memoryBytes,
  standby_ttl_seconds: row.standbyTtlSeconds,
  archive_ttl_seconds: row.archiveTtlSeconds,
  busy_shield: row.busyShield,
  busy_cap_seconds: row.busyCapSeconds,
  env: row.env,
})
