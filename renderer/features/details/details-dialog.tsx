import { useState } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { Archives } from './archives.tsx'
import { History } from './history.tsx'
import { Log } from './log.tsx'
import { Overview } from './overview.tsx'
import { Settings } from './settings.tsx'

const words = messages.details
const PANELS = { overview: Overview, settings: Settings, archives: Archives, history: History, log: Log }

/** All there is to know about a workspace, and to set. */
export function DetailsDialog({ workspace, onClose }: { workspace: Workspace; onClose: () => void }) {
  const [tab, setTab] = useState<keyof typeof PANELS>('overview')
  const Panel = PANELS[tab]
  return (
    <Dialog wide title={workspace.name} onClose={onClose}>
      <Tabs label={words.title(workspace.name)} tabs={words.tabs} current={tab} onSelect={setTab}>
        <Panel workspace={workspace} />
      </Tabs>
    </Dialog>
  )
}
