import { shell, type Session, type WebContents } from 'electron'

/** Hands a link to the person's browser, if it is one for a browser. */
export function openExternal(url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : ''
  if (protocol === 'https:' || protocol === 'http:') void shell.openExternal(url)
}

/** Grants the named permissions to pages of this session, and denies every other. */
export function restrictPermissions(session: Session, granted: readonly string[]): void {
  session.setPermissionRequestHandler((_contents, permission, answer) => answer(granted.includes(permission)))
  session.setPermissionCheckHandler((_contents, permission) => granted.includes(permission))
  session.setDevicePermissionHandler(() => false)
}

/** Keeps a page where `stays` says; `elsewhere` is told of every other place it wants to go. */
export function lockNavigation(
  contents: WebContents,
  stays: (url: string) => boolean,
  elsewhere: (url: string) => void,
): void {
  const guard = (event: Electron.Event<{ url: string; isMainFrame?: boolean }>): void => {
    if (event.isMainFrame === false || stays(event.url)) return
    event.preventDefault()
    elsewhere(event.url)
  }
  contents.on('will-navigate', guard)
  contents.on('will-redirect', guard)
  contents.on('will-attach-webview', (event) => event.preventDefault())
}
