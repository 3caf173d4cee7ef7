import { z } from 'zod'
import { ARCHIVE_KEY, workspaceId } from './api.ts'
import { describedBy, type WorkspaceRow } from './workspace.ts'

/**
 * What stands beside a home, in `workspace.json`, and inside an archive's meta: enough to take the workspace in again
 * when the database is lost, or on another machine. Fields that a newer Berth adds are ignored.
 */
export const manifest = z.object({
  format: z.literal(1),
  id: workspaceId,
  owner_id: z.string(),
  name: z.string(),
  description: z.string(),
  memo: z.string(),
  image_ref: z.string(),
  cpus: z.number(),
  memory_bytes: z.int(),
  standby_ttl_seconds: z.int(),
  archive_ttl_seconds: z.int(),
  busy_shield: z.boolean(),
  busy_cap_seconds: z.int(),
  env: z.record(z.string(), z.string()).default({}),
  created_at: z.iso.datetime(),
  /** The archive that stands for the home, if it is archived. */
  archive_key: z.string().regex(ARCHIVE_KEY).nullable(),
  deleted_at: z.iso.datetime().nullable(),
})
export type Manifest = z.infer<typeof manifest>

export function manifestOf(row: WorkspaceRow): Manifest {
  return {
    format: 1,
    ...describedBy(row),
    owner_id: row.ownerId,
    created_at: new Date(row.createdAt).toISOString(),
    archive_key: row.archiveKey,
    deleted_at: row.deletedAt === null ? null : new Date(row.deletedAt).toISOString(),
  }
}
