import type { Notification, NotificationConstructorOptions } from 'electron'
import type { Transition, Workspace } from '../core/api.ts'
import { isStuck } from './tray.ts'

/** Why a person is told of a workspace. */
export type Kind = 'will_sleep' | 'stopped' | 'failed'

export interface NotificationsDeps {
  make: (options: NotificationConstructorOptions) => Notification
  /** Whether the person wants to be told of such things. */
  wants: (kind: Kind) => boolean
  /** Shows the dashboard. */
  show: () => void
  /** For an hour. */
  keepAwake: (id: string) => void
}

interface Shown {
  readonly kind: Kind
  readonly id: string
  /** When it would sleep, where that is what was told. */
  readonly at: string | null
  readonly notification: Notification
}

const TEXT: Record<Kind, { says: string; action: string }> = {
  will_sleep: { says: 'goes to sleep soon', action: 'Keep awake for 1 h' },
  stopped: { says: 'was put to sleep', action: 'Show' },
  failed: { says: 'has failed', action: 'Show' },
}

/** What has happened to a workspace by itself that a person wants to hear of; nothing of what they find at a start. */
export function happened(
  before: Workspace | undefined,
  now: Workspace,
): Exclude<Kind, 'will_sleep'> | undefined {
  if (!before) return undefined
  if (isStuck(now) && !isStuck(before)) return 'failed'
  const stopped = before.status === 'RUNNING' && now.status === 'STANDBY' && now.status_cause === 'IDLE'
  return stopped ? 'stopped' : undefined
}

/** Whether what was told of a workspace is still so; `at` is when it would sleep. */
export function stillSo(kind: Kind, at: string | null, now: Workspace | undefined): boolean {
  if (!now) return false
  if (kind === 'failed') return isStuck(now)
  if (kind === 'stopped') return now.status === 'STANDBY' && now.desired_state === 'STANDBY'
  const next = now.next_transition
  return now.status === 'RUNNING' && next?.to === 'STANDBY' && at !== null && next.at <= at
}

/** Tells the person what their workspaces do by themselves: once for each event, for as long as it is so. */
export function createNotifications({ make, wants, show, keepAwake }: NotificationsDeps) {
  let known: ReadonlyMap<string, Workspace> = new Map()
  /** Kept, since a notification that is collected does not answer clicks. */
  const shown = new Map<string, Shown>()

  function tell(kind: Kind, { id, name }: Workspace, body: string, at: string | null = null): void {
    const key = `${kind} ${id}`
    if (shown.has(key) || !wants(kind)) return
    const { says, action } = TEXT[kind]
    const notification = make({
      title: `“${name}” ${says}`,
      body,
      silent: true,
      // Where the platform has none, a click does the same.
      actions: [{ type: 'button', text: action }],
    })
    const act = kind === 'will_sleep' ? () => keepAwake(id) : show
    notification.on('click', act)
    notification.on('action', act)
    shown.set(key, { kind, id, at, notification })
    notification.show()
  }

  return {
    /** It is about to sleep. */
    warn: (workspace: Workspace, { reason, at }: Transition): void =>
      tell('will_sleep', workspace, `${reason}. Click to keep it awake for 1 h.`, at),

    /** These are the workspaces now. */
    update(workspaces: readonly Workspace[]): void {
      const now = new Map(workspaces.map((workspace) => [workspace.id, workspace]))
      for (const [key, { kind, id, at, notification }] of shown)
        if (!stillSo(kind, at, now.get(id))) {
          shown.delete(key)
          notification.close()
        }
      for (const workspace of workspaces) {
        const kind = happened(known.get(workspace.id), workspace)
        if (kind) tell(kind, workspace, workspace.status_reason)
      }
      known = now
    },
  }
}
