/** The desktop app: the control plane with a window, a tray, and a window per workspace. */
import { join } from 'node:path'
import { Menu, app, dialog, ipcMain, type BrowserWindow } from 'electron'
import { startControlPlane, type ControlPlane } from './app.ts'
import { readConfig, type Config } from './config.ts'
import type { Workspace } from './core/api.ts'
import { AppError } from './core/errors.ts'
import { createMainWindow } from './shell/main-window.ts'
import { createTray } from './shell/tray.ts'
import { createWorkspaceWindows } from './shell/workspace-windows.ts'

/** Prints the dashboard's address for a browser: for a machine whose display nobody sees. */
const PRINT_ADDRESS = '--print-address'

const here = import.meta.dirname
const resource = (name: string): string => join(here, '../../resources', name)

try {
  const config = readConfig(ownFlags(process.argv), process.env)
  // Per data directory: the lock that keeps a second instance from starting, and Chromium's own files.
  app.setPath('userData', join(config.data_dir, 'electron'))
  if (app.requestSingleInstanceLock()) {
    app
      .whenReady()
      .then(() => run(config), fatal)
      .catch(fatal)
  } else app.quit()
} catch (error) {
  fatal(error)
}

async function run(config: Config): Promise<void> {
  const plane = await startControlPlane(config, join(here, '../renderer'))
  let workspaces: Workspace[] = []
  let quitting = false

  app.on('before-quit', () => (quitting = true))
  endWith(plane)

  // Kept alive for as long as the app: closing it only hides it.
  const main: BrowserWindow = createMainWindow({
    url: plane.url,
    signInUrl: plane.signInUrl(),
    icon: resource('icon.png'),
    preload: join(here, '../preload/index.cjs'),
    dataDir: config.data_dir,
    quitting: () => quitting,
  })
  const show = (): void => {
    main.show()
    main.focus()
  }
  const windows = createWorkspaceWindows({
    url: plane.url,
    icon: resource('icon.png'),
    nameOf: (id) => workspaces.find((workspace) => workspace.id === id)?.name ?? 'Workspace',
    entryUrl: plane.entryUrl,
    showDashboard: show,
  })
  const tray = createTray(resource('tray.png'), {
    show,
    open: windows.open,
    stop: (id) => plane.desire(id, 'STANDBY'),
    quit: () => app.quit(),
  })
  setMenu(main)
  plane.watch((now) => {
    for (const { id } of workspaces) if (!now.some((workspace) => workspace.id === id)) windows.close(id)
    workspaces = now
    tray.update(now)
  })

  ipcMain.handle('open-workspace', (event, id: unknown) => {
    const { senderFrame } = event
    if (
      event.sender !== main.webContents ||
      senderFrame !== main.webContents.mainFrame ||
      senderFrame.origin !== plane.url
    )
      throw new Error('not allowed')
    if (!workspaces.some((workspace) => workspace.id === id)) throw new Error('There is no such workspace')
    windows.open(String(id))
  })

  app.on('second-instance', show)
  app.on('activate', show)
  app.on('window-all-closed', () => undefined) // Berth stays in the tray
  if (process.argv.includes(PRINT_ADDRESS)) process.stdout.write(`Berth is at ${plane.signInUrl()}\n`)
}

/** Ends the control plane before the app; instances run on. */
function endWith(plane: ControlPlane): void {
  // All windows are closed by now: what is left is ours.
  app.on('will-quit', (event) => {
    event.preventDefault()
    void plane.close().finally(() => app.exit(0))
  })
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => app.quit())
}

function setMenu(main: BrowserWindow): void {
  if (process.platform === 'darwin')
    return Menu.setApplicationMenu(
      Menu.buildFromTemplate([{ role: 'appMenu' }, { role: 'editMenu' }, { role: 'windowMenu' }]),
    )
  Menu.setApplicationMenu(null)
  const close = { label: 'Close window', accelerator: 'Ctrl+W', click: () => main.close() }
  const quit = { label: 'Quit', accelerator: 'Ctrl+Q', click: () => app.quit() }
  main.setMenu(Menu.buildFromTemplate([{ label: '&File', submenu: [close, quit] }]))
  main.setMenuBarVisibility(false)
  main.setAutoHideMenuBar(true)
}

/** Our flags: what follows the app's folder where there is one (it is no flag), without those of Chromium. */
function ownFlags(argv: readonly string[]): string[] {
  const folder = app.isPackaged
    ? 0
    : argv.findIndex((argument, index) => index > 0 && !argument.startsWith('-'))
  return argv
    .slice(folder + 1)
    .filter((argument) => argument !== PRINT_ADDRESS && argument !== '--no-sandbox')
}

/** Says why Berth cannot start, where the person looks. */
function fatal(error: unknown): void {
  const known = error instanceof AppError
  const text = known ? `${error.message}\n\n${error.hint}` : String((error as Error).stack)
  process.stderr.write(`${text}\n`)
  // With a display that somebody sees; elsewhere a box would wait for ever.
  if (!process.argv.includes(PRINT_ADDRESS) && app.isReady()) dialog.showErrorBox('Berth cannot start', text)
  app.exit(1)
}
