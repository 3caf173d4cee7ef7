import { useEffect } from 'react'
import type { Workspace } from '../../../main/core/api.ts'
import { useServices } from '../../context.ts'
import { messages } from '../../messages.ts'
import { withLoaded } from '../../store/usage.ts'
import { Sparkline } from './sparkline.tsx'
import { useUsage } from './use-usage.ts'

const words = messages.usage

/** What a running workspace uses of what it may, with the last minutes. */
export function UsageBlock({ workspace: { id, cpus, memory_bytes } }: { workspace: Workspace }) {
  const { client, usage } = useServices()
  const samples = useUsage(id)
  useEffect(() => {
    client.stats(id).then(
      (loaded) => usage.setState((state) => withLoaded(state, id, loaded.samples)),
      () => undefined, // the stream tells what comes
    )
  }, [client, usage, id])

  const last = samples.at(-1)
  if (last === undefined) return words.none
  return (
    <ul className="usage-block">
      <li>
        <span>{words.cpu(last.cpus, cpus)}</span>
        <Sparkline values={samples.map((sample) => sample.cpus)} limit={cpus} />
      </li>
      <li>
        <span>{words.memoryAlone(last.memory_bytes, memory_bytes)}</span>
        <Sparkline values={samples.map((sample) => sample.memory_bytes)} limit={memory_bytes} />
      </li>
    </ul>
  )
}
