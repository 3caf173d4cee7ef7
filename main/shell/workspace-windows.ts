import { BrowserWindow, Menu, screen, session } from 'electron'
import { port as portNumber, type Workspace } from '../core/api.ts'
import { CODE, workspaceOrigin, workspacePath } from '../gateway/address.ts'
import { partitionOf } from './partitions.ts'
import { isOurs, isWeb, leadsOut, lockNavigation, openExternal, restrictPermissions } from './security.ts'
import { createThrottle } from './throttle.ts'
import { createWindowMemory, fit, type Opened } from './window-memory.ts'
import { followPlace } from './window-state.ts'
import { titleOf } from './window-title.ts'
import { zoomBy } from './zoom.ts'

/** What an editor needs of a browser; everything else is denied. */
const PERMISSIONS = ['clipboard-read', 'clipboard-sanitized-write', 'fullscreen', 'pointerLock']
/** A page needs no click to lead out of its window; it does so at most once in this time. */
const OUT_MS = 1_000
/** The longest path that a window is brought back to. */
const MAX_PATH = 4_000
/** How far a window is set off from another of the same workspace, in pixels. */
const OFFSET = 32

export interface WorkspaceWindowsOptions {
  /** The origin of the dashboard. */
  url: string
  icon: string
  /** Where it is kept which windows were open, and where they stood. */
  memoryPath: string
  workspaceOf: (id: string) => Workspace | undefined
  /** Whether the app is about to end: windows that close now are open again at the next start. */
  quitting: () => boolean
  /** An address with which a window enters a workspace, once: its editor, or the server on a port inside. */
  entryUrl: (id: string, port: number | null, path?: string) => string
  showDashboard: () => void
  /** Milliseconds, of a clock that never goes back. */
  now: () => number
  /** Says what the person who looks for a reason should know. */
  warn: (text: string) => void
}

/** A window and what it shows: a workspace's editor, or the server on a port inside it. */
interface Shown extends Opened {
  /** Whether the workspace answered when the page came: else it is the waiting page, which goes on by itself. */
  live: boolean
  /** Whether the workspace has stopped since: what is shown is dead, and has nothing to reconnect to. */
  cut: boolean
  /** Whether it is being loaded anew, by itself and not by the person. */
  reviving: boolean
}

/** Where it fails, the window shows Chromium's own page. */
const load = (window: BrowserWindow, url: string): void => void window.loadURL(url).catch(() => undefined)

