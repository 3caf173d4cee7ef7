import type { Settings } from '../../../main/core/api.ts'

type Theme = Settings['theme']
const KEY = 'berth.theme'

/** Gives the whole page this theme, and the next page until it knows better. */
export function showTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset['theme']
  else document.documentElement.dataset['theme'] = theme
  try {
    localStorage.setItem(KEY, theme)
  } catch {
    // A browser that keeps nothing begins with the system's.
  }
}

/** The one that was shown last. */
export function lastTheme(): Theme {
  try {
    const kept = localStorage.getItem(KEY)
    return kept === 'light' || kept === 'dark' ? kept : 'system'
  } catch {
    return 'system'
  }
}
