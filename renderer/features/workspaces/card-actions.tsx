import type { ReactNode } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import type { Command } from '../../api/client.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ArchiveIcon, DetailsIcon, ShareIcon, TrashIcon } from '../../ui/icons.tsx'
import { allowed } from './rules.ts'

interface CardActionsProps {
  workspace: Workspace
  pending: Command | 'open' | null
  onOpen: () => void
  onCommand: (command: Command) => void
  onShare: () => void
  onDetails: () => void
  onDelete: () => void
}

/** What a person can do with a workspace. What they cannot do now keeps its place. */
export function CardActions({ workspace, pending, ...on }: CardActionsProps) {
  const may = allowed(workspace)
  const up = may.restore ? 'restore' : 'start'
  const command = (what: Command) => pending === null && on.onCommand(what)
  const icon = (
    what: 'archive' | 'share' | 'details' | 'remove',
    face: ReactNode,
    { enabled = true, click }: { enabled?: boolean; click: () => void },
  ) => (
    <Button
      look="quiet"
      icon
      disabled={!enabled}
      pending={pending === what}
      aria-label={messages.action[what]}
      title={messages.action[what]}
      onClick={click}
    >
      {face}
    </Button>
  )

  return (
    <div className="card-actions">
      <Button look="soft" disabled={!may.open} pending={pending === 'open'} onClick={on.onOpen}>
        {messages.action.open}
      </Button>
      <Button
        look={may.restore ? 'soft' : 'plain'}
        disabled={!may[up]}
        pending={pending === up}
        onClick={() => command(up)}
      >
        {messages.action[up]}
      </Button>
      <Button disabled={!may.stop} pending={pending === 'stop'} onClick={() => command('stop')}>
        {messages.action.stop}
      </Button>
      <span className="card-icons">
        {icon('archive', <ArchiveIcon />, { enabled: may.archive, click: () => command('archive') })}
        {icon('share', <ShareIcon />, { click: on.onShare })}
        {icon('details', <DetailsIcon />, { click: on.onDetails })}
        {icon('remove', <TrashIcon />, { enabled: may.remove, click: on.onDelete })}
      </span>
    </div>
  )
}
