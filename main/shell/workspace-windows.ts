import { BrowserWindow, Menu, session } from 'electron'
import { workspaceOrigin, workspacePath } from '../gateway/address.ts'
import { partitionOf } from './partitions.ts'
import { isOurs, isWeb, leadsOut, lockNavigation, openExternal, restrictPermissions } from './security.ts'
import { createThrottle } from './throttle.ts'

/** What an editor needs of a browser; everything else is denied. */
const PERMISSIONS = ['clipboard-read', 'clipboard-sanitized-write', 'fullscreen', 'pointerLock']
/** A page needs no click to lead out of its window; it does so at most once in this time. */
const OUT_MS = 1_000

export interface WorkspaceWindowsOptions {
  /** The origin of the dashboard. */
  url: string
  icon: string
  nameOf: (id: string) => string
  /** Whether its editor answers. */
  answers: (id: string) => boolean
  /** An address with which a window enters a workspace, once: its editor, or the server on a port inside. */
  entryUrl: (id: string, port: number | null, path?: string) => string
  showDashboard: () => void
  /** Milliseconds, of a clock that never goes back. */
  now: () => number
  /** Says what the person who looks for a reason should know. */
  warn: (text: string) => void
}

/** What a window shows: a workspace's editor, or the server on a port inside it. */
interface Place {
  readonly id: string
  readonly port: number | null
}

/** Where it fails, the window shows Chromium's own page. */
const load = (window: BrowserWindow, url: string): void => void window.loadURL(url).catch(() => undefined)

/** Windows of workspaces: each workspace with its own storage, no Node, no preload, and no way out of the workspace's address. */
export function createWorkspaceWindows(options: WorkspaceWindowsOptions) {
  const windows = new Map<BrowserWindow, Place>()
  const listening = Number(new URL(options.url).port)
  const may = createThrottle(OUT_MS, options.now, (id) =>
    options.warn(`${options.nameOf(id)} opens links and windows too often; some are left out.`),
  )
  const titleOf = ({ id, port }: Place): string =>
    `${options.nameOf(id)}${port === null ? '' : ` :${port}`} – Berth`

  function create(id: string, url: string): void {
    const own = workspaceOrigin(id, listening)
    const place: Place = { id, port: portOf(url) }
    const partition = partitionOf(id)
    restrictPermissions(session.fromPartition(partition), own, PERMISSIONS)
    const window = new BrowserWindow({
      width: 1280,
      height: 800,
      title: titleOf(place),
      icon: options.icon,
      backgroundColor: '#1f1f1f',
      webPreferences: { partition, sandbox: true, contextIsolation: true, nodeIntegration: false },
    })
    if (place.port === null)
      window.removeMenu() // its shortcuts belong to the editor
    else setPageMenu(window)
    const { webContents } = window
    // Its editor, and the servers inside it.
    const inside = (target: URL): boolean => {
      if (target.protocol !== 'http:') return false
      if (target.port === String(listening) && target.hostname.endsWith(`--${id}.localhost`)) return true
      return (
        target.origin === own &&
        (target.pathname === '/' || target.pathname.startsWith(`${workspacePath(id)}/`))
      )
    }
    function leave(target: URL): void {
      // In the browser it would be a visit that the person has begun: no page may do so to another workspace.
      if (leadsOut(target) && !isOurs(target, listening) && may(id)) openExternal(target.href)
    }
    lockNavigation(webContents, {
      page: inside,
      frames: (target) => isWeb(target) && target.origin !== options.url,
      elsewhere(target) {
        if (target.origin !== options.url) return leave(target)
        const asked = new URLSearchParams(target.hash.slice(1))
        const next = asked.get('next') ?? ''
        // Its session has ended: the desktop's user is signed in again with nothing to type, where that wakes nothing.
        if (asked.has('open') && options.answers(id))
          load(window, options.entryUrl(id, null, next.startsWith('/') ? next : '/'))
        else if (may(id)) options.showDashboard()
      },
    })
    webContents.setWindowOpenHandler(({ url: to }) => {
      const target = URL.canParse(to) ? new URL(to) : undefined
      if (target && !inside(target)) leave(target)
      else if (target && may(id)) create(id, target.href)
      return { action: 'deny' }
    })
    // The editor keeps unsaved work by itself; it may not keep the window from closing.
    webContents.on('will-prevent-unload', (event) => event.preventDefault())
    windows.set(window, place)
    webContents.on('did-navigate', (_event, at) => {
      windows.set(window, { id, port: portOf(at) })
      window.setTitle(titleOf({ id, port: portOf(at) }))
    })
    window.on('page-title-updated', (event) => {
      event.preventDefault()
      window.setTitle(titleOf(windows.get(window) ?? place))
    })
    window.on('closed', () => windows.delete(window))
    load(window, url)
  }

  const windowsOf = (id: string): [window: BrowserWindow, place: Place][] =>
    [...windows].filter(([, place]) => place.id === id)

  return {
    /**
     * Shows the window of the workspace's editor, or of the server on a port inside; a new one if there is none. It wakes
     * the workspace if that sleeps.
     */
    open(id: string, port: number | null = null): void {
      const known = windowsOf(id).find(([, place]) => place.port === port)?.[0]
      if (!known) return create(id, options.entryUrl(id, port))
      // What the window holds is what was left of the editor: a visit wakes it. A server may have been started since.
      if (port !== null || !options.answers(id)) load(known, options.entryUrl(id, port))
      if (known.isMinimized()) known.restore()
      known.focus()
    },
    /** Closes the windows of a workspace that is gone, and empties their storage. */
    async remove(id: string): Promise<void> {
      for (const [window] of windowsOf(id)) window.destroy()
      const storage = session.fromPartition(partitionOf(id))
      await Promise.all([storage.clearStorageData(), storage.clearCache()])
    },
  }
}

/** The port of the server that an address inside a workspace is of; null: the editor. */
function portOf(url: string): number | null {
  const [, digits] = /^(\d+)--/.exec(URL.canParse(url) ? new URL(url).hostname : '') ?? []
  return digits === undefined ? null : Number(digits)
}

/** What a browser gives to a page that is no program by itself. */
function setPageMenu(window: BrowserWindow): void {
  window.setMenu(
    Menu.buildFromTemplate([{ label: '&Page', submenu: [{ role: 'reload' }, { role: 'close' }] }]),
  )
  window.setMenuBarVisibility(false)
  window.setAutoHideMenuBar(true)
}
