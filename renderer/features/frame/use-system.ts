import { createContext, use } from 'react'
import type { System } from '../../../main/core/api.ts'
import { useServices, useWorkspaces } from '../../context.ts'
import { useLoaded } from '../../ui/use-loaded.ts'

export const SystemContext = createContext<System | null>(null)

/** Facts about Berth; null until they are known. */
export const useSystem = (): System | null => use(SystemContext)

/** Has them asked again: something of them was changed. */
export const ReloadSystem = createContext<() => void>(() => undefined)

/** The same for all below, asked again when it may have been another one, or have another Docker. */
export function useLoadedSystem() {
  const { client } = useServices()
  const version = useWorkspaces(
    ({ connection, engine }) => connection === 'open' && `docker ${engine?.version ?? ''}`,
  )
  return useLoaded(() => client.system(), version)
}
