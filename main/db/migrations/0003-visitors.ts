/** Frozen: a migration is SQL text and nothing else. Times are milliseconds since the epoch. */
export default `
ALTER TABLE workspaces ADD COLUMN sudo INTEGER NOT NULL DEFAULT 0;

ALTER TABLE users ADD COLUMN password_hash TEXT;  -- null: nobody signs in with one

-- sessions of before are over
DROP TABLE sessions;
CREATE TABLE sessions (
  id TEXT PRIMARY KEY,
  token_hash BLOB NOT NULL UNIQUE,
  old_hash BLOB UNIQUE,           -- the token before the last renewal, for requests under way
  old_until INTEGER,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  parent_id TEXT REFERENCES sessions (id) ON DELETE CASCADE,  -- what it was entered from ends it too
  workspace_id TEXT,              -- set: good for this workspace's pages and nothing else
  port INTEGER,                   -- set: good for the server on this port of the workspace and nothing else
  created_at INTEGER NOT NULL,
  renewed_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_parent ON sessions (parent_id);

CREATE TABLE shares (
  id TEXT PRIMARY KEY,
  workspace_id TEXT NOT NULL REFERENCES workspaces (id) ON DELETE CASCADE,
  link_hash BLOB NOT NULL UNIQUE,
  mode TEXT NOT NULL CHECK (mode IN ('LINK', 'DOORBELL')),
  wakes INTEGER NOT NULL,
  ports TEXT NOT NULL,            -- JSON: the ports of servers inside that guests may reach
  created_at INTEGER NOT NULL,
  expires_at INTEGER              -- null: until stopped
) STRICT;
CREATE INDEX shares_by_workspace ON shares (workspace_id);

CREATE TABLE guests (
  id TEXT PRIMARY KEY,
  share_id TEXT NOT NULL REFERENCES shares (id) ON DELETE CASCADE,
  name TEXT NOT NULL,
  address TEXT NOT NULL,
  state TEXT NOT NULL CHECK (state IN ('RINGING', 'IN')),
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL
) STRICT;
CREATE INDEX guests_by_share ON guests (share_id);

CREATE TABLE guest_tokens (
  token_hash BLOB PRIMARY KEY,
  guest_id TEXT NOT NULL REFERENCES guests (id) ON DELETE CASCADE,
  port INTEGER                    -- null: good for the editor, else for the server on this port alone
) STRICT;
CREATE INDEX guest_tokens_by_guest ON guest_tokens (guest_id);

CREATE TABLE share_listeners (    -- where each was served last, so that links go on working
  workspace_id TEXT NOT NULL,
  port INTEGER NOT NULL,          -- 0: the editor
  tcp_port INTEGER NOT NULL,
  PRIMARY KEY (workspace_id, port)
) STRICT;
`
