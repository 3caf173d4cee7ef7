import type Docker from 'dockerode'
import { workspaceId } from '../core/api.ts'
import { homeOf, LABEL_INSTALLATION, LABEL_PURPOSE, LABEL_WORKSPACE } from './container-spec.ts'
import { engineError, statusOf } from './engine-errors.ts'
import type { Orphan } from './runner.ts'

/** An engine that says nothing for this long is not there. */
const PATIENCE_MS = 10_000

/** This installation's instances of workspaces that `isKnown` does not know; nobody else's container ever. */
export async function listOrphans(
  docker: Docker,
  installation: string,
  isKnown: (id: string) => boolean,
): Promise<Orphan[]> {
  try {
    const label = [`${LABEL_INSTALLATION}=${installation}`, `${LABEL_PURPOSE}=instance`]
    const abortSignal = AbortSignal.timeout(PATIENCE_MS)
    const containers = await docker.listContainers({ all: true, filters: { label }, abortSignal })
    const orphans = new Map<string, Orphan>()
    for (const { Id, Labels } of containers) {
      const id = Labels[LABEL_WORKSPACE]
      if (!workspaceId.safeParse(id).success || isKnown(id!)) continue
      const info = await inspect(docker, Id)
      if (info) orphans.set(id!, toOrphan(id!, info))
    }
    return [...orphans.values()]
  } catch (error) {
    throw engineError(error)
  }
}

/** Undefined when it has gone since it was listed. */
async function inspect(docker: Docker, container: string): Promise<Docker.ContainerInspectInfo | undefined> {
  try {
    return await docker.getContainer(container).inspect()
  } catch (error) {
    if (statusOf(error) === 404) return undefined
    throw error
  }
}

const toOrphan = (id: string, info: Docker.ContainerInspectInfo): Orphan => ({
  id,
  imageRef: info.Config.Image,
  cpus: (info.HostConfig.NanoCpus ?? 0) / 1e9,
  memoryBytes: info.HostConfig.Memory ?? 0,
  homePath: homeOf(info),
})
