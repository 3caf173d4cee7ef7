/** Frozen: a migration is SQL text and nothing else. Times are milliseconds since the epoch. */
export default `
CREATE TABLE meta (
  key TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT;

CREATE TABLE users (
  id TEXT PRIMARY KEY,
  name TEXT NOT NULL UNIQUE,
  created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE sessions (
  token_hash BLOB PRIMARY KEY,
  user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
  workspace_id TEXT,              -- a workspace session opens this workspace and nothing else
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;

CREATE TABLE workspaces (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL REFERENCES users (id),

  -- written by the service: what the person wants
  name TEXT NOT NULL,
  description TEXT NOT NULL,
  memo TEXT NOT NULL,
  image_ref TEXT NOT NULL,
  cpus REAL NOT NULL,
  memory_bytes INTEGER NOT NULL,
  standby_ttl_seconds INTEGER NOT NULL,
  archive_ttl_seconds INTEGER NOT NULL,
  desired_state TEXT NOT NULL CHECK (desired_state IN ('PENDING', 'STANDBY', 'RUNNING')),
  wish INTEGER NOT NULL,          -- counts the wishes: an error of an older wish no longer blocks
  deleted_at INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,

  -- written by the reconciler: what was last observed
  status TEXT NOT NULL CHECK (status IN ('PENDING', 'STANDBY', 'RUNNING', 'ERROR', 'DELETED')),
  operation TEXT NOT NULL
    CHECK (operation IN ('NONE', 'PROVISIONING', 'RESTORING', 'STARTING', 'STOPPING', 'ARCHIVING', 'DELETING')),
  op_id TEXT,
  home_store_key TEXT,            -- set once the home was made
  archive_key TEXT,               -- set while the archive stands for the home
  running_since INTEGER,
  error_count INTEGER NOT NULL,
  error_wish INTEGER,
  error_info TEXT,
  retry_at INTEGER,

  -- written by the gateway and when STOPPING ends
  last_access_at INTEGER NOT NULL
) STRICT;

CREATE INDEX workspaces_by_owner ON workspaces (owner_id, id);
`
