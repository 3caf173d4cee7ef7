import { useState } from 'react'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { TrashIcon } from '../../ui/icons.tsx'
import { TrashDialog } from './trash-dialog.tsx'

export function TrashButton() {
  const [open, setOpen] = useState(false)
  return (
    <>
      <Button look="quiet" onClick={() => setOpen(true)}>
        <TrashIcon /> <span className="header-word">{messages.trash.open}</span>
      </Button>
      {open && <TrashDialog onClose={() => setOpen(false)} />}
    </>
  )
}
