import { useServices } from '../../context.ts'
import { nextChange } from '../../store/workspaces.ts'
import { useCall } from '../../ui/use-call.ts'

/** One call at a time for a workspace, pending until the answer and the stream have both spoken. */
export function useAction<Name extends string>(id: string) {
  const { workspaces } = useServices()
  const call = useCall<Name>()

  const run = (name: Name, work: () => Promise<void>, { changes = true } = {}): Promise<void> =>
    call.run(name, async () => {
      const seen = workspaces.getState().byId[id]
      await work()
      if (changes) await nextChange(workspaces, id, seen)
    })

  return { ...call, run }
}
