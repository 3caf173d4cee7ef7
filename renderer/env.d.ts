// A global script: an import at the top would make its declarations local.
declare module '*.css'

interface Window {
  /** Only in the desktop app. */
  berth?: import('../preload/index.ts').Bridge
}
