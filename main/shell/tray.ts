import { Menu, Tray, type MenuItemConstructorOptions } from 'electron'
import type { Workspace } from '../core/api.ts'

export interface TrayActions {
  show: () => void
  open: (id: string) => void
  stop: (id: string) => void
  archive: (id: string) => void
  quit: () => void
}

const STATE: Record<Workspace['display_status'], string> = {
  PENDING: 'Pending',
  STANDBY: 'Standby',
  RUNNING: 'Running',
  ARCHIVED: 'Archived',
  ERROR: 'Error',
  DELETED: 'Deleted',
}

/** The tray menu for these workspaces. */
export function trayMenu(
  workspaces: readonly Workspace[],
  actions: TrayActions,
): MenuItemConstructorOptions[] {
  const items = workspaces.map((workspace): MenuItemConstructorOptions => {
    const { id, name, status, display_status: state, desired_state: desired, operation } = workspace
    const deleting = operation === 'DELETING'
    const archivable = (status === 'RUNNING' || status === 'STANDBY') && desired !== 'PENDING'
    return {
      label: `${name} – ${STATE[state]}`,
      submenu: [
        { label: 'Open', enabled: !deleting, click: () => actions.open(id) },
        { label: 'Stop', enabled: !deleting && desired === 'RUNNING', click: () => actions.stop(id) },
        { label: 'Archive', enabled: !deleting && archivable, click: () => actions.archive(id) },
      ],
    }
  })
  return [
    { label: 'Show Berth', click: actions.show },
    { type: 'separator' },
    ...(items.length > 0 ? items : [{ label: 'No workspaces yet', enabled: false }]),
    { type: 'separator' },
    { label: 'Quit', click: actions.quit },
  ]
}

/** Berth in the tray. `update` shows these workspaces from now on. */
export function createTray(icon: string, actions: TrayActions) {
  const tray = new Tray(icon)
  tray.setToolTip('Berth')
  tray.on('click', actions.show)
  return {
    update(workspaces: readonly Workspace[]): void {
      tray.setContextMenu(Menu.buildFromTemplate(trayMenu(workspaces, actions)))
    },
  }
}
