import type { Share, Shared } from '../../../main/core/api.ts'

/** A link that was made here, which is told only once. */
export interface Made {
  readonly shared: Shared
  /** The stream has told of its share. */
  readonly listed: boolean
}

/** What is left of it beside these shares: nothing once its share is gone, whoever has stopped it. Pure. */
export function stillMade(made: Made | null, shares: readonly Pick<Share, 'id'>[]): Made | null {
  if (made === null) return null
  const listed = shares.some(({ id }) => id === made.shared.share.id)
  if (listed === made.listed) return made
  return listed ? { ...made, listed } : null
}
