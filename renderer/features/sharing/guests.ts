/** Who is at the door of a workspace, and who is in. Pure. */
import type { Guest, Sharing, Workspace } from '../../../main/core/api.ts'

/** Somebody who waits to be let in, and where. */
export interface Ring {
  readonly workspace: Pick<Workspace, 'id' | 'name'>
  readonly guest: Guest
}

/** Everybody who waits, the one who has waited longest first. */
export function ringing(workspaces: Iterable<Workspace>): Ring[] {
  return [...workspaces]
    .flatMap((workspace) => atTheDoor(workspace.sharing).map((guest) => ({ workspace, guest })))
    .sort((a, b) => byTime(a.guest, b.guest))
}

function atTheDoor(sharing: Sharing | null): Guest[] {
  return guestsOf(sharing).filter(({ state }) => state === 'RINGING')
}

/** Those who have a page of it open. */
export function here(sharing: Sharing | null): Guest[] {
  return guestsOf(sharing).filter(({ state, connections }) => state === 'IN' && connections > 0)
}

function guestsOf(sharing: Sharing | null): Guest[] {
  return sharing?.shares.flatMap(({ guests }) => guests) ?? []
}

function byTime(a: Guest, b: Guest): number {
  return Date.parse(a.since) - Date.parse(b.since) || (a.id < b.id ? -1 : 1)
}
