import { useState } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { Ports } from '../ports/ports.tsx'
import { Doorbell } from '../sharing/doorbell.tsx'
import { stillMade, type Made } from '../sharing/made.ts'
import { Sharing } from '../sharing/sharing.tsx'
import { Archives } from './archives.tsx'
import { History } from './history.tsx'
import { Log } from './log.tsx'
import { Overview } from './overview.tsx'
import { Settings } from './settings.tsx'

const words = messages.details
const PANELS = {
  overview: Overview,
  settings: Settings,
  ports: Ports,
  archives: Archives,
  history: History,
  log: Log,
}

interface DetailsDialogProps {
  workspace: Workspace
  /** The one that is shown first. */
  tab?: keyof typeof words.tabs
  onClose: () => void
}

/** All there is to know about a workspace, and to set. */
export function DetailsDialog({ workspace, tab: first = 'overview', onClose }: DetailsDialogProps) {
  const [tab, setTab] = useState(first)
  // Told only once, it outlasts a look at another tab.
  const [made, setMade] = useState<Made | null>(null)
  const still = stillMade(made, workspace.sharing?.shares ?? [])
  if (still !== made) setMade(still)
  const Panel = tab === 'sharing' ? null : PANELS[tab]
  return (
    <Dialog wide title={workspace.name} onClose={onClose}>
      {/* The one on the page is out of reach behind this. */}
      <Doorbell />
      <Tabs label={words.title(workspace.name)} tabs={words.tabs} current={tab} onSelect={setTab}>
        {Panel === null ? (
          <Sharing
            workspace={workspace}
            made={still?.shared ?? null}
            onMade={(shared) => setMade(shared && { shared, listed: false })}
          />
        ) : (
          <Panel workspace={workspace} />
        )}
      </Tabs>
    </Dialog>
  )
}
