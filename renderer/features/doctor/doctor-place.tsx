import { createContext, use, useState, type ReactNode } from 'react'
import { useStore } from 'zustand'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { DoctorDialog } from './doctor-dialog.tsx'

const OpenDoctor = createContext<() => void>(() => undefined)

/** The doctor is opened from here and there below, and stays when what it was opened from goes. */
export function DoctorPlace({ children }: { children: ReactNode }) {
  const [open, setOpen] = useState(false)
  return (
    <OpenDoctor value={() => setOpen(true)}>
      {children}
      {open && <DoctorDialog onClose={() => setOpen(false)} />}
    </OpenDoctor>
  )
}

/** Opens it; null for who is not the desktop's own user. Who it is may not be known yet. */
export function useDoctor(): (() => void) | null {
  const open = use(OpenDoctor)
  const current = useStore(useServices().session)
  return current.status === 'signed-in' && current.user?.desktop === false ? null : open
}

export function DoctorButton({ look }: { look: 'quiet' | 'plain' }) {
  const open = useDoctor()
  if (open === null) return null
  return (
    <Button look={look} onClick={open}>
      {messages.doctor.open}
    </Button>
  )
}
