import { use, useState } from 'react'
import type { PatchSettings, Settings } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Tabs } from '../../ui/tabs.tsx'
import { useLoaded } from '../../ui/use-loaded.ts'
import { ReloadSystem } from '../frame/use-system.ts'
import { Choices } from './choices.tsx'
import { FieldsForm } from './fields-form.tsx'
import { showTheme } from './theme.ts'

const words = messages.preferences
type Tab = keyof typeof words.tabs

/** What can be set while Berth runs; for the desktop's own user. */
export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const { client } = useServices()
  const reloadSystem = use(ReloadSystem)
  const [tab, setTab] = useState<Tab>('workspaces')
  const [changed, setChanged] = useState<Settings | null>(null)
  const { value, problem } = useLoaded(() => client.settings(), 'settings')
  const settings = changed ?? value

  async function save(part: PatchSettings): Promise<void> {
    const next = await client.patchSettings(part)
    setChanged(next)
    showTheme(next.theme)
    reloadSystem()
  }

  return (
    <Dialog wide title={words.title} onClose={onClose}>
      <Tabs label={words.title} tabs={words.tabs} current={tab} onSelect={setTab}>
        {settings !== null && <Panel tab={tab} settings={settings} onSave={save} />}
        {settings === null && problem !== null && <ProblemNote problem={problem} />}
      </Tabs>
    </Dialog>
  )
}

interface PanelProps {
  tab: Tab
  settings: Settings
  onSave: (part: PatchSettings) => Promise<void>
}

function Panel({ tab, ...props }: PanelProps) {
  const { create, settings } = messages
  switch (tab) {
    case 'workspaces':
      return (
        <FieldsForm key={tab} {...props}>
          {(field) => (
            <>
              <div>
                <h3 className="preferences-title">{words.defaults}</h3>
                <p className="field-hint">{words.defaultsHint}</p>
              </div>
              {field('image', create.image)}
              <div className="field-pair">
                {field('cpus', create.cpus)}
                {field('memory', create.memory, create.memoryUnit)}
              </div>
              <div className="field-pair">
                {field('sleepAfter', settings.sleepAfter, settings.minutes, settings.ttlHint)}
                {field('archiveAfter', settings.archiveAfter, settings.hours, settings.ttlHint)}
              </div>
              <h3 className="preferences-title">{words.keeping}</h3>
              <div className="field-pair">
                {field('keepArchives', words.keepArchives, words.keepArchivesUnit, words.keepArchivesHint)}
                {field('trashDays', words.trashDays, words.trashDaysUnit, words.trashDaysHint)}
              </div>
            </>
          )}
        </FieldsForm>
      )
    case 'look':
      return <Choices {...props} />
    case 'network':
      return (
        <FieldsForm key={tab} {...props}>
          {(field) => field('address', words.address, undefined, words.addressHint)}
        </FieldsForm>
      )
  }
}
