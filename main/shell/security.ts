import { shell, type App, type Session, type WebContents } from 'electron'
import { CODE } from '../gateway/address.ts'

/** Hands a link to the person's browser, if it is one for a browser. */
export function openExternal(url: string): void {
  if (URL.canParse(url) && leadsOut(new URL(url)))
    void shell.openExternal(new URL(url).href).catch(() => undefined) // no browser
}

/** Whether a link is one for a browser: of the web, and without a code, which everybody on this machine could read in the command line. */
export const leadsOut = ({ protocol, href }: URL): boolean =>
  (protocol === 'https:' || protocol === 'http:') && !href.includes(CODE)

/** Whether an address is the dashboard's or any workspace's, of the Berth that listens on `port`. */
export const isOurs = (url: URL, port: number): boolean =>
  url.port === String(port) && /^(127\.0\.0\.1|(.+\.)?localhost\.?)$/.test(url.hostname)

/** What a page may do or see that is not its own: nothing, until its window says otherwise. */
export function denyByDefault(app: App): void {
  app.on('session-created', (session) => restrictPermissions(session, '', []))
  app.on('web-contents-created', (_event, contents) => {
    contents.setWindowOpenHandler(() => ({ action: 'deny' }))
    contents.on('will-attach-webview', (event) => event.preventDefault())
  })
}

/** Grants the named permissions to pages of one origin in this session, and denies every other to all. */
export function restrictPermissions(session: Session, origin: string, granted: readonly string[]): void {
  const may = (permission: string, url: string | undefined): boolean =>
    granted.includes(permission) && originOf(url) === origin
  session.setPermissionRequestHandler((_contents, permission, answer, details) =>
    answer(may(permission, details.requestingUrl)),
  )
  session.setPermissionCheckHandler((_contents, permission, requestingOrigin) =>
    may(permission, requestingOrigin),
  )
  session.setDevicePermissionHandler(() => false)
}

interface Bounds {
  /** Where the window's own page may be. */
  page: (url: URL) => boolean
  /** Where the frames inside it may be. */
  frames: (url: URL) => boolean
  /** Is told of every other place where the page wants to go. */
  elsewhere: (url: URL) => void
}

/** Keeps a window's page, and the frames inside it, within their bounds. */
export function lockNavigation(contents: WebContents, { page, frames, elsewhere }: Bounds): void {
  const guard = (event: Electron.Event<{ url: string; isMainFrame: boolean }>): void => {
    const url = URL.canParse(event.url) ? new URL(event.url) : undefined
    if (url && (event.isMainFrame ? page(url) : frames(url))) return
    event.preventDefault()
    if (url && event.isMainFrame) elsewhere(url)
  }
  // Of the page and of frames; `will-navigate` would say the same of the page again.
  contents.on('will-frame-navigate', guard)
  contents.on('will-redirect', guard)
}

/** What a frame may hold. Anything else leads out of the browser (`vscode:`, `smb:`, …) or to files. */
export const isWeb = ({ protocol }: URL): boolean =>
  ['http:', 'https:', 'about:', 'blob:', 'data:'].includes(protocol)

const originOf = (url: string | undefined): string | undefined =>
  url !== undefined && URL.canParse(url) ? new URL(url).origin : undefined
