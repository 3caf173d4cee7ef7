import { useEffect } from 'react'
import { useStore } from 'zustand'
import { useServices, useWorkspaces } from '../../context.ts'
import { useLoaded } from '../../ui/use-loaded.ts'
import { showTheme } from './theme.ts'

/** Shows the theme that is set; only the desktop's own user sets and sees it. */
export function useTheme(): void {
  const { client, session } = useServices()
  const isOther = useStore(session, (now) => now.status === 'signed-in' && now.user?.desktop === false)
  const connected = useWorkspaces(({ connection }) => connection === 'open')
  const { value } = useLoaded(() => client.settings(), !isOther && connected && 'settings')
  const theme = isOther ? 'system' : value?.theme
  useEffect(() => {
    if (theme !== undefined) showTheme(theme)
  }, [theme])
}
