import { useId, useLayoutEffect, useRef, type ReactNode } from 'react'
import { createPortal } from 'react-dom'
import { messages } from '../messages.ts'
import { Button } from './button.tsx'
import { CloseIcon } from './icons.tsx'

interface DialogProps {
  title: string
  /** Esc was pressed. While `busy` it is not. */
  onClose: () => void
  busy?: boolean
  /** For much to see: with room, and a cross to close it. */
  wide?: boolean
  children: ReactNode
}

/**
 * A modal that is open for as long as it is rendered. `data-autofocus` inside says where the focus goes.
 * It lives outside of what opened it, whose buttons may have the same names.
 */
export function Dialog({ title, onClose, busy = false, wide = false, children }: DialogProps) {
  const ref = useRef<HTMLDialogElement>(null)
  const titleId = useId()

  useLayoutEffect(() => {
    const dialog = ref.current
    dialog?.showModal()
    dialog?.querySelector<HTMLElement>('[data-autofocus]')?.focus()
    // Closing, unlike removing, gives the focus back to where it came from.
    return () => dialog?.close()
  }, [])

  return createPortal(
    <dialog
      ref={ref}
      className={wide ? 'dialog dialog-wide' : 'dialog'}
      aria-labelledby={titleId}
      onCancel={(event) => {
        // Of a dialog inside this one React tells this one too.
        if (event.target !== event.currentTarget) return
        event.preventDefault()
        if (!busy) onClose()
      }}
      // A browser closes on a second Esc whatever `cancel` said.
      onClose={() => {
        if (ref.current?.open === false) onClose()
      }}
    >
      <h2 id={titleId} className="dialog-title">
        {title}
      </h2>
      {wide && (
        <span className="dialog-close">
          <Button look="quiet" icon aria-label={messages.action.close} onClick={onClose}>
            <CloseIcon />
          </Button>
        </span>
      )}
      {children}
    </dialog>,
    document.body,
  )
}
