import { contextBridge, ipcRenderer } from 'electron'

/** What the dashboard may ask of the desktop that is not HTTP. */
const bridge = {
  /** Shows the workspace, or the server on a port inside it, in a window of its own. */
  openWorkspace: (id: string, port?: number): Promise<void> => ipcRenderer.invoke('open-workspace', id, port),
  /** Begins the page anew with a session of the desktop's own user. */
  signIn: (): Promise<void> => ipcRenderer.invoke('sign-in'),
}

export type Bridge = typeof bridge

contextBridge.exposeInMainWorld('berth', bridge)
