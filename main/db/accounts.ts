import type { Db } from './open.ts'

export interface User {
  id: string
  name: string
}

export interface Session {
  userId: string
  /** Set: good for this workspace's pages only. Null: good for the API. */
  workspaceId: string | null
  expiresAt: number
}

export type AccountTable = ReturnType<typeof createAccountTable>

/** Users, their sessions (by the hash of their token), and the facts about this installation. */
export function createAccountTable(db: Db) {
  const userById = db.prepare('SELECT id, name FROM users WHERE id = ?')
  const userByName = db.prepare('SELECT id, name FROM users WHERE name = ?')
  const insertUser = db.prepare('INSERT INTO users (id, name, created_at) VALUES (?, ?, ?)')
  const sessionByHash = db.prepare(
    `SELECT user_id AS userId, workspace_id AS workspaceId, expires_at AS expiresAt
     FROM sessions WHERE token_hash = ? AND expires_at > ?`,
  )
  const insertSession = db.prepare('INSERT INTO sessions VALUES (?, ?, ?, ?, ?)')
  const deleteSession = db.prepare('DELETE FROM sessions WHERE token_hash = ?')
  const deleteExpired = db.prepare('DELETE FROM sessions WHERE expires_at <= ?')
  const insertMeta = db.prepare('INSERT INTO meta VALUES (?, ?) ON CONFLICT DO NOTHING')
  const replaceMeta = db.prepare('INSERT OR REPLACE INTO meta VALUES (?, ?)')
  const metaByKey = db.prepare('SELECT value FROM meta WHERE key = ?')

  return {
    user: (id: string) => userById.get(id) as User | undefined,

    /** The user of that name, made now if there is none. */
    ensureUser(user: User, now: number): User {
      const found = userByName.get(user.name) as User | undefined
      if (!found) insertUser.run(user.id, user.name, now)
      return found ?? user
    },

    /** The desktop's own user: who it was the first time, whatever the system calls them since. */
    ensureOwner(user: User, now: number): User {
      const known = metaByKey.get('owner') as { value: string } | undefined
      if (known) return userById.get(known.value) as User
      const owner = this.ensureUser(user, now)
      insertMeta.run('owner', owner.id)
      return owner
    },

    session: (hash: Buffer, now: number) => sessionByHash.get(hash, now) as Session | undefined,

    addSession(hash: Buffer, session: Session, now: number): void {
      deleteExpired.run(now)
      insertSession.run(hash, session.userId, session.workspaceId, now, session.expiresAt)
    },

    removeSession(hash: Buffer): void {
      deleteSession.run(hash)
    },

    /** The stored value of `key`; `initial` becomes it the first time. */
    fact(key: string, initial: string): string {
      insertMeta.run(key, initial)
      return (metaByKey.get(key) as { value: string }).value
    },

    setFact(key: string, value: string): void {
      replaceMeta.run(key, value)
    },
  }
}
