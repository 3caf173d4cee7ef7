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
  cause: 'cause',
  busyShield: 'busy_shield',
  busyCapSeconds: 'busy_cap_seconds',
  keepAwakeUntil: 'keep_awake_until',
  restoreKey: 'restore_key',
  purge: 'purge',
  sudo: 'sudo',
  env: 'env',
  wish: 'wish',
  deletedAt: 'deleted_at',
  createdAt: 'created_at',
  updatedAt: 'updated_at',
  status: 'status',
  statusSince: 'status_since',
  statusCause: 'status_cause',
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
  const flags = { busyShield: row.busyShield === 1, purge: row.purge === 1, sudo: row.sudo === 1 }
  const env = JSON.parse(String(row.env)) as WorkspaceRow['env']
  return { ...row, errorInfo, env, ...flags } as WorkspaceRow
}

function toColumn(value: unknown): Column {
  if (typeof value === 'boolean') return Number(value)
  return value !== null && typeof value === 'object' ? JSON.stringify(value) : (value as Column)
}

export type WorkspaceTable = ReturnType<typeof createWorkspaceTable>

/** Workspaces in the database. `writeWishes` is for the service, `writeObserved` and `claim` for the reconciler. */
export function createWorkspaceTable(db: Db) {
  const byId = db.prepare(`${SELECT} WHERE id = ?`)
  const over =
    "status = 'DELETED' AND deleted_at IS NOT NULL AND operation = 'NONE' AND home_store_key IS NULL AND archive_key IS NULL"
  const shown = "(status <> 'DELETED' OR deleted_at IS NULL)"
  const allLiving = db.prepare(`${SELECT} WHERE NOT (${over}) ORDER BY id`)
  const page = db.prepare(`${SELECT} WHERE owner_id = ? AND ${shown} AND id > ? ORDER BY id LIMIT ?`)
  const trash = db.prepare(
    `${SELECT} WHERE owner_id = ? AND status = 'DELETED' AND deleted_at IS NOT NULL AND purge = 0
       AND (home_store_key IS NOT NULL OR archive_key IS NOT NULL) ORDER BY deleted_at DESC, id`,
  )
  const stale = db.prepare(
    `UPDATE workspaces SET restore_key = NULL,
       deleted_at = CASE WHEN deleted_at IS NULL OR purge = 1 THEN deleted_at ELSE ? END,
       operation = CASE operation WHEN 'ARCHIVING' THEN 'NONE' ELSE operation END`,
  )
  const goneBack = db.prepare('UPDATE workspaces SET restore_key = NULL WHERE id = ? AND restore_key = ?')
  const access = db.prepare('UPDATE workspaces SET last_access_at = ? WHERE id = ?')

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

    /** Every workspace of which there is anything left, of every owner. */
    living(): WorkspaceRow[] {
      return allLiving.all().map(toRow)
    },

    /** One owner's living workspaces with an id after `cursor`, oldest first. */
    page(ownerId: string, cursor: string, limit: number): WorkspaceRow[] {
      return page.all(ownerId, cursor, limit).map(toRow)
    },

    /** One owner's deleted workspaces that can be taken back, the latest first. */
    trashed(ownerId: string): WorkspaceRow[] {
      return trash.all(ownerId).map(toRow)
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
      values: Partial<Wishes & { wish: number; deletedAt: number | null; updatedAt: number }>,
    ): boolean {
      return update(id, values, 'AND wish = ?', [wish])
    },

    writeObserved(id: string, values: Partial<Observed>): void {
      update(id, values)
    },

    /** Takes the workspace for one operation; true when it was not taken, and nothing else was wished, since it was read as `seen`. */
    claim(
      seen: Pick<WorkspaceRow, 'id' | 'opId' | 'wish'>,
      values: Pick<Observed, 'operation' | 'opId'> & Partial<Pick<Observed, 'homeStoreKey' | 'archiveKey'>>,
    ): boolean {
      return update(seen.id, values, 'AND op_id IS ? AND wish = ?', [seen.opId, seen.wish])
    },

    /**
     * After the database came from a backup: wishes that were fulfilled since are not fulfilled again, nothing goes at once,
     * and an archive that was being made then is one like others.
     */
    forgetOldWishes(now: number): void {
      stale.run(now)
    },

    /** The wish to go back to this archive is fulfilled, unless there is another one by now. */
    wentBack(id: string, key: string): void {
      goneBack.run(id, key)
    },

    touch(id: string, at: number): void {
      access.run(at, id)
    },
  }
}
