import { globalShortcut, type BrowserWindow } from 'electron'

/** Shows the dashboard with its palette, wherever the person is. */
const SHORTCUT = 'CommandOrControl+Alt+Shift+B'

/** From now on a shortcut of the whole desktop leads to the dashboard's palette; where something else has it, nothing does. */
export function registerSwitcher(main: BrowserWindow, show: () => void): void {
  globalShortcut.register(SHORTCUT, () => {
    if (main.isDestroyed()) return
    show()
    // The page listens for it. Not a key: that would depend on the focus, which comes later.
    main.webContents.executeJavaScript("location.hash = 'palette'").catch(() => undefined)
  })
}
