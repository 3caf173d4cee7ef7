import { useState, type SubmitEvent } from 'react'
import type { Guest, Share } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { moment } from '../../format.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { ProblemNote } from '../../ui/note.tsx'
import { Row } from '../../ui/row.tsx'
import { Switch } from '../../ui/switch.tsx'
import { useNow } from '../../ui/use-now.ts'
import { useAction } from '../workspaces/use-action.ts'
import { PortsField } from './ports-field.tsx'
import { parsePorts, portsText } from './ports-text.ts'

const words = messages.sharing

interface ShareItemProps {
  workspaceId: string
  share: Share
  listening: readonly number[]
}

/** One link: who came by it, and what they may. */
export function ShareItem({ workspaceId, share, listening }: ShareItemProps) {
  const { id, mode, wakes, guests } = share
  const { client } = useServices()
  const { pending, problem, run, dismiss } = useAction<string>(workspaceId)
  const now = useNow(1_000)
  const inside = guests.filter(({ state }) => state === 'IN')

  const stop = () => run('stop', () => client.stopShare(id))
  const action = (guest: Guest) => (
    <Button
      aria-label={words.throwOutOf(guest.name)}
      pending={pending === guest.id}
      onClick={() => pending === null && void run(guest.id, () => client.removeGuest(guest.id))}
    >
      {words.throwOut}
    </Button>
  )

  return (
    <li className="share" aria-label={words.modes[mode].label}>
      <div className="share-head">
        <div className="row-text">
          <p className="row-title">{words.modes[mode].label}</p>
          <p className="row-facts">
            {words.made(moment(share.created_at, now))} · {ends(share, now)}
          </p>
        </div>
        <Button pending={pending === 'stop'} onClick={() => pending === null && void stop()}>
          {words.stop}
        </Button>
      </div>
      {problem !== null && <ProblemNote problem={problem} onDismiss={dismiss} />}
      {inside.length === 0 ? (
        <p className="row-facts">{words.nobody}</p>
      ) : (
        <ul className="rows" role="list" aria-label={words.guests}>
          {inside.map((guest) => (
            <Row
              key={guest.id}
              title={<bdi>{guest.name}</bdi>}
              facts={[guest.address, words.since(moment(guest.since, now))]}
            >
              <span className="badge" data-outcome={guest.connections > 0 ? 'SUCCEEDED' : undefined}>
                {guest.connections > 0 ? words.here : words.away}
              </span>
              {action(guest)}
            </Row>
          ))}
        </ul>
      )}
      <Switch
        label={words.wakes}
        hint={words.wakesHint}
        checked={pending === 'wakes' ? !wakes : wakes}
        onChange={(checked) =>
          pending === null && void run('wakes', () => client.patchShare(id, { wakes: checked }))
        }
      />
      <SharePorts
        ports={share.ports}
        listening={listening}
        pending={pending === 'ports'}
        onSave={(ports) => run('ports', () => client.patchShare(id, { ports }))}
      />
    </li>
  )
}

interface SharePortsProps {
  ports: readonly number[]
  listening: readonly number[]
  pending: boolean
  onSave: (ports: number[]) => Promise<void>
}

function SharePorts({ ports, listening, pending, onSave }: SharePortsProps) {
  const before = portsText(ports)
  const [typed, setTyped] = useState<string | null>(null)
  const text = typed ?? before
  const wish = parsePorts(text)
  const changed = wish === null || portsText(wish) !== before

  function submit(event: SubmitEvent<HTMLFormElement>) {
    event.preventDefault()
    if (wish !== null && changed && !pending) void onSave(wish)
  }

  return (
    <form className="share-ports" noValidate onSubmit={submit}>
      <PortsField text={text} listening={listening} checked onChange={setTyped} />
      {changed && (
        <Button type="submit" look="primary" disabled={wish === null} pending={pending}>
          {messages.action.save}
        </Button>
      )}
    </form>
  )
}

function ends({ expires_at: at }: Share, now: number): string {
  return at === null ? words.endsNever : words.ends(Date.parse(at) - now, moment(at, now))
}
