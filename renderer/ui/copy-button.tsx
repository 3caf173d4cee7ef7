import { useEffect, useState, type ComponentProps } from 'react'
import { messages } from '../messages.ts'
import { Button } from './button.tsx'

const SAID_MS = 2_000

interface CopyButtonProps extends Omit<ComponentProps<typeof Button>, 'onClick'> {
  text: string
}

/** Puts `text` on the clipboard, and says for a moment whether it is there. */
export function CopyButton({ text, children, ...rest }: CopyButtonProps) {
  const [outcome, setOutcome] = useState<keyof typeof messages.copy | null>(null)

  useEffect(() => {
    if (outcome === null) return
    const timer = setTimeout(() => setOutcome(null), SAID_MS)
    return () => clearTimeout(timer)
  }, [outcome])

  async function copy() {
    try {
      await navigator.clipboard.writeText(text)
      setOutcome('done')
    } catch {
      setOutcome('failed')
    }
  }

  return (
    <>
      <Button {...rest} onClick={() => void copy()}>
        {outcome === null ? children : messages.copy[outcome]}
      </Button>
      <span className="visually-hidden" role="status">
        {outcome !== null && messages.copy[outcome]}
      </span>
    </>
  )
}
