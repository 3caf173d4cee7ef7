/** Frozen: a migration is SQL text and nothing else. Times are milliseconds since the epoch. */
export default `
-- wishes
ALTER TABLE workspaces ADD COLUMN cause TEXT NOT NULL DEFAULT 'PERSON';
ALTER TABLE workspaces ADD COLUMN busy_shield INTEGER NOT NULL DEFAULT 1;
ALTER TABLE workspaces ADD COLUMN busy_cap_seconds INTEGER NOT NULL DEFAULT 43200;
ALTER TABLE workspaces ADD COLUMN keep_awake_until INTEGER;
ALTER TABLE workspaces ADD COLUMN restore_key TEXT;
ALTER TABLE workspaces ADD COLUMN purge INTEGER NOT NULL DEFAULT 0;

-- observed
ALTER TABLE workspaces ADD COLUMN status_since INTEGER NOT NULL DEFAULT 0;
ALTER TABLE workspaces ADD COLUMN status_cause TEXT NOT NULL DEFAULT 'PERSON';
UPDATE workspaces SET status_since = updated_at;

-- what was deleted until now left nothing
UPDATE workspaces SET home_store_key = NULL, archive_key = NULL WHERE status = 'DELETED';

CREATE TABLE history (
  seq INTEGER PRIMARY KEY,
  workspace_id TEXT NOT NULL,
  op_id TEXT NOT NULL,
  operation TEXT NOT NULL,
  cause TEXT NOT NULL,
  started_at INTEGER NOT NULL,
  ended_at INTEGER,
  outcome TEXT,                   -- null while it is under way
  error_code TEXT,
  message TEXT
) STRICT;
CREATE INDEX history_by_workspace ON history (workspace_id, seq);

CREATE TABLE garbage (            -- archives that nothing refers to, and since when
  archive_key TEXT PRIMARY KEY,
  since INTEGER NOT NULL
) STRICT;
`
