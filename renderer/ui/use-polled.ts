import { useEffect, useEffectEvent, useState, useSyncExternalStore } from 'react'
import { toApiError, type ApiError } from '../api/client.ts'

interface Polled<T> {
  /** The last answer; null before the first, and when there was none. */
  readonly value: T | null
  readonly problem: ApiError | null
}

/** What `load` answers, asked again `ms` after each answer: while `active`, and while the page can be seen. */
export function usePolled<T>(load: () => Promise<T>, ms: number, active: boolean): Polled<T> {
  const [polled, setPolled] = useState<Polled<T>>({ value: null, problem: null })
  const going = useSyncExternalStore(onVisibility, isVisible) && active
  const ask = useEffectEvent(load)

  useEffect(() => {
    if (!going) return
    let current = true
    let timer: ReturnType<typeof setTimeout> | undefined
    const heard = (answer: Polled<T>) => {
      if (!current) return
      setPolled(answer)
      timer = setTimeout(() => void look(), ms)
    }
    const look = () =>
      ask().then(
        (value) => heard({ value, problem: null }),
        (error: unknown) => heard({ value: null, problem: toApiError(error) }),
      )
    void look()
    return () => {
      current = false
      clearTimeout(timer)
    }
  }, [going, ms])

  return polled
}

function isVisible(): boolean {
  return document.visibilityState === 'visible'
}

function onVisibility(changed: () => void): () => void {
  document.addEventListener('visibilitychange', changed)
  return () => document.removeEventListener('visibilitychange', changed)
}
