import { useState, type KeyboardEvent, type ReactNode } from 'react'
import { Command } from 'cmdk'
import type { Workspace } from '../../../main/core/api.ts'
import { useServices, useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Dialog } from '../../ui/dialog.tsx'
import { CheckIcon, PlusIcon, SlidersIcon, TrashIcon } from '../../ui/icons.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Spinner } from '../../ui/spinner.tsx'
import { useCall } from '../../ui/use-call.ts'
import { openWorkspace } from '../open/open-workspace.ts'
import { createListing, fold, found } from '../workspaces/listing.ts'
import { hoursFrom } from '../workspaces/outlook.ts'
import { allowed } from '../workspaces/rules.ts'
import { shown, StateTile } from '../workspaces/state.tsx'
import type { DialogWish } from '../workspaces/workspace-dialog.tsx'
import { deedsFor, type Deed } from './deeds.ts'

const words = messages.palette
/** More than anybody reads. */
const MOST = 50

const GLOBAL = {
  create: <PlusIcon />,
  trash: <TrashIcon />,
  doctor: <CheckIcon />,
  settings: <SlidersIcon />,
}
type Global = keyof typeof GLOBAL

interface PaletteProps {
  /** The workspace that is offered something to be done with first. */
  about: string | null
  onClose: () => void
  onDialog: (wish: DialogWish) => void
  /** What is left out is not offered. */
  onGlobal: Readonly<Partial<Record<Global, () => void>>>
}

/** Everything by its name: Enter opens a workspace, Tab shows what else can be done with it. */
export function Palette({ about, onClose, onDialog, onGlobal }: PaletteProps) {
  const { client } = useServices()
  const [query, setQuery] = useState('')
  const [chosen, setChosen] = useState(about)
  const [selected, setSelected] = useState('')
  const { pending, problem, run, dismiss } = useCall<string>()
  const [arrange] = useState(createListing)
  const { ids } = useWorkspaces(({ byId }) => arrange(byId, { query, only: null, sort: 'used' }))
  const subject = useWorkspaces((state) => (chosen === null ? undefined : state.byId[chosen]))

  const matches = (text: string) => found(fold(text), fold(query).trim())
  const deeds =
    subject === undefined
      ? []
      : deedsFor(subject).filter((deed) => matches(`${words.deeds[deed]} ${subject.name}`))
  const globals = (Object.keys(onGlobal) as Global[]).filter((what) => matches(words.global[what]))

  const call = (value: string, work: () => Promise<void>) => {
    if (pending !== null) return
    void run(value, async () => {
      await work()
      onClose()
    })
  }
  const open = (workspace: Workspace) => {
    const { id, name } = workspace
    if (allowed(workspace).open) call(idOf(id), () => openWorkspace(client, id, name))
    else onDialog({ id, what: 'details' })
  }

  function doIt(workspace: Workspace, deed: Deed) {
    const { id } = workspace
    const value = valueOf(deed)
    switch (deed) {
      case 'open':
        return call(value, () => openWorkspace(client, id, workspace.name))
      case 'keepAwake':
        return call(value, () => client.patch(id, { keep_awake_until: hoursFrom(Date.now(), 1) }))
      case 'share':
        return onDialog({ id, what: 'sharing' })
      case 'details':
      case 'duplicate':
      case 'delete':
        return onDialog({ id, what: deed })
      default:
        return call(value, () => client.command(id, deed))
    }
  }

  function press(event: KeyboardEvent) {
    const id = selected.startsWith(idOf('')) ? selected.slice(idOf('').length) : null
    if (event.key === 'Tab' && !event.shiftKey && id !== null) {
      event.preventDefault()
      setChosen(id)
      setQuery('')
      setSelected(valueOf('open'))
    } else if (event.key === 'Backspace' && query === '' && chosen !== null) {
      event.preventDefault()
      setChosen(null)
      setSelected(idOf(chosen))
    }
  }

  const item = (value: string, onSelect: () => void, face: ReactNode) => (
    <Command.Item
      key={value}
      className="palette-item"
      value={value}
      aria-busy={pending === value || undefined}
      onSelect={onSelect}
    >
      {face}
      {pending === value && <Spinner />}
    </Command.Item>
  )

  return (
    <Dialog title={words.title} onClose={onClose}>
      <Command
        className="palette"
        label={words.title}
        shouldFilter={false}
        vimBindings={false}
        value={selected}
        onValueChange={setSelected}
        onKeyDown={press}
      >
        <Command.Input
          className="palette-input"
          placeholder={words.placeholder}
          data-autofocus
          value={query}
          onValueChange={setQuery}
        />
        {problem !== null && <ProblemNote problem={problem} onDismiss={dismiss} />}
        <Command.List className="palette-list" label={words.title}>
          <Command.Empty className="palette-none">{words.none}</Command.Empty>
          {subject !== undefined && deeds.length > 0 && (
            <Command.Group className="palette-group" heading={subject.name}>
              {deeds.map((deed) => item(valueOf(deed), () => doIt(subject, deed), words.deeds[deed]))}
            </Command.Group>
          )}
          {ids.length > 0 && (
            <Command.Group className="palette-group" heading={words.workspaces}>
              {ids.slice(0, MOST).map((id) => (
                <WorkspaceItem key={id} id={id} pending={pending === idOf(id)} onOpen={open} />
              ))}
            </Command.Group>
          )}
          {ids.length > MOST && <p className="palette-none">{words.more(ids.length - MOST)}</p>}
          {globals.length > 0 && (
            <Command.Group className="palette-group" heading={words.berth}>
              {globals.map((what) =>
                item(
                  `berth:${what}`,
                  onGlobal[what]!,
                  <>
                    {GLOBAL[what]} {words.global[what]}
                  </>,
                ),
              )}
            </Command.Group>
          )}
        </Command.List>
        <p className="palette-keys">
          <kbd>Enter</kbd> {words.keys.open} <kbd>Tab</kbd> {words.keys.more} <kbd>Esc</kbd>{' '}
          {words.keys.close}
        </p>
      </Command>
    </Dialog>
  )
}

const idOf = (id: string): string => `workspace:${id}`
const valueOf = (deed: Deed): string => `deed:${deed}`

interface WorkspaceItemProps {
  id: string
  pending: boolean
  onOpen: (workspace: Workspace) => void
}

function WorkspaceItem({ id, pending, onOpen }: WorkspaceItemProps) {
  const workspace = useWorkspaces((state) => state.byId[id])
  if (workspace === undefined) return null
  const state = shown(workspace.display_status)
  return (
    <Command.Item
      className="palette-item"
      value={idOf(id)}
      data-state={state}
      aria-busy={pending || undefined}
      onSelect={() => onOpen(workspace)}
    >
      <StateTile state={workspace.display_status} busy={workspace.operation !== 'NONE'} />
      <span className="palette-name">{workspace.name}</span>
      {pending ? <Spinner /> : <span className="palette-state">{messages.state[state]}</span>}
    </Command.Item>
  )
}
