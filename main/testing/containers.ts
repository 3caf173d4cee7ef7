import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { PassThrough, type Readable } from 'node:stream'
import type Docker from 'dockerode'
import tar from 'tar-stream'
import { expect } from 'vitest'
import { LABEL_PURPOSE, LABEL_WORKSPACE, containerName } from '../runner/container-spec.ts'

/** What a command said, and how it ended. */
export interface Said {
  code: number
  stdout: string
  stderr: string
}

/** Runs a command in the container of a workspace, as the user it runs as. */
export async function exec(docker: Docker, id: string, command: string[] | string): Promise<Said> {
  const call = await docker.getContainer(containerName(id)).exec({
    Cmd: typeof command === 'string' ? ['sh', '-c', command] : command,
    AttachStdout: true,
    AttachStderr: true,
  })
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  const stream = await call.start({ hijack: true, stdin: false })
  docker.modem.demuxStream(stream, stdout, stderr)
  stream.on('close', () => {
    stdout.end()
    stderr.end()
  })
  const [out, err] = await Promise.all([text(stdout), text(stderr)])
  const { ExitCode } = await call.inspect()
  return { code: ExitCode ?? -1, stdout: out.trim(), stderr: err.trim() }
}

/** For a shell inside: Node, which the workspace image has somewhere. */
export const NODE = '"$(command -v node || echo /usr/lib/code-server/lib/node)"'

/** Leaves a Node program running in the container of a workspace. */
export async function launch(docker: Docker, id: string, program: string): Promise<void> {
  const call = await docker
    .getContainer(containerName(id))
    .exec({ Cmd: ['sh', '-c', `exec ${NODE} -e "$0"`, program] })
  await call.start({ Detach: true })
}

/** The text of a file of an image. */
export async function fileOfImage(
  docker: Docker,
  { ref, path, labels }: { ref: string; path: string; labels: Record<string, string> },
): Promise<string> {
  const container = await docker.createContainer({ Image: ref, Labels: labels })
  try {
    const archive = (await container.getArchive({ path })) as Readable
    for await (const entry of archive.pipe(tar.extract())) return await text(entry)
    throw new Error(`${path} is not in ${ref}`)
  } finally {
    await container.remove()
  }
}

/** The container of a workspace; undefined when there is none. */
export async function containerOf(
  docker: Docker,
  id: string,
): Promise<Docker.ContainerInspectInfo | undefined> {
  try {
    return await docker.getContainer(containerName(id)).inspect()
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode === 404) return undefined
    throw error
  }
}

/** All containers of a workspace by its label, whatever they are called. */
export const containersOf = (docker: Docker, id: string): Promise<Docker.ContainerInfo[]> =>
  docker.listContainers({ all: true, filters: { label: [`${LABEL_WORKSPACE}=${id}`] } })

/** How often a container of a workspace was started lately, by the engine's own memory. */
export async function startsOf(docker: Docker, id: string): Promise<number> {
  const until = Math.ceil(Date.now() / 1_000)
  const filters = { type: ['container'], event: ['start'], label: [`${LABEL_WORKSPACE}=${id}`] }
  const told = await docker.getEvents({ since: until - 600, until, filters: JSON.stringify(filters) })
  return (await text(told as Readable)).split('\n').filter(Boolean).length
}

/** The containers from which homes are being seeded, among those with `label`. */
export const seedsOf = (docker: Docker, label: string): Promise<Docker.ContainerInfo[]> =>
  docker.listContainers({
    all: true,
    filters: { label: [`io.berth.label=${label}`, `${LABEL_PURPOSE}=seed`] },
  })

/** What is wrong with how a workspace's container is confined: nothing, one hopes. */
export function confinementFaults(container: Docker.ContainerInspectInfo): string[] {
  const { HostConfig: host, Config: config, Mounts: mounts, NetworkSettings: network } = container
  const { CapDrop, SecurityOpt } = host as { CapDrop?: string[]; SecurityOpt?: string[] }
  const id = config.Labels[LABEL_WORKSPACE] ?? ''
  const bindings = Object.values((host.PortBindings ?? {}) as Record<string, { HostIp: string }[]>).flat()
  const published = bindings.length > 0
  const wanted: Record<string, boolean> = {
    'all capabilities dropped': CapDrop?.join() === 'ALL' && !host.CapAdd?.length,
    'no new privileges': SecurityOpt?.join() === 'no-new-privileges',
    'not privileged': !host.Privileged,
    'a limit of processes': (host.PidsLimit ?? 0) > 0,
    'a limit of memory, swap included': (host.Memory ?? 0) > 0 && host.Memory === host.MemorySwap,
    'a limit of CPU': (host.NanoCpus ?? 0) > 0,
    'a limit of its log':
      host.LogConfig?.Config['max-size'] !== undefined && host.LogConfig.Config['max-file'] !== undefined,
    'a user that is not root': /^(coder|[1-9]\d*:[1-9]\d*)$/.test(config.User),
    'nothing of the host but its home, its configuration and the place of its socket':
      mounts
        .map(({ Type, Destination, RW }) => `${Type} ${Destination} ${RW ? 'rw' : 'ro'}`)
        .sort()
        .join() ===
        [
          'bind /home/coder rw',
          'bind /run/berth ro',
          ...(published ? [] : ['bind /run/berth-socket rw']),
        ].join() &&
      mounts.every(({ Source }) => /\/(workspaces\/\w+\/home|run\/\w+\/(config|socket))$/.test(Source)) &&
      mounts.every(({ Source }) => Source.includes(`/${id}/`)),
    'no devices': !host.Devices?.length && !host.DeviceRequests?.length,
    'no namespace of the host':
      !host.PidMode && !host.UTSMode && !host.UsernsMode && ['', 'private'].includes(host.IpcMode ?? ''),
    'a network of ours alone':
      Object.keys(network.Networks).join() === host.NetworkMode && host.NetworkMode.startsWith('berth-'),
    'no port beyond this machine': bindings.every(({ HostIp }) => HostIp === '127.0.0.1'),
    'no restarts by the engine': host.RestartPolicy?.Name === 'no',
  }
  return Object.keys(wanted).filter((rule) => !wanted[rule])
}

/** Looks at how every workspace's container that is started with `label` is confined, until the function that it gives is called. */
export async function watchConfinement(docker: Docker, label: string): Promise<() => Promise<void>> {
  const faults: string[] = []
  const looks: Promise<void>[] = []
  const stream = (await docker.getEvents({
    filters: JSON.stringify({
      type: ['container'],
      event: ['start'],
      label: [`io.berth.label=${label}`, `${LABEL_PURPOSE}=instance`],
    }),
  })) as Readable
  stream.on('error', () => undefined) // it is cut off at the end
  createInterface(stream).on('line', (line) => looks.push(look((JSON.parse(line) as { id: string }).id)))

  async function look(id: string): Promise<void> {
    try {
      const container = await docker.getContainer(id).inspect()
      faults.push(...confinementFaults(container).map((fault) => `${container.Name}: ${fault}`))
    } catch (error) {
      if ((error as { statusCode?: number }).statusCode !== 404) throw error // it is gone already
    }
  }

  return async () => {
    stream.destroy()
    await Promise.all(looks)
    expect(faults).toEqual([])
  }
}
