/** Frozen: a migration is SQL text and nothing else. */
export default `
ALTER TABLE workspaces ADD COLUMN env TEXT NOT NULL DEFAULT '{}';  -- JSON: environment variables, values by name
`
