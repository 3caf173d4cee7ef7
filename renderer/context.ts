import { createContext, use } from 'react'
import { useStore } from 'zustand'
import type { Client } from './api/client.ts'
import type { SessionStore } from './store/session.ts'
import type { UsageStore } from './store/usage.ts'
import type { WorkspacesState, WorkspacesStore } from './store/workspaces.ts'

/** What main.tsx builds once and every feature uses. */
export interface Services {
  readonly client: Client
  readonly session: SessionStore
  readonly workspaces: WorkspacesStore
  readonly usage: UsageStore
}

export const ServicesContext = createContext<Services | null>(null)

export function useServices(): Services {
  const services = use(ServicesContext)
  if (services === null) throw new Error('No services above this component')
  return services
}

export function useWorkspaces<T>(select: (state: WorkspacesState) => T): T {
  return useStore(useServices().workspaces, select)
}
