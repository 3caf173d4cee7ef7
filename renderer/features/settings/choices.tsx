import { useState } from 'react'
import type { PatchSettings, Settings } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { ProblemNote } from '../../ui/note.tsx'
import { Radios } from '../../ui/radios.tsx'
import { Switch } from '../../ui/switch.tsx'
import { useCall } from '../../ui/use-call.ts'

const words = messages.preferences
type SwitchName = keyof typeof words.switches

const NOTIFICATIONS = ['notify_will_sleep', 'notify_stopped', 'notify_failed', 'notify_guest_rings'] as const
const APP = ['close_to_tray', 'start_at_login', 'start_hidden'] as const

interface ChoicesProps {
  settings: Settings
  onSave: (part: PatchSettings) => Promise<void>
}

/** What is switched, and saved at once. */
export function Choices({ settings, onSave }: ChoicesProps) {
  const [saved, setSaved] = useState(false)
  const { problem, run } = useCall<'save'>()

  function save(part: PatchSettings) {
    setSaved(false)
    void run('save', async () => {
      await onSave(part)
      setSaved(true)
    })
  }
  const whyFixed = (name: string) => (settings.fixed.includes(name) ? words.fixed(name) : undefined)

  function switchOf(name: SwitchName) {
    const why = whyFixed(name)
    return (
      <Switch
        key={name}
        label={words.switches[name]}
        {...(why !== undefined && { hint: why })}
        checked={settings[name]}
        disabled={why !== undefined}
        onChange={(checked) => save({ [name]: checked })}
      />
    )
  }

  return (
    <div className="form">
      <Radios
        label={words.theme}
        options={words.themes}
        current={settings.theme}
        disabled={whyFixed('theme') !== undefined}
        onSelect={(theme) => save({ theme })}
      />
      {whyFixed('theme') !== undefined && <p className="field-hint">{whyFixed('theme')}</p>}
      <fieldset className="radios">
        <legend>{words.notifications}</legend>
        {NOTIFICATIONS.map(switchOf)}
      </fieldset>
      {window.berth !== undefined && (
        <fieldset className="radios">
          <legend>{words.app}</legend>
          {APP.map(switchOf)}
        </fieldset>
      )}
      {problem !== null && <ProblemNote problem={problem} />}
      <p className="preferences-saved" role="status">
        {saved && messages.settings.saved}
      </p>
    </div>
  )
}
