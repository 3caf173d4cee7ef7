import { useLayoutEffect, useRef } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { ProblemNote } from '../../ui/note.tsx'
import { usePolled } from '../../ui/use-polled.ts'

/** How often it is asked for while there is a container to say something, and while there is none, in milliseconds. */
const EVERY_MS = 1_500
const SELDOM_MS = 5_000

/** The end of what the container has said, and what it says meanwhile. */
export function Log({ workspace }: { workspace: Workspace }) {
  const { id, status, operation } = workspace
  const { client } = useServices()
  const lively = status === 'RUNNING' || operation !== 'NONE'
  const { value, problem } = usePolled(() => client.log(id), lively ? EVERY_MS : SELDOM_MS, true)
  const box = useRef<HTMLPreElement>(null)
  const atEnd = useRef(true)

  // It follows, until somebody scrolls back to read.
  useLayoutEffect(() => {
    if (box.current !== null && atEnd.current) box.current.scrollTop = box.current.scrollHeight
  }, [value])

  if (problem !== null) return <ProblemNote problem={problem} />
  if (value === null) return null
  return (
    <pre
      ref={box}
      className="log"
      tabIndex={0}
      role="region"
      aria-label={messages.log.label}
      onScroll={({ currentTarget: { scrollHeight, scrollTop, clientHeight } }) => {
        atEnd.current = scrollHeight - scrollTop - clientHeight < 8
      }}
    >
      {value.trimEnd() || messages.log.none}
    </pre>
  )
}
