import { useEffect } from 'react'
import { useWorkspaces } from '../../context.ts'
import { DetailsDialog } from '../details/details-dialog.tsx'
import { DuplicateDialog } from '../details/duplicate-dialog.tsx'
import { DeleteDialog } from './delete-dialog.tsx'

/** What of which workspace is shown over the list. */
export interface DialogWish {
  readonly id: string
  readonly what: 'details' | 'sharing' | 'duplicate' | 'delete'
}

/** It belongs to the page, since a card goes when it is scrolled away or no longer matches. */
export function WorkspaceDialog({ id, what, onClose }: DialogWish & { onClose: () => void }) {
  const workspace = useWorkspaces((state) => state.byId[id])
  const gone = workspace === undefined
  useEffect(() => {
    if (gone) onClose()
  }, [gone, onClose])

  if (workspace === undefined) return null
  if (what === 'duplicate') return <DuplicateDialog workspace={workspace} onClose={onClose} />
  if (what === 'delete') return <DeleteDialog workspace={workspace} onClose={onClose} />
  return (
    <DetailsDialog
      tab={what === 'sharing' ? 'sharing' : 'overview'}
      workspace={workspace}
      onClose={onClose}
    />
  )
}
