import type { Workspace } from '../../../main/core/api.ts'

/** Another text whenever its archives, history or log may have changed. */
export function versionOf({ operation, status, status_since, error_count, archive_key }: Workspace): string {
  return [operation, status, status_since, error_count, archive_key].join(' ')
}
