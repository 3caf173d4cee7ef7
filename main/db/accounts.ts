import type { Db } from './open.ts'

export interface User {
  id: string
  name: string
}

export interface Account extends User {
  /** Null: nobody signs in with a password. */
  passwordHash: string | null
  createdAt: number
}

/** Times are milliseconds since the epoch. */
export interface Session {
  id: string
  userId: string
  /** The session that it was entered from, and that ends it too. */
  parentId: string | null
  /** Set: good for this workspace's pages only. Null: good for the API. */
  workspaceId: string | null
  /** Set: good for the server on this port of the workspace only. */
  port: number | null
  createdAt: number
  renewedAt: number
  seenAt: number
  expiresAt: number
}

export type AccountTable = ReturnType<typeof createAccountTable>

const SESSION = `id, user_id AS userId, parent_id AS parentId, workspace_id AS workspaceId, port,
  created_at AS createdAt, renewed_at AS renewedAt, seen_at AS seenAt, expires_at AS expiresAt`
const ACCOUNT = 'SELECT id, name, password_hash AS passwordHash, created_at AS createdAt FROM users'

/** Users, their sessions (by the hash of their token), and the facts about this installation. */
export function createAccountTable(db: Db) {
  const userById = db.prepare('SELECT id, name FROM users WHERE id = ?')
  const userByName = db.prepare('SELECT id, name FROM users WHERE name = ?')
  const insertUser = db.prepare('INSERT INTO users (id, name, created_at) VALUES (?, ?, ?)')
  const allAccounts = db.prepare(`${ACCOUNT} ORDER BY created_at, id`)
  const setName = db.prepare('UPDATE users SET name = ? WHERE id = ?')
  const setPassword = db.prepare('UPDATE users SET password_hash = ? WHERE id = ?')
  const bequeath = db.prepare('UPDATE workspaces SET owner_id = ? WHERE owner_id = ?')
  const deleteUser = db.prepare('DELETE FROM users WHERE id = ?')

  const sessionByHash = db.prepare(
    `SELECT ${SESSION}, token_hash = :hash AS isNewest FROM sessions
     WHERE (token_hash = :hash OR (old_hash = :hash AND old_until > :now))
       AND expires_at > :now AND seen_at > :idleSince`,
  )
  const sessionById = db.prepare(`SELECT ${SESSION} FROM sessions WHERE id = ?`)
  const unseen = db.prepare('SELECT id FROM sessions WHERE seen_at <= ?').pluck()
  const insertSession = db.prepare(
    `INSERT INTO sessions (id, token_hash, user_id, parent_id, workspace_id, port, created_at, renewed_at, seen_at, expires_at)
     VALUES (:id, :hash, :userId, :parentId, :workspaceId, :port, :createdAt, :renewedAt, :seenAt, :expiresAt)`,
  )
  const renewSession = db.prepare(
    `UPDATE sessions SET old_hash = token_hash, old_until = :oldUntil, token_hash = :hash, renewed_at = :now, seen_at = :now
     WHERE id = :id`,
  )
  const seen = db.prepare(
    `WITH RECURSIVE line (id) AS (
       SELECT :id UNION SELECT parent_id FROM sessions JOIN line USING (id) WHERE parent_id IS NOT NULL
     ) UPDATE sessions SET seen_at = :now WHERE id IN line`,
  )
  /** All that were entered from those of `roots`, and these. */
  const withChildren = (roots: string): string =>
    `WITH RECURSIVE family (id) AS (${roots} UNION SELECT sessions.id FROM sessions JOIN family ON parent_id = family.id)
     SELECT id FROM family`
  /** Removes those `where` this is so, and with each its children; tells all of their ids. */
  function remover(where: string): (...params: (string | number)[]) => string[] {
    const ids = db.prepare(withChildren(`SELECT id FROM sessions WHERE ${where}`)).pluck()
    const remove = db.prepare(`DELETE FROM sessions WHERE ${where}`)
    return (...params) => {
      const gone = ids.all(...params) as string[]
      remove.run(...params)
      return gone
    }
  }

  const removeAllSessions = remover('TRUE')
  /** The windows that the installation's token opened, which is no session. */
  const OF_TOKEN = 'SELECT id FROM sessions WHERE parent_id IS NULL AND workspace_id IS NOT NULL'

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

    /** The oldest first. */
    accounts: () => allAccounts.all() as Account[],

    addAccount: db.transaction(({ id, name, passwordHash, createdAt }: Account): void => {
      insertUser.run(id, name, createdAt)
      setPassword.run(passwordHash, id)
    }),

    /** What is left out stays as it is. */
    changeAccount: db.transaction(
      (id: string, { name, passwordHash }: { name?: string; passwordHash?: string }): void => {
        if (name !== undefined) setName.run(name, id)
        if (passwordHash !== undefined) setPassword.run(passwordHash, id)
      },
    ),

    /**
     * With it go its sessions. Its workspaces become the heir's: those that are over still tell the collector
     * that their archives are not wanted.
     */
    removeAccount: db.transaction((id: string, heirId: string): void => {
      bequeath.run(heirId, id)
      deleteUser.run(id)
    }),

    /** The session with this token, unless it has expired or was last seen at `idleSince` or before; and whether it has no newer one. */
    session(hash: Buffer, now: number, idleSince: number): (Session & { isNewest: boolean }) | undefined {
      const found = sessionByHash.get({ hash, now, idleSince }) as
        (Session & { isNewest: number }) | undefined
      return found && { ...found, isNewest: found.isNewest === 1 }
    },

    sessionById: (id: string) => sessionById.get(id) as Session | undefined,

    addSession(hash: Buffer, session: Session): void {
      insertSession.run({ ...session, hash })
    },

    /** Gives it another token; the one until now is good until `oldUntil`. */
    renewSession(id: string, hash: Buffer, now: number, oldUntil: number): void {
      renewSession.run({ id, hash, now, oldUntil })
    },

    /** It was used, and so was all that it was entered from. */
    seeSession(id: string, now: number): void {
      seen.run({ id, now })
    },

    /** Those that were not seen after `since`. */
    unseenSessions: (since: number) => unseen.all(since) as string[],

    removeSession: remover('id = ?'),
    removeSessionsOf: remover('user_id = ?'),
    /** Of one user all but one and those that the installation's token opened, and but what was entered from these. */
    removeOtherSessionsOf: remover(
      `user_id = ? AND id NOT IN (${withChildren(`SELECT ? UNION ${OF_TOKEN}`)})`,
    ),
    /** Of a user's sessions of workspaces all but the latest so many. */
    removeOldestSessions: remover(
      `id IN (SELECT id FROM sessions WHERE user_id = ? AND workspace_id IS NOT NULL
       ORDER BY rowid DESC LIMIT -1 OFFSET ?)`,
    ),
    /** Those that have expired by the first time, or were not seen after the second. */
    removeStaleSessions: remover('expires_at <= ? OR seen_at <= ?'),

    /**
     * All sessions are over, and the password of this one's user, and this one begins; returns which are over.
     * Nothing of that when `last`, which is done at the end, throws.
     */
    beginAnew: db.transaction((hash: Buffer, session: Session, last: () => void): string[] => {
      const over = removeAllSessions()
      setPassword.run(null, session.userId)
      insertSession.run({ ...session, hash })
      last()
      return over
    }),

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
