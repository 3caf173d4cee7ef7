import { useState, type SubmitEvent } from 'react'
import type { Shared } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Radios } from '../../ui/radios.tsx'
import { Switch } from '../../ui/switch.tsx'
import { focusFirst } from '../workspaces/focus-first.ts'
import { useAction } from '../workspaces/use-action.ts'
import { PortsField } from './ports-field.tsx'
import { SENSIBLE, toWish, type ShareFields } from './share-form.ts'

const words = messages.sharing

interface NewShareProps {
  workspaceId: string
  listening: readonly number[]
  onMade: (made: Shared) => void
  /** Absent when there is nothing to go back to. */
  onCancel?: (() => void) | undefined
}

export function NewShare({ workspaceId, listening, onMade, onCancel }: NewShareProps) {
  const { client } = useServices()
  const [fields, setFields] = useState(SENSIBLE)
  const [checked, setChecked] = useState(false)
  const { pending, problem, run } = useAction<'share'>(workspaceId)
  const change = (part: Partial<ShareFields>) => setFields({ ...fields, ...part })

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (pending !== null) return
    const wish = toWish(fields)
    setChecked(true)
    if (wish === null) return void focusFirst(event.currentTarget, { ports: true })
    void run('share', async () => onMade(await client.share(workspaceId, wish)))
  }

  return (
    <form className="form" noValidate onSubmit={submit}>
      <div className="field-pair">
        <Radios
          label={words.who}
          options={words.modes}
          current={fields.mode}
          onSelect={(mode) => change({ mode })}
        />
        <Radios
          label={words.howLong}
          options={words.lifetimes}
          current={fields.lifetime}
          onSelect={(lifetime) => change({ lifetime })}
        />
      </div>
      <Switch
        label={words.wakes}
        hint={words.wakesHint}
        checked={fields.wakes}
        onChange={(wakes) => change({ wakes })}
      />
      <PortsField
        text={fields.ports}
        listening={listening}
        checked={checked}
        onChange={(ports) => change({ ports })}
      />
      {problem !== null && <ProblemNote problem={problem} />}
      <div className="dialog-actions">
        {onCancel !== undefined && <Button onClick={onCancel}>{messages.action.cancel}</Button>}
        <Button type="submit" look="primary" pending={pending !== null}>
          {messages.action.share}
        </Button>
      </div>
    </form>
  )
}
