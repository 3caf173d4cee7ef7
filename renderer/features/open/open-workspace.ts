import { ApiError, type Client } from '../../api/client.ts'
import { messages } from '../../messages.ts'

/** Shows a workspace: in a window of the desktop app, or in a new tab. Call it straight from the click. */
export async function openWorkspace(client: Client, id: string, name: string): Promise<void> {
  if (window.berth !== undefined) return window.berth.openWorkspace(id)
  await openTab(name, () => client.open(id))
}

/** Shows a server inside a workspace in the same way. */
export async function openPort(client: Client, id: string, port: number): Promise<void> {
  if (window.berth !== undefined) return window.berth.openWorkspace(id, port)
  await openTab(messages.ports.port(port), () => client.open(id, { port }))
}

async function openTab(name: string, address: () => Promise<string>): Promise<void> {
  // A browser lets a click open a tab, but not the answer that comes after it.
  const tab = window.open('', '_blank')
  if (tab === null) {
    throw new ApiError(0, { title: messages.open.blockedTitle, hint: messages.open.blockedHint })
  }
  tab.opener = null
  tab.document.title = messages.open.openingTab(name)
  tab.document.documentElement.style.colorScheme = 'light dark'
  try {
    tab.location.replace(await address())
  } catch (error) {
    tab.close()
    throw error
  }
}
