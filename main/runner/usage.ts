import type Docker from 'dockerode'
import { engineError } from './engine-errors.ts'
import type { Use } from './runner.ts'

const PATIENCE_MS = 10_000

/** Dockerode's types do not know that it can be given up. */
interface Asked {
  stats: (options: { stream: false; 'one-shot': true; abortSignal: AbortSignal }) => Promise<ContainerStats>
}

/** Of the engine's statistics what is read here: what an engine or its machine cannot tell is left out, or null. */
export interface ContainerStats {
  cpu_stats?: { cpu_usage?: { total_usage?: number } }
  memory_stats?: { usage?: number; stats?: Record<string, number> | null }
}

/** What a container uses; undefined when it does not run. @throws {AppError} */
export async function readUse(docker: Docker, containerId: string): Promise<Use | undefined> {
  try {
    const container = docker.getContainer(containerId) as unknown as Asked
    const abortSignal = AbortSignal.timeout(PATIENCE_MS)
    return useOf(await container.stats({ stream: false, 'one-shot': true, abortSignal }))
  } catch (error) {
    throw engineError(error)
  }
}

/** Memory as `docker stats` shows it: without the part of the file cache that the kernel takes back first. */
export function useOf({ cpu_stats: cpu, memory_stats: memory }: ContainerStats): Use | undefined {
  const nanoseconds = cpu?.cpu_usage?.total_usage ?? 0
  if (nanoseconds === 0) return undefined // whatever runs has used some
  const used = memory?.usage ?? 0
  const cache = memory?.stats?.['total_inactive_file'] ?? memory?.stats?.['inactive_file'] ?? 0
  return { cpuSeconds: nanoseconds / 1e9, memoryBytes: cache < used ? used - cache : used }
}
