import { createStore, type StoreApi } from 'zustand/vanilla'
import type { Usage } from '../../main/core/api.ts'
import type { ServerEvent } from '../api/stream.ts'

const KEPT = 60
const KEPT_MS = 5 * 60_000

/** What running workspaces used in the last minutes, the oldest first. Apart from the workspaces: it changes all the time. */
export interface UsageState {
  readonly byId: Readonly<Record<string, readonly Usage[]>>
}
export type UsageStore = StoreApi<UsageState>

export const NOTHING_USED: UsageState = { byId: {} }

export function createUsage(): UsageStore {
  return createStore<UsageState>(() => NOTHING_USED)
}

export function reduceUsage(state: UsageState, event: ServerEvent): UsageState {
  switch (event.name) {
    case 'usage':
      return add(state, event.data.id, [event.data.usage])
    case 'state_changed':
      return event.data.status === 'RUNNING' ? state : forget(state, event.data.id)
    case 'engine':
      return event.data.reachable ? state : NOTHING_USED // nothing is known by now
    default:
      return state
  }
}

/** Samples that are known from elsewhere, before those that came meanwhile. */
export function withLoaded(state: UsageState, id: string, loaded: readonly Usage[]): UsageState {
  const last = loaded.at(-1)
  if (last === undefined) return state
  const newer = state.byId[id]?.filter(({ at }) => at > last.at) ?? []
  return add(forget(state, id), id, [...loaded, ...newer])
}

function add(state: UsageState, id: string, samples: readonly Usage[]): UsageState {
  const all = [...(state.byId[id] ?? []), ...samples]
  const newest = Date.parse(all.at(-1)?.at ?? '')
  const kept = all.slice(-KEPT).filter(({ at }) => newest - Date.parse(at) <= KEPT_MS)
  return { byId: { ...state.byId, [id]: kept } }
}

function forget(state: UsageState, id: string): UsageState {
  if (state.byId[id] === undefined) return state
  return { byId: Object.fromEntries(Object.entries(state.byId).filter(([known]) => known !== id)) }
}
