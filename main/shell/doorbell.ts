import type { Notification, NotificationConstructorOptions } from 'electron'
import type { Guest, Workspace } from '../core/api.ts'

export interface DoorbellDeps {
  make: (options: NotificationConstructorOptions) => Notification
  /** Shows the dashboard, where a guest can be let in too. */
  show: () => void
  allow: (guestId: string) => void
  deny: (guestId: string) => void
}

const ACTIONS = ['Allow', 'Deny']

/** What a notification says of somebody who asks to be let in. Names of guests are their own invention. */
export function ringText(workspace: string, { name, address }: Pick<Guest, 'name' | 'address'>) {
  const plain = name.replace(/\p{C}+/gu, ' ').trim()
  return { title: `${plain} rings`, body: `At “${workspace}”, from ${address}. Let them in?` }
}

/** Tells the person of guests at the door: one notification for each, for as long as they wait. */
export function createDoorbell({ make, show, allow, deny }: DoorbellDeps) {
  /** By guest; kept, since a notification that is collected does not answer clicks. */
  const shown = new Map<string, Notification>()

  return {
    ring(workspace: Pick<Workspace, 'name'>, guest: Guest): void {
      if (shown.has(guest.id)) return
      const notification = make({
        ...ringText(workspace.name, guest),
        // Where the platform has none, a click leads to them.
        actions: ACTIONS.map((text) => ({ type: 'button', text })),
        timeoutType: 'never',
      })
      notification.on('click', show)
      notification.on('action', ({ actionIndex }) => (actionIndex === 0 ? allow : deny)(guest.id))
      shown.set(guest.id, notification)
      notification.show()
    },

    /** Takes back what is about nobody who still waits. */
    update(workspaces: readonly Pick<Workspace, 'sharing'>[]): void {
      const guests = workspaces.flatMap(
        ({ sharing }) => sharing?.shares.flatMap((share) => share.guests) ?? [],
      )
      const waiting = new Set(guests.filter(({ state }) => state === 'RINGING').map(({ id }) => id))
      for (const [id, notification] of shown)
        if (!waiting.has(id)) {
          shown.delete(id)
          notification.close()
        }
    },
  }
}
