import type { Engine, ErrorInfo, Progress } from '../core/api.ts'

/** What is announced inside the main process. A workspace's news are in its row, which is committed by then. */
export type News =
  | { readonly kind: 'workspace'; readonly id: string }
  | { readonly kind: 'progress'; readonly id: string; readonly progress: Progress | null }
  | { readonly kind: 'error'; readonly id: string; readonly errorInfo: ErrorInfo }
  | { readonly kind: 'engine'; readonly engine: Engine }

export type Bus = ReturnType<typeof createBus>

/** Tells everyone who listens, at once and in order. It announces facts and never asks for anything. */
export function createBus() {
  const listeners = new Set<(news: News) => void>()
  return {
    publish(news: News): void {
      for (const listener of listeners) listener(news)
    },
    /** Returns the function that ends the subscription. */
    subscribe(listener: (news: News) => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
