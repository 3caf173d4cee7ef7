import { createStore, type StoreApi } from 'zustand/vanilla'
import type { Engine, Trouble, Workspace } from '../../main/core/api.ts'
import type { ServerEvent } from '../api/stream.ts'

export interface WorkspacesState {
  readonly byId: Readonly<Record<string, Workspace>>
  /** Known before a `reset` and not named again since; gone if they are not named before the burst ends. */
  readonly unconfirmed: ReadonlySet<string>
  readonly engine: Engine | null
  /** Why homes cannot be seen; null when they can. */
  readonly homeStoreProblem: Trouble | null
  /** The first burst has come to its end: an empty list now means that there are no workspaces. */
  readonly ready: boolean
  readonly connection: 'connecting' | 'open' | 'lost'
}

export type WorkspacesStore = StoreApi<WorkspacesState>

export const NOTHING_KNOWN: WorkspacesState = {
  byId: {},
  unconfirmed: new Set(),
  engine: null,
  homeStoreProblem: null,
  ready: false,
  connection: 'connecting',
}

/** Only the stream writes here. */
export function createWorkspaces(): WorkspacesStore {
  return createStore<WorkspacesState>(() => NOTHING_KNOWN)
}

export function reduce(state: WorkspacesState, event: ServerEvent): WorkspacesState {
  switch (event.name) {
    case 'reset':
      // Forgetting at once would empty the page for a blink at every reconnect.
      return { ...state, unconfirmed: new Set(Object.keys(state.byId)) }

    case 'state_changed': {
      const { id } = event.data
      if (event.data.status === 'DELETED') return forget(state, [id])
      const unconfirmed = new Set(state.unconfirmed)
      unconfirmed.delete(id)
      return { ...state, byId: { ...state.byId, [id]: event.data }, unconfirmed }
    }

    case 'progress':
      return change(state, event.data.id, { progress: event.data.progress })

    case 'error':
      return change(state, event.data.id, { error_info: event.data.error_info })

    case 'warning':
      return change(state, event.data.id, { next_transition: event.data.transition })

    case 'ring':
      // The workspace itself says who is at its door, and for how long.
      return state

    case 'usage':
      return state // has a store of its own

    case 'home_store':
      return { ...state, homeStoreProblem: event.data.problem }

    case 'engine':
      // The server ends every initial burst with it.
      return { ...forget(state, state.unconfirmed), engine: event.data, ready: true }
  }
}

function change(state: WorkspacesState, id: string, part: Partial<Workspace>): WorkspacesState {
  const known = state.byId[id]
  return known === undefined ? state : { ...state, byId: { ...state.byId, [id]: { ...known, ...part } } }
}

function forget(state: WorkspacesState, ids: Iterable<string>): WorkspacesState {
  const gone = new Set(ids)
  const rest = Object.entries(state.byId).filter(([id]) => !gone.has(id))
  return {
    ...state,
    byId: Object.fromEntries(rest),
    unconfirmed: new Set([...state.unconfirmed].filter((id) => !gone.has(id))),
  }
}

/** Newest first: ids are ULIDs, so the order never changes under the pointer. */
export function orderedIds(state: WorkspacesState): string[] {
  return Object.keys(state.byId).sort((a, b) => (a < b ? 1 : -1))
}

/** Resolves when the stream has said something new about a workspace, or when it is late. */
export function nextChange(
  store: WorkspacesStore,
  id: string,
  seen: Workspace | undefined,
  late = 2_000,
): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      stop()
      resolve()
    }
    const timer = setTimeout(done, late)
    const stop = store.subscribe((state) => {
      if (state.byId[id] !== seen) done()
    })
    if (store.getState().byId[id] !== seen) done()
  })
}
