/** The desktop app: the control plane with a window, a tray, and a window per workspace. */
import { join } from 'node:path'
import {
  Menu,
  Notification,
  app,
  dialog,
  ipcMain,
  type BrowserWindow,
  type IpcMainInvokeEvent,
} from 'electron'
import { startControlPlane, type ControlPlane } from './app.ts'
import { readConfig, type Config } from './config.ts'
import { port as portSchema, type Workspace } from './core/api.ts'
import { AppError } from './core/errors.ts'
import { makeDataDir } from './data-dir.ts'
import { createDoorbell } from './shell/doorbell.ts'
import { createMainWindow } from './shell/main-window.ts'
import { removePartitions } from './shell/partitions.ts'
import { denyByDefault } from './shell/security.ts'
import { createTray } from './shell/tray.ts'
import { createWorkspaceWindows } from './shell/workspace-windows.ts'

/** Prints the dashboard's address for a browser: for a machine whose display nobody sees. */
const PRINT_ADDRESS = '--print-address'

const here = import.meta.dirname
const resource = (name: string): string => join(here, '../../resources', name)

try {
  const config = readConfig(ownFlags(process.argv), process.env)
  makeDataDir(config.data_dir) // before Chromium makes it in its own way
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
  denyByDefault(app)
  const plane = await startControlPlane(config, join(here, '../renderer'))
  removePartitions(app.getPath('userData'), plane.isDeleted).catch(warn)
  let workspaces: Workspace[] = []
  let quitting = false

  app.on('before-quit', () => (quitting = true))
  endWith(plane)

  // Kept alive for as long as the app: closing it only hides it.
  const { window: main, signIn } = createMainWindow({
    url: plane.url,
    signInUrl: plane.signInUrl,
    icon: resource('icon.png'),
    preload: join(here, '../preload/index.cjs'),
    dataDir: config.data_dir,
    quitting: () => quitting,
  })
  const show = (): void => {
    main.show()
    main.focus()
  }
  const known = (id: unknown): Workspace | undefined => workspaces.find((workspace) => workspace.id === id)
  const windows = createWorkspaceWindows({
    url: plane.url,
    icon: resource('icon.png'),
    nameOf: (id) => known(id)?.name ?? 'Workspace',
    answers: (id) => known(id)?.status === 'RUNNING' && known(id)?.operation === 'NONE',
    entryUrl: plane.entryUrl,
    showDashboard: show,
    now: () => performance.now(),
    warn,
  })
  const desire = (id: string, state: 'STANDBY' | 'PENDING', done: string): void => {
    try {
      plane.desire(id, state)
    } catch (error) {
      refused(`${known(id)?.name ?? 'The workspace'} cannot be ${done}`, error)
    }
  }
  const tray = createTray(resource('tray.png'), {
    show,
    open: windows.open,
    stop: (id) => desire(id, 'STANDBY', 'stopped'),
    archive: (id) => desire(id, 'PENDING', 'archived'),
    quit: () => app.quit(),
  })
  setMenu(main)
  const answer = (how: 'allow' | 'deny', guestId: string): void => {
    try {
      plane[how](guestId)
    } catch (error) {
      refused('The guest could not be answered', error)
    }
  }
  const doorbell = createDoorbell({
    make: (options) => new Notification(options),
    show,
    allow: (guestId) => answer('allow', guestId),
    deny: (guestId) => answer('deny', guestId),
  })
  if (Notification.isSupported()) plane.onRing(doorbell.ring)
  plane.watch((now) => {
    const before = workspaces
    workspaces = now
    for (const { id } of before) if (!known(id)) windows.remove(id).catch(warn)
    tray.update(now)
    doorbell.update(now)
  })

  /** @throws unless the dashboard in the main window asks. */
  const onlyDashboard = ({ sender, senderFrame }: IpcMainInvokeEvent): void => {
    const { mainFrame } = main.webContents
    if (sender !== main.webContents || senderFrame !== mainFrame || senderFrame.origin !== plane.url)
      throw new Error('not allowed')
  }
  ipcMain.handle('open-workspace', (event, id: unknown, port: unknown, ...more: unknown[]) => {
    onlyDashboard(event)
    if (typeof id !== 'string' || more.length > 0 || !known(id)) throw new Error('There is no such workspace')
    const inside = portSchema.optional().safeParse(port)
    if (!inside.success) throw new Error('There is no such port')
    windows.open(id, inside.data)
  })
  ipcMain.handle('sign-in', (event, ...more: unknown[]) => {
    onlyDashboard(event)
    if (more.length > 0) throw new Error('Nothing more is needed for that')
    signIn()
  })

  app.on('second-instance', show)
  app.on('activate', show)
  app.on('window-all-closed', () => undefined) // Berth stays in the tray
  if (process.argv.includes(PRINT_ADDRESS)) process.stdout.write(`Berth is at ${plane.signInUrl()}\n`)
}

/** Says why nothing came of a click, without holding up anything else. */
function refused(message: string, error: unknown): void {
  const detail = error instanceof AppError ? `${error.message}\n${error.hint}` : String(error)
  void dialog.showMessageBox({ type: 'warning', message, detail })
}

/** Tells who started Berth of what is nobody's fault. */
function warn(what: unknown): void {
  process.stderr.write(`${what instanceof Error ? String(what.stack) : String(what)}\n`)
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
