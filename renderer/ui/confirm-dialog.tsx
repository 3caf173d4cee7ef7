import type { ReactNode } from 'react'
import { messages } from '../messages.ts'
import { Button } from './button.tsx'
import { Dialog } from './dialog.tsx'
import { ProblemNote } from './note.tsx'
import { useCall } from './use-call.ts'

interface ConfirmDialogProps {
  title: string
  /** What the button says that does it. */
  action: string
  look?: 'danger' | 'primary'
  /** It stays open, with the reason, when this fails. */
  onConfirm: () => Promise<void>
  onClose: () => void
  children: ReactNode
}

/** Asks before something that is not easily taken back. */
export function ConfirmDialog({
  title,
  action,
  look = 'danger',
  onConfirm,
  onClose,
  children,
}: ConfirmDialogProps) {
  const { pending, problem, run } = useCall<'confirm'>()

  const confirm = () =>
    run('confirm', async () => {
      await onConfirm()
      onClose()
    })

  return (
    <Dialog title={title} busy={pending !== null} onClose={onClose}>
      {children}
      {problem !== null && <ProblemNote problem={problem} />}
      <div className="dialog-actions">
        <Button data-autofocus onClick={onClose}>
          {messages.action.cancel}
        </Button>
        <Button look={look} pending={pending !== null} onClick={() => void confirm()}>
          {action}
        </Button>
      </div>
    </Dialog>
  )
}
