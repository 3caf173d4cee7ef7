import { useEffect, useState } from 'react'
import { without } from '../../fragment.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { SearchIcon } from '../../ui/icons.tsx'
import { useDoctor } from '../doctor/doctor-place.tsx'
import { SettingsDialog } from '../settings/settings-dialog.tsx'
import { TrashDialog } from '../trash/trash-dialog.tsx'
import type { DialogWish } from '../workspaces/workspace-dialog.tsx'
import { Palette } from './palette.tsx'

const words = messages.palette
const MAC = navigator.platform.startsWith('Mac')

interface CommandsProps {
  onCreate: () => void
  onDialog: (wish: DialogWish) => void
}

/** The palette, and what leads to it: a button, and Ctrl-K or Cmd-K wherever no dialog is open. */
export function Commands({ onCreate, onDialog }: CommandsProps) {
  const [shown, setShown] = useState<'palette' | 'trash' | 'settings' | null>(null)
  const [about, setAbout] = useState<string | null>(null)
  const close = () => setShown(null)
  const doctor = useDoctor()

  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key.toLowerCase() !== 'k' || event.ctrlKey === event.metaKey) return
      if (event.shiftKey || event.altKey || event.repeat) return
      if (shown !== 'palette' && document.querySelector('dialog[open]') !== null) return
      event.preventDefault()
      // Whatever has the focus is likely what it is about.
      setAbout(document.activeElement?.closest<HTMLElement>('.card')?.dataset['id'] ?? null)
      setShown(shown === 'palette' ? null : 'palette')
    }
    window.addEventListener('keydown', press)
    return () => window.removeEventListener('keydown', press)
  }, [shown])

  // The desktop's shortcut for it, and a bookmark: the address says so.
  useEffect(() => {
    const asked = () => {
      if (!new URLSearchParams(location.hash.slice(1)).has('palette')) return
      history.replaceState(null, '', location.pathname + location.search + without(location.hash, 'palette'))
      if (document.querySelector('dialog[open]') === null) {
        setAbout(null)
        setShown('palette')
      }
    }
    asked()
    window.addEventListener('hashchange', asked)
    return () => window.removeEventListener('hashchange', asked)
  }, [])

  return (
    <>
      <Button
        look="quiet"
        aria-label={words.title}
        aria-keyshortcuts={MAC ? 'Meta+K' : 'Control+K'}
        onClick={() => {
          setAbout(null)
          setShown('palette')
        }}
      >
        <SearchIcon />
        <kbd className="header-word">{words.shortcut(MAC)}</kbd>
      </Button>
      {shown === 'palette' && (
        <Palette
          about={about}
          onClose={close}
          onDialog={(wish) => {
            close()
            onDialog(wish)
          }}
          onGlobal={{
            create: () => {
              close()
              onCreate()
            },
            trash: () => setShown('trash'),
            // Both are for the desktop's own user.
            ...(doctor && {
              settings: () => setShown('settings'),
              doctor: () => {
                close()
                doctor()
              },
            }),
          }}
        />
      )}
      {shown === 'settings' && <SettingsDialog onClose={close} />}
      {shown === 'trash' && <TrashDialog onClose={close} />}
    </>
  )
}
