import { Menu, Tray, type MenuItemConstructorOptions } from 'electron'
import type { Engine, Workspace } from '../core/api.ts'
import { MAX_ATTEMPTS } from '../core/state.ts'

export interface TrayActions {
  show: () => void
  open: (id: string) => void
  stop: (id: string) => void
  archive: (id: string) => void
  /** For an hour, or no longer. */
  keepAwake: (id: string, wanted: boolean) => void
  quit: () => void
}

/** What the tray shows of. */
export interface TraySight {
  workspaces: readonly Workspace[]
  engine: Engine
  /** Milliseconds since 1970. */
  now: number
}

export type TrayState = 'failed' | 'working' | 'running' | 'idle'

/** So many of those that do not run are shown. */
const RECENT = 5

const STATE: Record<Workspace['display_status'], string> = {
  PENDING: 'Pending',
  STANDBY: 'Standby',
  RUNNING: 'Running',
  ARCHIVED: 'Archived',
  ERROR: 'Error',
  DELETED: 'Deleted',
}

const isWorking = ({ operation }: Workspace): boolean => operation !== 'NONE'
const isRunning = ({ status }: Workspace): boolean => status === 'RUNNING'
/** It failed, and waits for a person. */
export const isStuck = ({ status, error_count: count }: Workspace): boolean =>
  status === 'ERROR' && count >= MAX_ATTEMPTS

/** The one state of all: what asks for attention first. */
export function trayState(workspaces: readonly Workspace[]): TrayState {
  if (workspaces.some(isStuck)) return 'failed'
  // What failed and is tried again is at work too.
  if (workspaces.some((workspace) => isWorking(workspace) || workspace.status === 'ERROR')) return 'working'
  return workspaces.some(isRunning) ? 'running' : 'idle'
}

/** What the tray says when it is pointed at. */
export function trayTip({ workspaces, engine }: TraySight): string {
  const count = (is: (workspace: Workspace) => boolean, what: string): string[] => {
    const { length } = workspaces.filter(is)
    return length > 0 ? [`${length} ${what}`] : []
  }
  const parts = [...count(isStuck, 'failed'), ...count(isWorking, 'at work'), ...count(isRunning, 'running')]
  if (!engine.reachable) parts.push('Docker is not there')
  return `Berth – ${parts.join(', ') || 'nothing is running'}`
}

/** The tray menu: the engine, what runs or is at work, and what was used last. */
export function trayMenu(
  { workspaces, engine, now }: TraySight,
  actions: TrayActions,
): MenuItemConstructorOptions[] {
  const present = workspaces.filter(({ operation }) => operation !== 'DELETING')
  const isUp = (workspace: Workspace): boolean =>
    isRunning(workspace) || isWorking(workspace) || workspace.status === 'ERROR'
  const up = present
    .filter(isUp)
    .toSorted((a, b) => Number(isRunning(b)) - Number(isRunning(a)))
    .map((workspace) => controls(workspace, now, actions))
  const recent = present
    .filter((workspace) => !isUp(workspace))
    .toSorted((a, b) => b.last_access_at.localeCompare(a.last_access_at))
    .slice(0, RECENT)
    .map(({ id, name }) => ({ id, label: `Open “${name}”`, click: () => actions.open(id) }))
  const group = (items: MenuItemConstructorOptions[]): MenuItemConstructorOptions[] =>
    items.length > 0 ? [...items, { type: 'separator' }] : []
  return [
    { label: engineLine(engine), enabled: false },
    { type: 'separator' },
    ...group(present.length > 0 ? up : [{ label: 'No workspaces yet', enabled: false }]),
    ...group(recent),
    { label: 'Show Berth', click: actions.show },
    { label: 'New workspace…', click: actions.show },
    { type: 'separator' },
    {
      label: workspaces.some(isRunning) ? 'Quit Berth (running workspaces go on)' : 'Quit Berth',
      click: actions.quit,
    },
  ]
}

function engineLine({ reachable, version, message }: Engine): string {
  return reachable ? `Docker ${version ?? ''} is running` : (message ?? 'Docker is not there')
}

function controls(workspace: Workspace, now: number, actions: TrayActions): MenuItemConstructorOptions {
  const { id, name, status, display_status: state, desired_state: desired } = workspace
  const { operation, keep_awake_until: until } = workspace
  const awake = until !== null && Date.parse(until) > now
  const runs = status === 'RUNNING' && desired === 'RUNNING'
  const archivable = (status === 'RUNNING' || status === 'STANDBY') && desired !== 'PENDING'
  return {
    id, // tells two of one name apart
    label: `${name} – ${operation === 'NONE' ? STATE[state] : `${operation[0]}${operation.slice(1).toLowerCase()}…`}`,
    submenu: [
      { label: 'Open', click: () => actions.open(id) },
      { label: 'Stop', enabled: desired === 'RUNNING', click: () => actions.stop(id) },
      { label: 'Archive', enabled: archivable, click: () => actions.archive(id) },
      {
        label: awake ? 'Let it sleep' : 'Keep awake for 1 h',
        enabled: runs,
        click: () => actions.keepAwake(id, !awake),
      },
    ],
  }
}

/** Berth in the tray; `iconOf` is the file of the icon for a state. `update` shows what is now. */
export function createTray(iconOf: (state: TrayState) => string, actions: TrayActions) {
  const tray = new Tray(iconOf('idle'))
  tray.setToolTip('Berth')
  tray.on('click', actions.show)
  let shown = ''
  let state: TrayState = 'idle'
  return {
    update(sight: TraySight): void {
      const next = trayState(sight.workspaces)
      if (next !== state) tray.setImage(iconOf(next))
      state = next
      tray.setToolTip(trayTip(sight))
      const menu = trayMenu(sight, actions)
      // A menu that is set anew closes where it is open.
      const shows = JSON.stringify(menu)
      if (shows === shown) return
      shown = shows
      tray.setContextMenu(Menu.buildFromTemplate(menu))
    },
  }
}
