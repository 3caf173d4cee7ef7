import type { ArchiveMeta } from '../core/archive.ts'

/**
 * Where archives live, by key (`<workspace_id>/<op_id>/home.tar.zst`). An archive is there once its meta is: nothing else
 * counts as one. All throw AppError; ARCHIVE_STORE_UNAVAILABLE means that nothing is known about any archive.
 */
export interface ArchiveStore {
  /** An empty directory of this machine in which a storage job makes `home.tar.zst`; what an earlier attempt left there goes. */
  stage(key: string): Promise<string>
  /** Makes what was staged an archive: durable, and whole or not at all. */
  commit(key: string, meta: ArchiveMeta): Promise<void>
  /** @throws ARCHIVE_CORRUPT when it cannot be read as one. */
  meta(key: string): Promise<ArchiveMeta | undefined>
  /** Hands `use` a directory of this machine that holds the archive as `home.tar.zst`. @throws ARCHIVE_MISSING */
  open(key: string, use: (dir: string) => Promise<void>): Promise<void>
  /** The archives of a workspace, newest first; damaged metas are left out. */
  list(id: string): Promise<{ key: string; meta: ArchiveMeta }[]>
  /** Everything there is, attempts included, for the collector. `changedAt` is in milliseconds since the epoch. */
  contents(): Promise<{ key: string; finished: boolean; changedAt: number }[]>
  /** Removes an archive, or what an attempt at one has left: its meta first, so that half of one never counts. */
  remove(key: string): Promise<void>
}
