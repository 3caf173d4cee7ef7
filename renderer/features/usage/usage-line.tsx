import type { Usage, Workspace } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { Sparkline } from './sparkline.tsx'
import { useUsage } from './use-usage.ts'

const words = messages.usage

/** Says on the card of a running workspace what it uses, and how that went. Nothing while that is not known. */
export function UsageLine({ workspace }: { workspace: Workspace }) {
  const samples = useUsage(workspace.id)
  return workspace.status === 'RUNNING' ? <Line workspace={workspace} samples={samples} /> : null
}

export function Line({ workspace, samples }: { workspace: Workspace; samples: readonly Usage[] }) {
  const last = samples.at(-1)
  if (last === undefined) return null
  const { cpus, memory_bytes } = workspace
  const label = words.both(words.cpu(last.cpus, cpus), words.memory(last.memory_bytes, memory_bytes))
  return (
    <p className="usage-line" role="img" aria-label={label} title={label}>
      <span className="usage-name">{words.cpuName}</span>
      <Sparkline values={samples.map((sample) => sample.cpus)} limit={cpus} />
      <span className="usage-value">{words.cpus(last.cpus)}</span>
      <span className="usage-name">{words.memoryName}</span>
      <Sparkline values={samples.map((sample) => sample.memory_bytes)} limit={memory_bytes} />
      <span className="usage-value">{words.bytes(last.memory_bytes)}</span>
    </p>
  )
}
