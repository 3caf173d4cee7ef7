/** How the list is looked at: what is searched for, which states, in which order and shape. Pure. */

export const GROUPS = ['running', 'asleep', 'archived', 'failed'] as const
export type Group = (typeof GROUPS)[number]

export const SORTS = ['newest', 'used', 'name'] as const
export const LAYOUTS = ['list', 'grid'] as const

/** What this browser remembers. */
export interface Taste {
  readonly sort: (typeof SORTS)[number]
  readonly layout: (typeof LAYOUTS)[number]
}

export interface View extends Taste {
  readonly query: string
  /** Null: all. */
  readonly only: Group | null
}

export const PLAIN: View = { query: '', only: null, sort: 'newest', layout: 'list' }

/** Whether it leaves anything out. */
export const narrows = ({ query, only }: View): boolean => query.trim() !== '' || only !== null

/** From this many workspaces on there is something to look for. */
const MANY = 4

/** Whether the tools are shown: where there is much to look at, and where something is to be undone. */
export const needsTools = (total: number, view: View): boolean =>
  total > 0 && (total >= MANY || narrows(view) || view.sort !== PLAIN.sort || view.layout !== PLAIN.layout)

const KEY = 'berth.list'

/** What is no longer understood counts as not said; so does all when the browser keeps nothing. */
export function recallTaste(storage: () => Pick<Storage, 'getItem'>): Taste {
  try {
    const said = JSON.parse(storage().getItem(KEY) ?? '{}') as Partial<Record<keyof Taste, unknown>>
    return {
      sort: SORTS.find((sort) => sort === said.sort) ?? PLAIN.sort,
      layout: LAYOUTS.find((layout) => layout === said.layout) ?? PLAIN.layout,
    }
  } catch {
    return PLAIN
  }
}

export function rememberTaste(storage: () => Pick<Storage, 'setItem'>, { sort, layout }: Taste): void {
  try {
    storage().setItem(KEY, JSON.stringify({ sort, layout }))
  } catch {
    // A full or forbidden storage: it lasts as long as the page.
  }
}
