import type { Db } from './open.ts'

export type GarbageTable = ReturnType<typeof createGarbageTable>

/** Archives that nothing refers to, and since when. */
export function createGarbageTable(db: Db) {
  const select = db.prepare('SELECT archive_key AS key, since FROM garbage')
  const replace = db.prepare('INSERT OR REPLACE INTO garbage VALUES (?, ?)')
  const erase = db.prepare('DELETE FROM garbage WHERE archive_key = ?')

  return {
    all: (): Map<string, number> =>
      new Map((select.all() as { key: string; since: number }[]).map(({ key, since }) => [key, since])),

    /** Garbage since `now`, whatever was known before. */
    add: db.transaction((keys: readonly string[], now: number): void => {
      for (const key of keys) replace.run(key, now)
    }),

    remove: db.transaction((keys: readonly string[]): void => {
      for (const key of keys) erase.run(key)
    }),
  }
}
