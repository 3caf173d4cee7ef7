import { readFileSync, writeFileSync } from 'node:fs'
import { screen, type BrowserWindow, type Rectangle } from 'electron'

export interface WindowState extends Rectangle {
  maximized: boolean
}

/** Where a window was last; undefined when that is not known or no screen shows it any more. */
export function readWindowState(path: string): WindowState | undefined {
  try {
    const state = JSON.parse(readFileSync(path, 'utf8')) as WindowState
    const { x, y, width, height } = screen.getDisplayMatching(state).workArea
    const visible =
      state.x < x + width && state.x + state.width > x && state.y < y + height && state.y + state.height > y
    return visible ? state : undefined
  } catch {
    return undefined // the first start, or a file that somebody edited
  }
}

/** Tells a window's size and place some time after each change, and when it closes. */
export function followPlace(window: BrowserWindow, note: (state: WindowState) => void): void {
  let timer: NodeJS.Timeout | undefined
  const tell = (): void => {
    clearTimeout(timer)
    if (!window.isDestroyed()) note({ ...window.getNormalBounds(), maximized: window.isMaximized() })
  }
  const soon = (): void => {
    clearTimeout(timer)
    timer = setTimeout(tell, 500)
  }
  window.on('resize', soon)
  window.on('move', soon)
  window.on('close', tell)
}

/** Remembers a window's size and place from now on. */
export function keepWindowState(window: BrowserWindow, path: string): void {
  followPlace(window, (state) => {
    try {
      writeFileSync(path, JSON.stringify(state))
    } catch {
      // A full disk, for one: the window opens elsewhere next time.
    }
  })
}
