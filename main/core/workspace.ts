import type { ErrorInfo } from './api.ts'
import type { Level, Operation, Status } from './state.ts'

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
}

/** What was last seen of it; the reconciler writes it. */
export interface Observed {
  status: Status
  operation: Operation | 'NONE'
  /** Names the attempt and its files. */
  opId: string | null
  /** Set once the home was made. */
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
