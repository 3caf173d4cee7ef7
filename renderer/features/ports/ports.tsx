import type { ReactNode } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { CopyButton } from '../../ui/copy-button.tsx'
import { PortIcon } from '../../ui/icons.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Row } from '../../ui/row.tsx'
import { openPort } from '../open/open-workspace.ts'
import { allowed } from '../workspaces/rules.ts'
import { useAction } from '../workspaces/use-action.ts'
import { useListening } from './use-listening.ts'

const words = messages.ports

/** The servers that listen inside a workspace. */
export function Ports({ workspace }: { workspace: Workspace }) {
  const { id, status } = workspace
  const { client } = useServices()
  const { value: listening, problem: unknown } = useListening(workspace)
  const { pending, problem: failed, run, dismiss } = useAction<`${number}` | 'start'>(id)

  function content() {
    if (status !== 'RUNNING') {
      return (
        <Nothing title={words.asleep} text={words.asleepHint}>
          <Button
            disabled={!allowed(workspace).start}
            pending={pending === 'start'}
            onClick={() => void run('start', () => client.command(id, 'start'))}
          >
            {messages.action.start}
          </Button>
        </Nothing>
      )
    }
    if (unknown !== null) return <ProblemNote problem={unknown} />
    if (listening === null) return <p className="dialog-text">{messages.details.loading}</p>
    if (listening.length === 0) return <Nothing title={words.none} text={words.noneHint} />
    return (
      <ul className="rows" role="list">
        {listening.map(({ port, url, exposed }) => (
          <Row
            key={port}
            title={words.port(port)}
            facts={[<span className="path">{url}</span>]}
            more={exposed && <Exposed />}
          >
            <CopyButton text={url} aria-label={words.copyOf(port)}>
              {words.copy}
            </CopyButton>
            <Button
              look="soft"
              aria-label={words.openOf(port)}
              pending={pending === `${port}`}
              onClick={() =>
                pending === null && void run(`${port}`, () => openPort(client, id, port), { changes: false })
              }
            >
              {messages.action.open}
            </Button>
          </Row>
        ))}
      </ul>
    )
  }

  return (
    <>
      {failed !== null && <ProblemNote problem={failed} onDismiss={dismiss} />}
      {content()}
    </>
  )
}

/** Quiet, as many servers do so by themselves. */
function Exposed() {
  return (
    <p className="row-warning">
      {words.exposed} {words.exposedHint}
    </p>
  )
}

function Nothing({ title, text, children }: { title: string; text: string; children?: ReactNode }) {
  return (
    <div className="nothing">
      <PortIcon />
      <p className="nothing-title">{title}</p>
      <p className="nothing-text">{text}</p>
      {children}
    </div>
  )
}
