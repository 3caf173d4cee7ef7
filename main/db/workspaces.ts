import type { ErrorInfo } from '../core/api.ts'
import type { Observed, Wishes, WorkspaceRow } from '../core/workspace.ts'
import type { Db } from './open.ts'

type Column = string | number | null

/** The one place where columns and fields meet. */
const COLUMNS = {
  id: 'id',
  ownerId: 'owner_id',
  name: 'name',
  description: 'description',
  memo: 'memo',
  imageRef: 'image_ref',
  cpus: 'cpus',
  memoryBytes: 'memory_bytes',
  standbyTtlSeconds: 'standby_ttl_seconds',
  archiveTtlSeconds: 'archive_ttl_seconds',
  desiredState: 'desired_state',
  wish: 'wish',
  deletedAt: 'deleted_at',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  status: 'status',
  operation: 'operation',
  opId: 'op_id',
  homeStoreKey: 'home_store_key',
  archiveKey: 'archive_key',
  runningSince: 'running_since',
  errorCount: 'error_count',
  errorWish: 'error_wish',
  errorInfo: 'error_info',
  retryAt: 'retry_at',
  lastAccessAt: 'last_access_at',
} as const satisfies Record<keyof WorkspaceRow, string>

const FIELDS = Object.keys(COLUMNS) as (keyof WorkspaceRow)[]
const SELECT = `SELECT ${FIELDS.map((field) => `${COLUMNS[field]} AS ${field}`).join(', ')} FROM workspaces`

function toRow(record: unknown): WorkspaceRow {
  const row = record as Record<keyof WorkspaceRow, Column>
  const errorInfo = row.errorInfo === null ? null : (JSON.parse(String(row.errorInfo)) as ErrorInfo)
  return { ...row, errorInfo } as WorkspaceRow
}

function toColumn(value: unknown): Column {
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : (value as Column)
}

export type WorkspaceTable = ReturnType<typeof createWorkspaceTable>

/** Workspaces in the database. `writeWishes` is for the service, `writeObserved` and `claim` for the reconciler. */
export function createWorkspaceTable(db: Db) {
  const byId = db.prepare(`${SELECT} WHERE id = ?`)
  const allLiving = db.prepare(`${SELECT} WHERE status <> 'DELETED' ORDER BY id`)
  const page = db.prepare(
    `${SELECT} WHERE owner_id = ? AND status <> 'DELETED' AND id > ? ORDER BY id LIMIT ?`,
  )
  const access = db.prepare('UPDATE workspaces SET last_access_at = max(last_access_at, ?) WHERE id = ?')

  function update(id: string, values: Partial<WorkspaceRow>, where = '', params: Column[] = []): boolean {
    const fields = Object.keys(values) as (keyof WorkspaceRow)[]
    const sets = fields.map((field) => `${COLUMNS[field]} = ?`).join(', ')
    const result = db
      .prepare(`UPDATE workspaces SET ${sets} WHERE id = ? ${where}`)
      .run(...fields.map((field) => toColumn(values[field])), id, ...params)
    return result.changes === 1
  }

  return {
    get(id: string): WorkspaceRow | undefined {
      const record = byId.get(id)
      return record === undefined ? undefined : toRow(record)
    },

    /** Every workspace that is not deleted, of every owner. */
    living(): WorkspaceRow[] {
      return allLiving.all().map(toRow)
    },

    /** One owner's living workspaces with an id after `cursor`, oldest first. */
    page(ownerId: string, cursor: string, limit: number): WorkspaceRow[] {
      return page.all(ownerId, cursor, limit).map(toRow)
    },

    insert(row: WorkspaceRow): void {
      const names = FIELDS.map((field) => COLUMNS[field]).join(', ')
      db.prepare(`INSERT INTO workspaces (${names}) VALUES (${FIELDS.map(() => '?').join(', ')})`).run(
        ...FIELDS.map((field) => toColumn(row[field])),
      )
    },

    /** Writes what a person wants; true when the row was still at `wish`, the wish it was read with. */
    writeWishes(
      id: string,
      wish: number,
      values: Partial<Wishes & { wish: number; deletedAt: number; updatedAt: number }>,
    ): boolean {
      return update(id, values, 'AND wish = ?', [wish])
    },

    writeObserved(id: string, values: Partial<Observed>): void {
      update(id, values)
    },

    /** Takes the workspace for one operation; true when nobody else did since it was read with `seenOpId`. */
    claim(id: string, seenOpId: string | null, values: Pick<Observed, 'operation' | 'opId'>): boolean {
      return update(id, values, 'AND op_id IS ?', [seenOpId])
    },

    touch(id: string, at: number): void {
      access.run(at, id)
    },
  }
}
