import { Fragment } from 'react'
import type { Sharing } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { here } from './guests.ts'

const words = messages.sharing

/** Says on the card that a workspace is shared, and who is in; a click leads to more. */
export function SharedLine({ sharing, onOpen }: { sharing: Sharing | null; onOpen: () => void }) {
  if (sharing === null) return null
  const guests = here(sharing)
  return (
    <button
      type="button"
      className="shared-line"
      data-problem={sharing.problem !== null || undefined}
      onClick={onOpen}
    >
      {sharing.problem === null ? words.shared(guests.length) : words.unreachable}
      {sharing.problem === null &&
        guests.map(({ id, name }, index) => (
          <Fragment key={id}>
            {index === 0 ? ': ' : ', '}
            <bdi>{name}</bdi>
          </Fragment>
        ))}
    </button>
  )
}
