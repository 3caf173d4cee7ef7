import { z } from 'zod'
import { ARCHIVE_KEY, workspaceId } from './api.ts'
import { manifest } from './manifest.ts'

export const archiveKey = (id: string, opId: string): string => `${id}/${opId}/home.tar.zst`

/** What a key names; undefined when it is none. */
export function parseArchiveKey(key: string): { id: string; opId: string } | undefined {
  const [, id, opId] = ARCHIVE_KEY.exec(key) ?? []
  return id !== undefined && opId !== undefined ? { id, opId } : undefined
}

/** What a storage job tells of the archive it has packed and read back. */
export const packed = z.object({
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  /** Size of `home.tar.zst`. */
  bytes: z.int().min(0),
  /** Sum of the sizes of the files. */
  content_bytes: z.int().min(0),
  /** What they take on a disk: holes of sparse files take nothing. */
  disk_bytes: z.int().min(0),
  /** Files, directories, links and pipes, the home itself included. */
  entries: z.int().min(1),
  /** Sockets, which have no meaning in an archive and are left out. */
  skipped: z.int().min(0),
  /** When anything below the top of the home was last changed: its newest ctime, in milliseconds since the epoch. */
  newest_change_ms: z.number().min(0),
})
export type Packed = z.infer<typeof packed>

/** `home.tar.zst.meta`, written last: without it there is no archive. */
export const archiveMeta = packed.extend({
  format: z.literal(1),
  workspace_id: workspaceId,
  op_id: z.string(),
  created_at: z.iso.datetime(),
  image_ref: z.string(),
  workspace: manifest,
})
export type ArchiveMeta = z.infer<typeof archiveMeta>
