import { useState } from 'react'
import { toApiError, type ApiError } from '../../api/client.ts'
import { useServices } from '../../context.ts'
import { nextChange } from '../../store/workspaces.ts'

/** One call at a time for a workspace, pending until the answer and the stream have both spoken. */
export function useAction<Name extends string>(id: string) {
  const { workspaces } = useServices()
  const [pending, setPending] = useState<Name | null>(null)
  const [problem, setProblem] = useState<ApiError | null>(null)

  async function run(name: Name, work: () => Promise<void>, { changes = true } = {}): Promise<void> {
    const seen = workspaces.getState().byId[id]
    setPending(name)
    setProblem(null)
    try {
      await work()
      if (changes) await nextChange(workspaces, id, seen)
    } catch (error) {
      setProblem(toApiError(error))
    } finally {
      setPending(null)
    }
  }

  return { pending, problem, run, dismiss: () => setProblem(null) }
}
