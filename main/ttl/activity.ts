import type { Logger } from '../core/logger.ts'

/** `last_access_at` moves at most this often, but for the end of a WebSocket. */
const TOUCH_MS = 30_000
/** Requests come by the hundred: news of them are told after this long, in one. */
const NEWS_MS = 1_000
/** A request in flight for this long is told as a connection. */
const LONG_MS = 5_000

type Kind = 'socket' | 'request'

interface Use {
  kind: Kind
  since: number
}

interface Uses {
  inFlight: Set<Use>
  lastEndAt: number | null
  touchedAt: number | null
  news: NodeJS.Timeout | undefined
}

export interface ActivityDeps {
  now: () => number
  /** Writes `last_access_at`. */
  touch: (id: string, at: number) => void
  onChange: (id: string) => void
  log: Logger
}

export type Activities = ReturnType<typeof createActivity>

/** Who is at work in each workspace: WebSockets, and requests that it answered. */
export function createActivity({ now, touch, onChange, log }: ActivityDeps) {
  const all = new Map<string, Uses>()

  function usesOf(id: string): Uses {
    const uses = all.get(id) ?? { inFlight: new Set(), lastEndAt: null, touchedAt: null, news: undefined }
    all.set(id, uses)
    return uses
  }

  function write(id: string, uses: Uses, always: boolean): void {
    const at = now()
    // Either way: a clock that was set back must not stop this for as long.
    const lately = uses.touchedAt !== null && Math.abs(at - uses.touchedAt) < TOUCH_MS
    if (lately && !always) return
    uses.touchedAt = at
    try {
      touch(id, at)
    } catch (error) {
      log.error({ id, err: error }, 'could not write the last access')
    }
  }

  function tell(id: string, uses: Uses, kind: Kind): void {
    if (kind === 'socket') return onChange(id)
    uses.news ??= setTimeout(() => {
      uses.news = undefined
      onChange(id)
    }, NEWS_MS).unref()
  }

  return {
    /** A WebSocket is open, or a request is being answered, until the returned function is called. */
    begin(id: string, kind: Kind): () => void {
      const uses = usesOf(id)
      const use = { kind, since: now() }
      uses.inFlight.add(use)
      write(id, uses, false)
      tell(id, uses, kind)
      return () => {
        if (!uses.inFlight.delete(use)) return
        uses.lastEndAt = now()
        write(id, uses, kind === 'socket')
        tell(id, uses, kind)
      }
    },

    inFlight: (id: string): boolean => (all.get(id)?.inFlight.size ?? 0) > 0,

    /** WebSockets and long answers in flight. */
    connections(id: string): number {
      const uses = [...(all.get(id)?.inFlight ?? [])]
      return uses.filter(({ kind, since }) => kind === 'socket' || now() - since >= LONG_MS).length
    },

    lastEndAt: (id: string): number | null => all.get(id)?.lastEndAt ?? null,

    /** Of a workspace that is no more; what is still in flight ends without a word. */
    forget(id: string): void {
      const uses = all.get(id)
      uses?.inFlight.clear()
      clearTimeout(uses?.news)
      all.delete(id)
    },
  }
}
