import type { Guest, Share } from '../core/api.ts'
import type { Db } from './open.ts'

/** A link to a workspace. Times are milliseconds since the epoch. */
export interface ShareRow {
  id: string
  workspaceId: string
  mode: Share['mode']
  wakes: boolean
  ports: number[]
  createdAt: number
  /** Null: until it is stopped. */
  expiresAt: number | null
}

/** Somebody who came by a link. */
export interface GuestRow {
  id: string
  shareId: string
  name: string
  address: string
  state: Guest['state']
  createdAt: number
  seenAt: number
}

const SHARE = `id, workspace_id AS workspaceId, mode, wakes, ports, created_at AS createdAt, expires_at AS expiresAt`
const GUEST = `id, share_id AS shareId, name, address, state, created_at AS createdAt, seen_at AS seenAt`

function toShare(record: unknown): ShareRow {
  const row = record as Omit<ShareRow, 'wakes' | 'ports'> & { wakes: number; ports: string }
  return { ...row, wakes: row.wakes === 1, ports: JSON.parse(row.ports) as number[] }
}

export type ShareTable = ReturnType<typeof createShareTable>

/** Shares, the guests of each, and what these come in with. Of links and tokens there are hashes and nothing else. */
export function createShareTable(db: Db) {
  const allShares = db.prepare(`SELECT ${SHARE} FROM shares ORDER BY created_at, id`)
  const sharesOf = db.prepare(`SELECT ${SHARE} FROM shares WHERE workspace_id = ? ORDER BY created_at, id`)
  const shareById = db.prepare(`SELECT ${SHARE} FROM shares WHERE id = ?`)
  const linksOf = db.prepare('SELECT id, link_hash AS hash FROM shares WHERE workspace_id = ?')
  const insertShare = db.prepare('INSERT INTO shares VALUES (?, ?, ?, ?, ?, ?, ?, ?)')
  const updateShare = db.prepare('UPDATE shares SET wakes = ?, ports = ? WHERE id = ?')
  const deleteShare = db.prepare('DELETE FROM shares WHERE id = ?')

  const allGuests = db.prepare(`SELECT ${GUEST} FROM guests ORDER BY created_at, id`)
  const guestsOf = db.prepare(`SELECT ${GUEST} FROM guests WHERE share_id = ? ORDER BY created_at, id`)
  const guestById = db.prepare(`SELECT ${GUEST} FROM guests WHERE id = ?`)
  const insertGuest = db.prepare('INSERT INTO guests VALUES (?, ?, ?, ?, ?, ?, ?)')
  const updateState = db.prepare('UPDATE guests SET state = ? WHERE id = ?')
  const updateSeen = db.prepare('UPDATE guests SET seen_at = ? WHERE id = ?')
  const deleteGuest = db.prepare('DELETE FROM guests WHERE id = ?')

  const guestByToken = db.prepare(
    `SELECT ${GUEST} FROM guests WHERE id = (SELECT guest_id FROM guest_tokens WHERE token_hash = ? AND port IS ?)`,
  )
  const insertToken = db.prepare('INSERT INTO guest_tokens VALUES (?, ?, ?)')
  const deleteTokens = db.prepare('DELETE FROM guest_tokens WHERE guest_id = ? AND port IS ?')
  const portsOfShare = db.prepare(
    `SELECT DISTINCT guest_id AS guestId, port FROM guest_tokens
     WHERE port IS NOT NULL AND guest_id IN (SELECT id FROM guests WHERE share_id = ?)`,
  )

  const tcpPort = db
    .prepare('SELECT tcp_port FROM share_listeners WHERE workspace_id = ? AND port = ?')
    .pluck()
  const replaceTcpPort = db.prepare('INSERT OR REPLACE INTO share_listeners VALUES (?, ?, ?)')

  return {
    /** Of one workspace, or all; the oldest first. */
    shares: (workspaceId?: string): ShareRow[] =>
      (workspaceId === undefined ? allShares.all() : sharesOf.all(workspaceId)).map(toShare),

    share(id: string): ShareRow | undefined {
      const row = shareById.get(id)
      return row === undefined ? undefined : toShare(row)
    },

    /** The hashes of a workspace's links. */
    links: (workspaceId: string) => linksOf.all(workspaceId) as { id: string; hash: Buffer }[],

    addShare(share: ShareRow, linkHash: Buffer): void {
      const { id, workspaceId, mode, wakes, ports, createdAt, expiresAt } = share
      insertShare.run(
        id,
        workspaceId,
        linkHash,
        mode,
        wakes ? 1 : 0,
        JSON.stringify(ports),
        createdAt,
        expiresAt,
      )
    },

    /** Changes what its guests may do; a token for a port that is none of theirs any more goes. Returns whose went. */
    changeShare: db.transaction((id: string, wakes: boolean, ports: readonly number[]): string[] => {
      updateShare.run(wakes ? 1 : 0, JSON.stringify(ports), id)
      const lost = (portsOfShare.all(id) as { guestId: string; port: number }[]).filter(
        ({ port }) => !ports.includes(port),
      )
      for (const { guestId, port } of lost) deleteTokens.run(guestId, port)
      return [...new Set(lost.map(({ guestId }) => guestId))]
    }),

    /** Removes it, its guests and their tokens. */
    removeShare(id: string): void {
      deleteShare.run(id)
    },

    /** Of one share, or all; who came first is first. */
    guests: (shareId?: string) =>
      (shareId === undefined ? allGuests.all() : guestsOf.all(shareId)) as GuestRow[],

    guest: (id: string) => guestById.get(id) as GuestRow | undefined,

    /** Adds somebody, and the token with which their browser comes. */
    addGuest: db.transaction((guest: GuestRow, tokenHash: Buffer): void => {
      const { id, shareId, name, address, state, createdAt, seenAt } = guest
      insertGuest.run(id, shareId, name, address, state, createdAt, seenAt)
      insertToken.run(tokenHash, id, null)
    }),

    letIn(id: string): void {
      updateState.run('IN', id)
    },

    seen(id: string, at: number): void {
      updateSeen.run(at, id)
    },

    /** Removes them and their tokens. */
    removeGuest(id: string): void {
      deleteGuest.run(id)
    },

    /** Whose token that is, if it is good there: null is the editor, a number the server on that port. */
    holder: (tokenHash: Buffer, port: number | null) =>
      guestByToken.get(tokenHash, port) as GuestRow | undefined,

    /** Gives a guest the one token for the editor (null), or for a port, in place of an earlier one. */
    setToken: db.transaction((guestId: string, port: number | null, tokenHash: Buffer): void => {
      deleteTokens.run(guestId, port)
      insertToken.run(tokenHash, guestId, port)
    }),

    /** Where a workspace (`port` 0: its editor) was served last on the network. */
    tcpPort: (workspaceId: string, port: number) => tcpPort.get(workspaceId, port) as number | undefined,

    setTcpPort(workspaceId: string, port: number, tcp: number): void {
      replaceTcpPort.run(workspaceId, port, tcp)
    },
  }
}
