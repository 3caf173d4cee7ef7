import type { Listening, Workspace } from '../../../main/core/api.ts'
import type { ApiError } from '../../api/client.ts'
import { useServices } from '../../context.ts'
import { usePolled } from '../../ui/use-polled.ts'

const EVERY_MS = 3_000
const NONE = { value: null, problem: null }

/** The servers that listen inside a workspace now; null while that is not known, and while it does not run. */
export function useListening({ id, status }: Workspace): {
  value: Listening[] | null
  problem: ApiError | null
} {
  const { client } = useServices()
  const running = status === 'RUNNING'
  const listening = usePolled(() => client.ports(id), EVERY_MS, running)
  return running ? listening : NONE
}
