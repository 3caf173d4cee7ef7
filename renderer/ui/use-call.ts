import { useState } from 'react'
import { toApiError, type ApiError } from '../api/client.ts'

/** One call at a time: which one is under way, and what went wrong with the last. */
export function useCall<Name extends string>() {
  const [pending, setPending] = useState<Name | null>(null)
  const [problem, setProblem] = useState<ApiError | null>(null)

  async function run(name: Name, work: () => Promise<void>): Promise<void> {
    setPending(name)
    setProblem(null)
    try {
      await work()
    } catch (error) {
      setProblem(toApiError(error))
    } finally {
      setPending(null)
    }
  }

  return { pending, problem, run, dismiss: () => setProblem(null) }
}
