import { useEffect, useEffectEvent, useState } from 'react'
import { toApiError, type ApiError } from '../api/client.ts'

interface Loaded<T> {
  /** The last answer; null before the first. */
  readonly value: T | null
  readonly problem: ApiError | null
}

/** What `load` answers, asked again whenever `version` is another; `false`: not now. */
export function useLoaded<T>(load: () => Promise<T>, version: string | false) {
  const [loaded, setLoaded] = useState<Loaded<T>>({ value: null, problem: null })
  const [asked, setAsked] = useState(0)
  const ask = useEffectEvent(load)

  useEffect(() => {
    if (version === false) return
    let current = true
    ask().then(
      (value) => current && setLoaded({ value, problem: null }),
      (error: unknown) => current && setLoaded(({ value }) => ({ value, problem: toApiError(error) })),
    )
    return () => {
      current = false
    }
  }, [version, asked])

  return { ...loaded, reload: () => setAsked((before) => before + 1) }
}
