import { BrowserWindow, session } from 'electron'
import { workspaceOrigin, workspacePath } from '../gateway/address.ts'
import { isWeb, lockNavigation, openExternal, restrictPermissions } from './security.ts'

/** What an editor needs of a browser; everything else is denied. */
const PERMISSIONS = ['clipboard-read', 'clipboard-sanitized-write', 'fullscreen', 'pointerLock']

export interface WorkspaceWindowsOptions {
  /** The origin of the dashboard. */
  url: string
  icon: string
  nameOf: (id: string) => string
  /** Whether its editor answers. */
  answers: (id: string) => boolean
  /** An address with which a window enters a workspace, once. */
  entryUrl: (id: string) => string
  showDashboard: () => void
}

const partitionOf = (id: string): string => `persist:workspace-${id}`

/** Where it fails, the window shows Chromium's own page. */
const load = (window: BrowserWindow, url: string): void => void window.loadURL(url).catch(() => undefined)

/** Windows of workspaces: each workspace with its own storage, no Node, no preload, and no way out of the workspace's address. */
export function createWorkspaceWindows(options: WorkspaceWindowsOptions) {
  const windows = new Map<BrowserWindow, string>()
  const port = Number(new URL(options.url).port)

  function create(id: string, url: string): void {
    const own = workspaceOrigin(id, port)
    const partition = partitionOf(id)
    restrictPermissions(session.fromPartition(partition), own, PERMISSIONS)
    const window = new BrowserWindow({
      width: 1280,
      height: 800,
      title: options.nameOf(id),
      icon: options.icon,
      backgroundColor: '#1f1f1f',
      webPreferences: { partition, sandbox: true, contextIsolation: true, nodeIntegration: false },
    })
    window.removeMenu() // its shortcuts belong to the editor
    const { webContents } = window
    // Its editor, and the servers inside it.
    const inside = (target: URL): boolean => {
      if (target.protocol !== 'http:') return false
      if (target.port === String(port) && target.hostname.endsWith(`--${id}.localhost`)) return true
      return (
        target.origin === own &&
        (target.pathname === '/' || target.pathname.startsWith(`${workspacePath(id)}/`))
      )
    }
    lockNavigation(webContents, {
      page: inside,
      frames: (target) => isWeb(target) && target.origin !== options.url,
      elsewhere({ href, origin, hash }) {
        if (origin !== options.url) return openExternal(href)
        // Its session has ended: the desktop's user is signed in again with nothing to type.
        if (hash.includes('open=')) load(window, options.entryUrl(id))
        else options.showDashboard()
      },
    })
    webContents.setWindowOpenHandler(({ url: target }) => {
      if (URL.canParse(target) && inside(new URL(target))) create(id, target)
      else openExternal(target)
      return { action: 'deny' }
    })
    // The editor keeps unsaved work by itself; it may not keep the window from closing.
    webContents.on('will-prevent-unload', (event) => event.preventDefault())
    window.on('page-title-updated', (event) => {
      event.preventDefault()
      window.setTitle(`${options.nameOf(id)} – Berth`)
    })
    windows.set(window, id)
    window.on('closed', () => windows.delete(window))
    load(window, url)
  }

  const windowsOf = (id: string): BrowserWindow[] =>
    [...windows.keys()].filter((window) => windows.get(window) === id)

  return {
    /** Shows the workspace's window, a new one if there is none, and wakes the workspace if it sleeps. */
    open(id: string): void {
      const known = windowsOf(id)[0]
      if (!known) return create(id, options.entryUrl(id))
      // What the window holds is what was left of the editor: a visit wakes it.
      if (!options.answers(id)) load(known, options.entryUrl(id))
      if (known.isMinimized()) known.restore()
      known.focus()
    },
    /** Closes the windows of a workspace that is gone, and empties their storage. */
    async remove(id: string): Promise<void> {
      for (const window of windowsOf(id)) window.destroy()
      const storage = session.fromPartition(partitionOf(id))
      await Promise.all([storage.clearStorageData(), storage.clearCache()])
    },
  }
}
