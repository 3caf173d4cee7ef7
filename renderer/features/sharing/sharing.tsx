import { useState } from 'react'
import type { Shared, Sharing as Served, Workspace } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { CopyButton } from '../../ui/copy-button.tsx'
import { PlusIcon } from '../../ui/icons.tsx'
import { Note } from '../../ui/note.tsx'
import { useListening } from '../ports/use-listening.ts'
import { fingerprintLines } from './fingerprint.ts'
import { Invitation } from './invitation.tsx'
import { NewShare } from './new-share.tsx'
import { ShareItem } from './share-item.tsx'

const words = messages.sharing

interface SharingProps {
  workspace: Workspace
  /** The link that was made last and is still shown. */
  made: Shared | null
  onMade: (made: Shared | null) => void
}

/** Lets guests on the local network into a workspace, and out again. */
export function Sharing({ workspace, made, onMade }: SharingProps) {
  const { id, sharing } = workspace
  const shares = sharing?.shares ?? []
  const [adding, setAdding] = useState(false)
  const [fresh, setFresh] = useState(false)
  const listening = useListening(workspace).value?.map(({ port }) => port) ?? []
  const facts = sharing !== null && <Facts sharing={sharing} />

  return (
    <div className="sharing">
      <p className="sharing-means">{words.means}</p>
      {sharing !== null && sharing.problem !== null && (
        <Note tone="warning" role="status">
          <p className="note-title">{words.unreachable}</p>
          <p>{sharing.problem}</p>
        </Note>
      )}
      {made !== null && <Invitation made={made} fresh={fresh} onDone={() => onMade(null)} />}
      {made !== null && facts}
      {shares.length > 0 && (
        <ul className="shares" role="list" aria-label={words.links}>
          {shares.map((share) => (
            <ShareItem key={share.id} workspaceId={id} share={share} listening={listening} />
          ))}
        </ul>
      )}
      {adding || shares.length === 0 ? (
        <NewShare
          workspaceId={id}
          listening={listening}
          onMade={(shared) => {
            onMade(shared)
            setFresh(true)
            setAdding(false)
          }}
          onCancel={shares.length === 0 ? undefined : () => setAdding(false)}
        />
      ) : (
        <div>
          <Button onClick={() => setAdding(true)}>
            <PlusIcon /> {words.another}
          </Button>
        </div>
      )}
      {made === null && facts}
    </div>
  )
}

/** Where guests come in, and how they tell that it is here. */
function Facts({ sharing: { url, ports, fingerprint } }: { sharing: Served }) {
  return (
    <dl className="overview">
      <div className="overview-fact">
        <dt>{words.address}</dt>
        <dd>{url === null ? words.nowhere : <code className="path">{url}</code>}</dd>
      </div>
      {ports.map(({ port, url: address }) => (
        <div key={port} className="overview-fact">
          <dt>{messages.ports.port(port)}</dt>
          <dd className="fact-copy">
            <code className="path">{address}</code>
            <CopyButton text={address} look="quiet" aria-label={messages.ports.copyOf(port)}>
              {messages.ports.copy}
            </CopyButton>
          </dd>
        </div>
      ))}
      <div className="overview-fact">
        <dt>{words.fingerprint}</dt>
        <dd>
          <code className="fingerprint">
            {fingerprintLines(fingerprint).map((line, index) => (
              <span key={index}>{line} </span>
            ))}
          </code>
          <p className="field-hint">{words.fingerprintHint}</p>
        </dd>
      </div>
    </dl>
  )
}
