import { contextBridge, ipcRenderer } from 'electron'

/** What the dashboard may ask of the desktop that is not HTTP. */
const bridge = {
  /** Shows the workspace in a window of its own. */
  openWorkspace: (id: string): Promise<void> => ipcRenderer.invoke('open-workspace', id),
}

export type Bridge = typeof bridge

contextBridge.exposeInMainWorld('berth', bridge)