/** Windows of workspaces: each workspace with its own storage, no Node, no preload, and no way out of the workspace's address. */
export function createWorkspaceWindows(options: WorkspaceWindowsOptions) {
  const windows = new Map<BrowserWindow, Shown>()
  const listening = Number(new URL(options.url).port)
  const memory = createWindowMemory(options.memoryPath)
  /** Windows of the last run whose workspaces do not answer yet. */
  let awaited = memory.last
  const nameOf = (id: string): string => options.workspaceOf(id)?.name ?? 'Workspace'
  const answers = (id: string): boolean => {
    const workspace = options.workspaceOf(id)
    return workspace?.status === 'RUNNING' && workspace.operation === 'NONE'
  }
  const may = createThrottle(OUT_MS, options.now, (id) =>
    options.warn(`${nameOf(id)} opens links and windows too often; some are left out.`),
  )
  function remember(): void {
    if (options.quitting()) return
    memory.setOpen([...awaited, ...[...windows.values()].map(({ id, port, path }) => ({ id, port, path }))])
  }
  /** Says in the window's frame how its workspace is. */
  function tell(window: BrowserWindow, { id, port }: Shown): void {
    const workspace = options.workspaceOf(id)
    window.setTitle(titleOf(workspace, port))
    if (workspace?.display_status === 'ERROR') window.setProgressBar(1, { mode: 'error' })
    else window.setProgressBar(workspace && workspace.operation !== 'NONE' ? 2 : -1) // 2: for how long is not known
  }
  /** Where a new window of a workspace goes: to where the last one was, beside those that are open, on a screen. */
  function placeOf(id: string) {
    const { place } = memory.of(id)
    if (!place) return { width: 1280, height: 800 }
    const off = windowsOf(id).length * OFFSET
    const wanted = { ...place, x: place.x + off, y: place.y + off }
    return fit(wanted, screen.getDisplayMatching(wanted).workArea)
  }

  function create(id: string, url: string, quietly = false): void {
    const own = workspaceOrigin(id, listening)
    const partition = partitionOf(id)
    const shown: Shown = { id, port: portOf(url), path: '/', live: false, cut: false, reviving: false }
    restrictPermissions(session.fromPartition(partition), own, PERMISSIONS)
    const window = new BrowserWindow({
      ...placeOf(id),
      title: titleOf(options.workspaceOf(id), shown.port),
      icon: options.icon,
      show: !quietly,
      tabbingIdentifier: id,
      backgroundColor: '#1f1f1f',
      webPreferences: { partition, sandbox: true, contextIsolation: true, nodeIntegration: false },
    })
    if (quietly) window.showInactive()
    if (windowsOf(id).length === 0 && memory.of(id).place?.maximized) window.maximize()
    if (shown.port === null)
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
        if (asked.has('open') && answers(id))
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
    // The editor keeps unsaved work by itself; it may not keep the window from closing. But nobody has asked for a revival:
    // an editor that holds what it could not keep stays.
    webContents.on('will-prevent-unload', (event) => {
      if (!shown.reviving || options.quitting()) event.preventDefault()
      shown.reviving = false
    })
    webContents.on('before-input-event', (event, pressed) => {
      const zoom = zoomBy(pressed, webContents.getZoomLevel(), process.platform === 'darwin')
      if (zoom === undefined) return
      event.preventDefault()
      webContents.setZoomLevel(zoom)
      memory.note(id, { zoom })
    })
    const arrive = (at: string): void => {
      shown.port = portOf(at)
      shown.path = pathOf(at, id)
      tell(window, shown)
      remember()
    }
    webContents.on('did-navigate', (_event, at) => {
      Object.assign(shown, { live: answers(id), cut: false, reviving: false })
      webContents.setZoomLevel(memory.of(id).zoom ?? 0)
      arrive(at)
    })
    webContents.on('did-navigate-in-page', (_event, at, isMainFrame) => {
      if (isMainFrame) arrive(at)
    })
    window.on('page-title-updated', (event) => event.preventDefault())
    followPlace(window, (place) => memory.note(id, { place }))
    window.on('closed', () => {
      windows.delete(window)
      remember()
    })
    windows.set(window, shown)
    remember()
    tell(window, shown)
    load(window, url)
  }

  const windowsOf = (id: string): [window: BrowserWindow, shown: Shown][] =>
    [...windows].filter(([, shown]) => shown.id === id)

  /** Opens what the last run left open of workspaces that run; nothing that sleeps is woken. */
  function reopen(): void {
    const left = awaited
    awaited = left.filter(({ id }) => options.workspaceOf(id)?.desired_state === 'RUNNING')
    const now = awaited.filter(({ id }) => answers(id))
    awaited = awaited.filter(({ id }) => !answers(id))
    for (const { id, port, path } of now) create(id, options.entryUrl(id, port, path), true)
    if (left.length > 0) remember()
  }

  return {
    /**
     * Shows the window of the workspace's editor, or of the server on a port inside; a new one if there is none. It wakes
     * the workspace if that sleeps.
     */
    open(id: string, port: number | null = null): void {
      awaited = awaited.filter((left) => left.id !== id || left.port !== port)
      const known = windowsOf(id).find(([, shown]) => shown.port === port)?.[0]
      if (!known) return create(id, options.entryUrl(id, port))
      // What the window holds is what was left of the editor: a visit wakes it. A server may have been started since.
      if (port !== null || !answers(id)) load(known, options.entryUrl(id, port))
      if (known.isMinimized()) known.restore()
      known.focus()
    },
    /** Shows how the workspaces are now, and brings windows back whose workspaces run again. To be called after each change. */
    update(): void {
      reopen()
      for (const [window, shown] of windows) {
        tell(window, shown)
        if (!answers(shown.id)) shown.cut = shown.live
        else if (shown.cut) {
          Object.assign(shown, { cut: false, reviving: true })
          window.webContents.reload()
        }
      }
    },
    /** Closes the windows of a workspace that is gone, and empties their storage. */
    async remove(id: string): Promise<void> {
      for (const [window] of windowsOf(id)) window.destroy()
      memory.forget(id)
      const storage = session.fromPartition(partitionOf(id))
      await Promise.all([storage.clearStorageData(), storage.clearCache()])
    },
  }
}

/** The port of the server that an address inside a workspace is of; null: the editor. */
function portOf(url: string): number | null {
  const [, digits] = /^(\d+)--/.exec(URL.canParse(url) ? new URL(url).hostname : '') ?? []
  const given = portNumber.safeParse(Number(digits))
  return given.success ? given.data : null
}

/** Where in an editor's workspace an address is; of a server inside, and of what is no address of ours, only its root. */
function pathOf(url: string, id: string): string {
  const base = workspacePath(id)
  const { pathname, search, hash } = URL.canParse(url) ? new URL(url) : new URL('about:blank')
  const ours = portOf(url) === null && pathname.startsWith(`${base}/`) && !search.includes(CODE)
  const path = pathname.slice(base.length) + search + hash
  return ours && path.length <= MAX_PATH ? path : '/'
}

/** What a browser gives to a page that is no program by itself. */
function setPageMenu(window: BrowserWindow): void {
  window.setMenu(
    Menu.buildFromTemplate([{ label: '&Page', submenu: [{ role: 'reload' }, { role: 'close' }] }]),
  )
  window.setMenuBarVisibility(false)
  window.setAutoHideMenuBar(true)
}
