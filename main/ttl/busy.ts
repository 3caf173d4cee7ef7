/** What goes on in an instance, as the runner tells it. */
export interface Work {
  cpuSeconds: number
  commands: string[]
}

/** A look at it, at a time of the monotonic clock in milliseconds. */
export interface Sample extends Work {
  at: number
}

/** An editor that nobody looks at needs less than this many CPUs. */
const BUSY_CPUS = 0.1
const MAX_LENGTH = 80

/** What keeps an instance busy, in words; null when nothing does. CPU time is judged between two looks. */
export function busyWith(before: Sample | null, { at, cpuSeconds, commands }: Sample): string | null {
  const [first, ...more] = commands
  if (first !== undefined) {
    const others = more.length > 0 ? ` and ${more.length} more` : ''
    return `\`${shortened(first)}\`${others}`
  }
  if (!before || at <= before.at) return null
  const cpus = ((cpuSeconds - before.cpuSeconds) * 1_000) / (at - before.at)
  return cpus >= BUSY_CPUS ? `work that uses ${cpus.toFixed(1)} CPUs` : null
}

/** A command line to show: short, and without what may be a secret. */
function shortened(command: string): string {
  const safe = command
    .replace(/\b([A-Z][A-Z0-9_]*=)\S+/g, '$1…')
    .replace(/(-\S*(?:password|passwd|token|secret|key)[= ])\S+/gi, '$1…')
  return safe.length > MAX_LENGTH ? `${safe.slice(0, MAX_LENGTH - 1)}…` : safe
}
