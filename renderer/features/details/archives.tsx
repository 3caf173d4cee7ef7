import { useState } from 'react'
import type { Archive, Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ConfirmDialog } from '../../ui/confirm-dialog.tsx'
import { LoadedList } from '../../ui/loaded-list.tsx'
import { Row } from '../../ui/row.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { useNow } from '../../ui/use-now.ts'
import { useSystem } from '../frame/use-system.ts'
import { allowed } from '../workspaces/rules.ts'
import { versionOf } from './version.ts'

const words = messages.archives

export function Archives({ workspace }: { workspace: Workspace }) {
  const { client } = useServices()
  const system = useSystem()
  const { id } = workspace
  const archives = useLoaded(() => client.archives(id), versionOf(workspace))
  const [chosen, setChosen] = useState<Archive | null>(null)
  const now = useNow(30_000)
  const may = allowed(workspace)

  function action(archive: Archive) {
    if (archive.current) return <span className="badge">{words.current}</span>
    if (archive.key === workspace.restore_key) return <span className="badge">{words.goingBack}</span>
    return (
      <Button disabled={!may.goBack} onClick={() => setChosen(archive)}>
        {words.goBack}
      </Button>
    )
  }

  return (
    <>
      <LoadedList
        {...archives}
        none={system === null ? words.none : `${words.none} ${words.kept(system.keep_archives)}`}
      >
        {(archive) => (
          <Row
            key={archive.key}
            title={moment(archive.created_at, now)}
            facts={[words.size(archive.bytes, archive.content_bytes), words.entries(archive.entries)]}
          >
            {action(archive)}
          </Row>
        )}
      </LoadedList>
      {chosen !== null && (
        <ConfirmDialog
          look="primary"
          title={words.confirmTitle(moment(chosen.created_at, now))}
          action={words.goBack}
          onConfirm={() => client.restoreFrom(id, chosen.key)}
          onClose={() => setChosen(null)}
        >
          <p className="dialog-text">
            {workspace.archive_key === null ? words.confirmPresent : words.confirmArchived}
          </p>
        </ConfirmDialog>
      )}
    </>
  )
}
