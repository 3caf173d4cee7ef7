import type { ArchiveMeta } from '../core/archive.ts'
import { manifestOf } from '../core/manifest.ts'
import { rowOf } from './rows.ts'

/** What stands beside an archive of a workspace, with `changes`. */
export const metaOf = (id: string, changes: Partial<ArchiveMeta> = {}): ArchiveMeta => ({
  format: 1,
  workspace_id: id,
  op_id: 'op',
  created_at: '2026-01-01T00:00:00.000Z',
  image_ref: 'image:1',
  sha256: '0'.repeat(64),
  bytes: 1,
  content_bytes: 1,
  disk_bytes: 1,
  entries: 1,
  skipped: 0,
  newest_change_ms: 1,
  workspace: manifestOf(rowOf(id)),
  ...changes,
})
