import type { HistoryEntry } from '../core/api.ts'
import type { ErrorCode } from '../core/errors.ts'
import type { Cause, Operation, Outcome } from '../core/state.ts'
import type { Db } from './open.ts'

/** As many entries are kept of each workspace. */
export const KEPT = 200

interface Row {
  op_id: string
  operation: Operation | 'NONE'
  cause: Cause
  started_at: number
  ended_at: number | null
  outcome: Outcome | null
  error_code: ErrorCode | null
  message: string | null
}

/** How an operation ended. */
export interface Ending {
  outcome: Outcome
  at: number
  code?: ErrorCode
  message?: string
}

export type HistoryTable = ReturnType<typeof createHistoryTable>

/** What was done to each workspace, why, and how it ended. The reconciler writes it. */
export function createHistoryTable(db: Db) {
  const insert = db.prepare(
    'INSERT INTO history (workspace_id, op_id, operation, cause, started_at) VALUES (?, ?, ?, ?, ?)',
  )
  const open = db.prepare('SELECT 1 FROM history WHERE workspace_id = ? AND op_id = ? AND outcome IS NULL')
  const finish = db.prepare(
    `UPDATE history SET ended_at = ?, outcome = ?, error_code = ?, message = ?
     WHERE workspace_id = ? AND op_id = ? AND outcome IS NULL`,
  )
  const interrupt = db.prepare(
    "UPDATE history SET ended_at = ?, outcome = 'INTERRUPTED' WHERE workspace_id = ? AND op_id <> ? AND outcome IS NULL",
  )
  const prune = db.prepare(
    `DELETE FROM history WHERE workspace_id = @id AND seq <=
       (SELECT seq FROM history WHERE workspace_id = @id ORDER BY seq DESC LIMIT 1 OFFSET ${KEPT})`,
  )
  // While Docker is away the same attempt is given up again and again: the last one says it all.
  const coalesce = db.prepare(
    `DELETE FROM history WHERE seq = (SELECT seq FROM history WHERE workspace_id = @id ORDER BY seq DESC LIMIT 1 OFFSET 1)
       AND outcome = 'GIVEN_UP' AND error_code IS NOT NULL
       AND (operation, error_code) = (SELECT operation, error_code FROM history WHERE workspace_id = @id ORDER BY seq DESC LIMIT 1)`,
  )
  const newest = db.prepare('SELECT * FROM history WHERE workspace_id = ? ORDER BY seq DESC LIMIT ?')

  function end(id: string, opId: string, { outcome, at, code, message }: Ending): void {
    finish.run(at, outcome, code ?? null, message ?? null, id, opId)
    if (outcome === 'GIVEN_UP') coalesce.run({ id })
  }

  function begin(id: string, opId: string, operation: Operation | 'NONE', cause: Cause, at: number): void {
    interrupt.run(at, id, opId)
    if (open.get(id, opId)) return // it goes on after a crash
    insert.run(id, opId, operation, cause, at)
    prune.run({ id })
  }

  return {
    /** An operation begins, or goes on; what was still open of another one was interrupted. */
    begin,
    end,
    /** Something happened without an operation of ours. */
    note(id: string, opId: string, cause: Cause, ending: Ending): void {
      begin(id, opId, 'NONE', cause, ending.at)
      end(id, opId, ending)
    },
    /** The newest first. */
    list: (id: string, limit = KEPT): HistoryEntry[] =>
      (newest.all(id, limit) as Row[]).map((row) => ({
        op_id: row.op_id,
        operation: row.operation,
        cause: row.cause,
        started_at: new Date(row.started_at).toISOString(),
        ended_at: row.ended_at === null ? null : new Date(row.ended_at).toISOString(),
        outcome: row.outcome,
        error_code: row.error_code,
        message: row.message,
      })),
  }
}
