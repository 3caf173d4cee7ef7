import { useEffect } from 'react'
import { useServices, useWorkspaces } from '../../context.ts'
import { messages } from '../../messages.ts'
import { Button } from '../../ui/button.tsx'
import { Note, ProblemNote } from '../../ui/note.tsx'
import { useLasting } from '../../ui/use-lasting.ts'
import { useAction } from '../workspaces/use-action.ts'
import { ringing, type Ring } from './guests.ts'

const words = messages.doorbell

/** Everybody who asks to be let in, wherever that is. */
export function Doorbell() {
  const rings = ringing(Object.values(useWorkspaces((state) => state.byId)))
  if (rings.length === 0) return null
  return (
    <section className="doorbell" aria-label={words.label}>
      {rings.map((ring) => (
        <Ringing key={ring.guest.id} {...ring} />
      ))}
    </section>
  )
}

/** Says in the title of the page how many ask, for whoever looks at another one. */
export function DoorbellTitle() {
  const many = useWorkspaces((state) => ringing(Object.values(state.byId)).length)
  useEffect(() => {
    document.title = many === 0 ? messages.product : words.title(many)
    return () => {
      document.title = messages.product
    }
  }, [many])
  return null
}

function Ringing({ workspace: { id, name }, guest }: Ring) {
  const { client } = useServices()
  const { pending, problem, run, dismiss } = useAction<'allow' | 'deny'>(id)
  // Nobody comes in by a click that was meant for what was in this place before.
  const settled = useLasting(true, 500)

  const answer = (what: 'allow' | 'deny') => (
    <Button
      look={what === 'allow' ? 'primary' : 'plain'}
      disabled={!settled}
      pending={pending === what}
      aria-label={words.answer[what](guest.name)}
      onClick={() =>
        pending === null &&
        void run(what, () => (what === 'allow' ? client.allowGuest(guest.id) : client.removeGuest(guest.id)))
      }
    >
      {words[what]}
    </Button>
  )

  return (
    <>
      <Note tone="accent">
        <div className="ring">
          <p role="alert">
            <bdi className="ring-name">{guest.name}</bdi> {words.asks(guest.address, name)}
          </p>
          <span className="ring-answers">
            {answer('deny')}
            {answer('allow')}
          </span>
        </div>
      </Note>
      {problem !== null && <ProblemNote problem={problem} onDismiss={dismiss} />}
    </>
  )
}
