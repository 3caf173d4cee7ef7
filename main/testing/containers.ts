import { createInterface } from 'node:readline'
import { text } from 'node:stream/consumers'
import { PassThrough, type Readable } from 'node:stream'
import type Docker from 'dockerode'
import tar from 'tar-stream'
import { expect } from 'vitest'
import { LABEL_PURPOSE, LABEL_RUN, LABEL_WORKSPACE, containerName } from '../runner/container-spec.ts'

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

const SUDO =
  'AUDIT_WRITE,CHOWN,DAC_OVERRIDE,FOWNER,FSETID,KILL,NET_BIND_SERVICE,SETGID,SETUID,SYS_CHROOT'.split(',')
/** What a storage job of each kind may do, and what of the host it sees. */
const JOBS: Record<string, { capabilities: string[]; mounts: string[] }> = {
  pack: { capabilities: ['DAC_OVERRIDE'], mounts: ['bind /archive rw', 'bind /home/coder ro'] },
  unpack: {
    capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID'],
    mounts: ['bind /archive ro', 'bind /home/coder rw'],
  },
  erase: { capabilities: ['DAC_OVERRIDE', 'FOWNER'], mounts: ['bind /home/coder rw'] },
}

/**
 * What is wrong with how a container of ours is confined: nothing, one hopes. Of an instance `sudo` says whether its programs
 * may become root; left out, either will do.
 */
export function confinementFaults(container: Docker.ContainerInspectInfo, sudo?: boolean): string[] {
  const { HostConfig: host, Config: config, Mounts: mounts, NetworkSettings: network } = container
  const { CapAdd, CapDrop, SecurityOpt } = host as Record<
    'CapAdd' | 'CapDrop' | 'SecurityOpt',
    string[] | null
  >
  const id = config.Labels[LABEL_WORKSPACE] ?? ''
  const bindings = Object.values((host.PortBindings ?? {}) as Record<string, { HostIp: string }[]>).flat()
  const published = bindings.length > 0
  const capabilities = (CapAdd ?? []).map((name) => name.replace(/^CAP_/, '')).sort()
  const locked = SecurityOpt?.join() === 'no-new-privileges'
  const mounted = mounts
    .map(({ Type, Destination, RW }) => `${Type} ${Destination} ${RW ? 'rw' : 'ro'}`)
    .sort()
  const limited = (host.PidsLimit ?? 0) > 0 && (host.Memory ?? 0) > 0 && host.Memory === host.MemorySwap

  const always = {
    'all capabilities dropped': CapDrop?.join() === 'ALL',
    'not privileged': !host.Privileged,
    'the engine’s filter of system calls': !SecurityOpt?.some((option) => option.startsWith('seccomp')),
    'no devices': !host.Devices?.length && !host.DeviceRequests?.length,
    'no namespace of the host':
      !host.PidMode && !host.UTSMode && !host.UsernsMode && host.IpcMode === 'private',
    'nothing mounted that may be made': !host.Binds?.length && !host.VolumesFrom?.length,
    'nothing of the engine': !mounts.some(({ Source }) => /docker|containerd/.test(Source)),
    'no port beyond this machine': bindings.every(({ HostIp }) => HostIp === '127.0.0.1'),
    'no restarts by the engine': host.RestartPolicy?.Name === 'no',
  }
  const instance = {
    'no new privileges, or just what root of a container needs':
      (sudo !== true && locked && capabilities.length === 0) ||
      (sudo !== false && !SecurityOpt?.length && capabilities.join() === SUDO.join()),
    'a limit of processes, and of memory, swap included': limited,
    'a limit of CPU': (host.NanoCpus ?? 0) > 0,
    'a limit of its log':
      host.LogConfig?.Config['max-size'] !== undefined && host.LogConfig.Config['max-file'] !== undefined,
    'a user that is not root': /^(coder|[1-9]\d*:[1-9]\d*)$/.test(config.User),
    'nothing of the host but its home, its configuration and the place of its socket':
      mounted.join() ===
        [
          'bind /home/coder rw',
          'bind /run/berth ro',
          ...(published ? [] : ['bind /run/berth-socket rw']),
        ].join() &&
      mounts.every(({ Source }) => /\/(workspaces\/\w+\/home|run\/\w+\/(config|socket))$/.test(Source)) &&
      mounts.every(({ Source }) => Source.includes(`/${id}/`)),
    'a network of ours alone':
      Object.keys(network.Networks).join() === host.NetworkMode && host.NetworkMode.startsWith('berth-'),
  }
  const kind = /^BERTH_STORAGE_JOB=(.*)/m.exec(envOf(container))?.[1]
  const job = JOBS[kind === undefined ? '' : (JSON.parse(kind) as { kind: string }).kind]
  const storage = {
    'a kind that is known': job !== undefined,
    'no new privileges': locked,
    'the capabilities of its kind': capabilities.join() === job?.capabilities.join(),
    'nothing of the host but what it works on': mounted.join() === job?.mounts.join(),
    'a limit of processes, and of memory, swap included': limited,
    'a limit of its log': host.LogConfig?.Config['max-size'] !== undefined,
    'no network': host.NetworkMode === 'none' && !published,
    'nothing that it can write but what it works on': host.ReadonlyRootfs === true,
  }
  const seed = {
    'no new privileges': locked && capabilities.length === 0,
    'no network': host.NetworkMode === 'none' && !published,
    'nothing of the host': !mounts.some(({ Type }) => Type === 'bind'),
    'that it never runs': !container.State.Running,
  }
  const purpose = config.Labels[LABEL_PURPOSE] ?? ''
  const own = { instance, storage, seed }[purpose] ?? { 'a purpose': false }
  const wanted: Record<string, boolean> = { ...always, ...own }
  return Object.keys(wanted).filter((rule) => !wanted[rule])
}

/** Its environment, a line for each; of an image that has none the engine says null. */
const envOf = ({ Config }: Docker.ContainerInspectInfo): string =>
  ((Config.Env as string[] | null) ?? []).join('\n')

/** What is made by a run of Berth, rather than by a test in its likeness. */
function isBerths(container: Docker.ContainerInspectInfo): boolean {
  const { [LABEL_PURPOSE]: purpose, [LABEL_RUN]: run } = container.Config.Labels
  const made = purpose === 'seed' || /^BERTH_STORAGE_JOB=/m.test(envOf(container))
  return purpose === 'instance' || (run !== undefined && made)
}

/**
 * Looks at how every container is confined that is made with `label` (an instance: that is started), until the function that
 * it gives is called.
 */
export async function watchConfinement(docker: Docker, label: string): Promise<() => Promise<void>> {
  const faults: string[] = []
  const looks: Promise<void>[] = []
  const stream = (await docker.getEvents({
    filters: JSON.stringify({
      type: ['container'],
      event: ['create', 'start'],
      label: [`io.berth.label=${label}`, LABEL_PURPOSE],
    }),
  })) as Readable
  stream.on('error', () => undefined) // it is cut off at the end
  createInterface(stream).on('line', (line) => {
    const { id, Action, Actor } = JSON.parse(line) as Event
    if (Action === 'start' || Actor.Attributes[LABEL_PURPOSE] !== 'instance') looks.push(look(id))
  })

  async function look(id: string): Promise<void> {
    try {
      const container = await docker.getContainer(id).inspect()
      if (isBerths(container))
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

interface Event {
  id: string
  Action: string
  Actor: { Attributes: Record<string, string> }
}
