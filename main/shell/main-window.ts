import { BrowserWindow, nativeTheme } from 'electron'
import { join } from 'node:path'
import { lockNavigation, openExternal, restrictPermissions } from './security.ts'
import { keepWindowState, readWindowState } from './window-state.ts'

export interface MainWindowOptions {
  url: string
  /** An address that signs the window in, once. */
  signInUrl: () => string
  icon: string
  preload: string
  dataDir: string
  /** It stays unseen until somebody asks for it. */
  hidden: boolean
  /** The app ends, and the window with it. */
  quitting: () => boolean
  /** A person closes the window; it stays as it is for now. */
  onClose: () => void
}

/** The dashboard's window, there for as long as the app. */
export function createMainWindow(options: MainWindowOptions) {
  const statePath = join(options.dataDir, 'window.json')
  const { maximized, ...bounds } = readWindowState(statePath) ?? {
    width: 1080,
    height: 720,
    maximized: false,
  }
  const window = new BrowserWindow({
    ...bounds,
    minWidth: 720,
    minHeight: 480,
    title: 'Berth',
    icon: options.icon,
    show: false,
    backgroundColor: nativeTheme.shouldUseDarkColors ? '#0e1214' : '#f5f7f8', // --ground, before the page is there
    webPreferences: {
      preload: options.preload,
      partition: 'persist:dashboard',
      sandbox: true,
      contextIsolation: true,
      nodeIntegration: false,
    },
  })
  const { webContents } = window
  restrictPermissions(webContents.session, options.url, ['clipboard-sanitized-write'])
  lockNavigation(webContents, {
    page: ({ protocol, origin, pathname }) =>
      protocol === 'http:' && origin === options.url && pathname === '/',
    frames: () => false,
    elsewhere: ({ href }) => openExternal(href),
  })
  webContents.setWindowOpenHandler(({ url }) => {
    openExternal(url)
    return { action: 'deny' }
  })
  keepWindowState(window, statePath)
  window.on('close', (event) => {
    if (options.quitting()) return
    event.preventDefault()
    options.onClose()
  })
  if (maximized) window.once('show', () => window.maximize())
  if (!options.hidden) window.once('ready-to-show', () => window.show())
  // The page takes the code and may load itself anew, which ends this load with an error.
  const signIn = (): void => void window.loadURL(options.signInUrl()).catch(() => undefined)
  signIn()
  return { window, signIn }
}
