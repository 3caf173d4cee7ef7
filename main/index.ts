/** The desktop app: the control plane with a window, a tray, and a window per workspace. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BrowserWindow, Menu, Notification, app, dialog, ipcMain, type IpcMainInvokeEvent } from 'electron'
import { startControlPlane, type ControlPlane } from './app.ts'
import { readConfig, type Config } from './config.ts'
import { port as portSchema, type Engine, type Workspace } from './core/api.ts'
import { AppError } from './core/errors.ts'
import { makeDataDir } from './data-dir.ts'
import { closing } from './shell/closing.ts'
import { createDoorbell } from './shell/doorbell.ts'
import { setLoginEntry } from './shell/login.ts'
import { createMainWindow } from './shell/main-window.ts'
import { createNotifications } from './shell/notifications.ts'
import { removePartitions } from './shell/partitions.ts'
import { denyByDefault } from './shell/security.ts'
import { registerSwitcher } from './shell/switcher.ts'
import { createTray } from './shell/tray.ts'
import { createWorkspaceWindows } from './shell/workspace-windows.ts'

/** Prints the dashboard's address for a browser: for a machine whose display nobody sees. */
const PRINT_ADDRESS = '--print-address'
/** How long the tray and a notification keep a workspace awake. */
const AWAKE_MS = 3_600_000

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
  const { preferences } = plane
  let workspaces: Workspace[] = []
  let engine: Engine | undefined
  let quitting = false
  /** There once the person was told that quitting leaves workspaces running. */
  const told = join(app.getPath('userData'), 'quitting-explained')

  app.on('before-quit', () => (quitting = true))
  endWith(plane)

  const { window: main, signIn } = createMainWindow({
    url: plane.url,
    signInUrl: plane.signInUrl,
    icon: resource('icon.png'),
    preload: join(here, '../preload/index.cjs'),
    dataDir: config.data_dir,
    hidden: preferences.get().start_hidden,
    quitting: () => quitting,
    onClose: lastClosed,
  })
  const show = (): void => {
    if (main.isDestroyed()) return // Berth is closing
    main.show()
    main.focus()
  }
  app.on('browser-window-created', (_event, window) => {
    let byPerson = false // and not because its workspace is gone
    window.on('close', () => (byPerson = true))
    window.on('closed', () => {
      if (byPerson && !quitting && !main.isVisible() && !main.isMinimized()) lastClosed()
    })
  })
  const known = (id: unknown): Workspace | undefined => workspaces.find((workspace) => workspace.id === id)
  const windows = createWorkspaceWindows({
    url: plane.url,
    icon: resource('icon.png'),
    memoryPath: join(config.data_dir, 'workspace-windows.json'),
    workspaceOf: known,
    quitting: () => quitting,
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
  const keepAwake = (id: string, wanted = true): void => {
    try {
      plane.keepAwake(id, wanted ? Date.now() + AWAKE_MS : null)
    } catch (error) {
      refused(`${known(id)?.name ?? 'The workspace'} cannot be kept awake`, error)
    }
  }
  const tray = createTray((state) => resource(`tray-${state}.png`), {
    show,
    open: windows.open,
    stop: (id) => desire(id, 'STANDBY', 'stopped'),
    archive: (id) => desire(id, 'PENDING', 'archived'),
    keepAwake,
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
  const notifications = createNotifications({
    make: (options) => new Notification(options),
    wants: (kind) => Notification.isSupported() && preferences.get()[`notify_${kind}`],
    show,
    keepAwake,
  })
  plane.onRing((workspace, guest) => {
    if (Notification.isSupported() && preferences.get().notify_guest_rings) doorbell.ring(workspace, guest)
  })
  plane.onWarning(notifications.warn)
  const showInTray = (): void => {
    if (engine) tray.update({ workspaces, engine, now: Date.now() })
  }
  plane.onEngine((now) => {
    engine = now
    showInTray()
  })
  plane.watch((now) => {
    const before = workspaces
    workspaces = now
    for (const { id } of before) if (!known(id)) windows.remove(id).catch(warn)
    showInTray()
    doorbell.update(now)
    notifications.update(now)
    windows.update()
  })

  /** A person has closed the last window that they saw, the dashboard's or another. */
  function lastClosed(): void {
    const others = BrowserWindow.getAllWindows().some((window) => window !== main && !window.isDestroyed())
    const toTray = preferences.get().close_to_tray
    const running = workspaces.filter(({ status }) => status === 'RUNNING')
    const next = closing({ others, toTray, running: running.length, told: existsSync(told) })
    if (next === 'hide') main.hide()
    else if (next === 'quit') app.quit()
    else askBeforeQuit(running).catch(warn)
  }
  async function askBeforeQuit(running: readonly Workspace[]): Promise<void> {
    const options = {
      type: 'question' as const,
      message: 'Quit Berth?',
      detail: `Still running: ${running.map(({ name }) => name).join(', ')}. They go on without Berth, and nothing puts them to sleep then. In the tray, Berth goes on looking after them.`,
      buttons: ['Quit', 'Keep in tray', 'Cancel'],
      defaultId: 1,
      cancelId: 2,
    }
    const asked = main.isVisible() ? dialog.showMessageBox(main, options) : dialog.showMessageBox(options)
    const { response } = await asked
    if (response === 2) return show()
    if (response === 1) {
      main.hide()
      try {
        preferences.patch({ close_to_tray: true })
      } catch (error) {
        refused('That choice could not be kept', error)
      }
      return
    }
    try {
      writeFileSync(told, '')
    } catch (error) {
      warn(error) // then it is asked again
    }
    app.quit()
  }
  let atLogin: boolean | undefined
  const keepLogin = (): void => {
    const wanted = preferences.get().start_at_login
    if (wanted === atLogin) return
    atLogin = wanted
    try {
      startAtLogin(config.data_dir, wanted)
    } catch (error) {
      warn(error)
    }
  }
  keepLogin()
  preferences.subscribe(keepLogin)

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

  registerSwitcher(main, show)
  app.on('second-instance', show)
  app.on('activate', show)
  if (process.argv.includes(PRINT_ADDRESS)) process.stdout.write(`Berth is at ${plane.signInUrl()}\n`)
}

/** Has the system start Berth at login as it was started now, or no longer. */
function startAtLogin(dataDir: string, wanted: boolean): void {
  const sandbox = process.argv.filter((argument) => argument === '--no-sandbox')
  const folder = app.isPackaged ? [] : [app.getAppPath()]
  // Of a flag that comes twice the last holds.
  const args = [...sandbox, ...folder, ...ownFlags(process.argv), '--data-dir', dataDir]
  if (process.platform !== 'linux')
    return app.setLoginItemSettings({ openAtLogin: wanted, path: process.execPath, args })
  const dir = join(app.getPath('appData'), 'autostart')
  setLoginEntry({ dir, dataDir, command: [process.execPath, ...args] }, wanted)
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
