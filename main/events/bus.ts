import type { Engine, ErrorInfo, Guest, Progress, Transition, Trouble, Usage } from '../core/api.ts'

/** What is announced inside the main process. A workspace's news are in its row, which is committed by then. */
export type News =
  | { readonly kind: 'workspace'; readonly id: string }
  | { readonly kind: 'progress'; readonly id: string; readonly progress: Progress | null }
  | { readonly kind: 'error'; readonly id: string; readonly errorInfo: ErrorInfo }
  | { readonly kind: 'warning'; readonly id: string; readonly transition: Transition }
  | { readonly kind: 'ring'; readonly id: string; readonly guest: Guest }
  | { readonly kind: 'usage'; readonly id: string; readonly usage: Usage }
  | { readonly kind: 'engine'; readonly engine: Engine }
  | { readonly kind: 'home_store'; readonly problem: Trouble | null }

export type Bus = ReturnType<typeof createBus>

/**
 * Tells everyone who listens, at once and in order. It announces facts and never asks for anything: a listener
 * that throws harms neither the others nor the one who announces; `onError` is told.
 */
export function createBus(onError: (error: unknown) => void) {
  const listeners = new Set<(news: News) => void>()
  return {
    publish(news: News): void {
      for (const listener of listeners)
        try {
          listener(news)
        } catch (error) {
          onError(error)
        }
    },
    /** Returns the function that ends the subscription. */
    subscribe(listener: (news: News) => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
  }
}
