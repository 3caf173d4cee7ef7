import type { Duplex, Writable } from 'node:stream'

export type Kind = 'socket' | 'answer' | 'events'

interface Connection {
  readonly workspaceId: string
  readonly visitor: string
  readonly kind: Kind
  readonly stream: Duplex | Writable
}

export type Connections = ReturnType<typeof createConnections>

/**
 * What is open of each workspace and each visitor: WebSockets, answers in flight, event streams. `onVisitor` is called
 * when a visitor's number becomes 0 or stops being 0.
 */
export function createConnections(onVisitor: (workspaceId: string, visitor: string) => void) {
  const byVisitor = new Map<string, Set<Connection>>()
  const byWorkspace = new Map<string, Set<Connection>>()

  const of = (map: Map<string, Set<Connection>>, key: string): Connection[] => [...(map.get(key) ?? [])]

  function remove(map: Map<string, Set<Connection>>, key: string, connection: Connection): number {
    const left = map.get(key)
    left?.delete(connection)
    if (left?.size === 0) map.delete(key)
    return left?.size ?? 0
  }

  return {
    /** Counts until the stream closes. */
    add(connection: Connection): void {
      const { workspaceId, visitor, stream } = connection
      if (stream.destroyed || stream.closed) return
      for (const [map, key] of [
        [byVisitor, visitor],
        [byWorkspace, workspaceId],
      ] as const)
        map.set(key, (map.get(key) ?? new Set()).add(connection))
      if (byVisitor.get(visitor)!.size === 1) onVisitor(workspaceId, visitor)
      stream.once('close', () => {
        remove(byWorkspace, workspaceId, connection)
        if (remove(byVisitor, visitor, connection) === 0) onVisitor(workspaceId, visitor)
      })
    },

    /** Ends the WebSockets of a workspace. */
    disconnect(workspaceId: string): void {
      for (const { kind, stream } of of(byWorkspace, workspaceId)) if (kind === 'socket') stream.destroy()
    },

    /** Ends all that a visitor has open. */
    expel(visitor: string): void {
      for (const { stream } of of(byVisitor, visitor)) stream.destroy()
    },

    count: (visitor: string): number => byVisitor.get(visitor)?.size ?? 0,

    /** Ends all there are; resolves once they have closed. */
    async closeAll(): Promise<void> {
      const all = [...byVisitor.values()].flatMap((connections) => [...connections])
      await Promise.all(
        all.map(
          ({ stream }) =>
            new Promise((resolve) => {
              stream.once('close', resolve)
              stream.destroy()
            }),
        ),
      )
    },
  }
}
