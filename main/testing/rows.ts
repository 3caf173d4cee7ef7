import { BLANK, type WorkspaceRow } from '../core/workspace.ts'
import type { User } from '../db/accounts.ts'

export const ALICE: User = { id: '01jqalce000000000000000001', name: 'alice' }
export const BOB: User = { id: '01jqbbbb000000000000000002', name: 'bob' }

/** A valid workspace id, another for each number. */
export const idOf = (n: number): string => `01k${String(n).padStart(23, '0')}`

/** How long the trash keeps things in tests, in milliseconds. */
export const TRASH_MS = 7 * 86_400_000

/** A workspace as it is right after its creation, owned by Alice, with `changes`. */
export function rowOf(id: string, changes: Partial<WorkspaceRow> = {}): WorkspaceRow {
  return {
    ...BLANK,
    id,
    ownerId: ALICE.id,
    name: 'Notes',
    imageRef: 'image:1',
    cpus: 2,
    memoryBytes: 2 ** 30,
    standbyTtlSeconds: 300,
    archiveTtlSeconds: 86_400,
    createdAt: 1_000,
    updatedAt: 1_000,
    statusSince: 1_000,
    lastAccessAt: 1_000,
    ...changes,
  }
}
