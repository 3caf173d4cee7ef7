import type { ContainerCreateOptions, ContainerInspectInfo } from 'dockerode'
import type { Identity } from './name-user.ts'
import type { InstanceSpec } from './runner.ts'

export const LABEL_INSTALLATION = 'io.berth.installation'
export const LABEL_WORKSPACE = 'io.berth.workspace'
export const LABEL_PURPOSE = 'io.berth.purpose'
export const LABEL_RUN = 'io.berth.run'

/** Where code-server listens inside a container whose port is published. */
export const PORT = 8080
const HOME = '/home/coder'
/** Mounted: code-server's configuration, for reading alone, and where it makes its socket. */
const CONFIG_DIR = '/run/berth'
const SOCKET_DIR = '/run/berth-socket'
export const CONFIG_NAME = 'config.yaml'
export const SOCKET_NAME = 's'

/** Terminals end this long after the last client has left: later than work in them holds off an idle stop, at most, by default. */
const TERMINALS_OUTLIVE_CLIENTS_SECONDS = 86_400

export const containerName = (id: string): string => `ws-${id}`

/** How code-server is told what to do; the file holds the secret, which so appears in no command line and no `inspect`. */
export function codeServerConfig(secret: string | undefined): string {
  const listen =
    secret === undefined
      ? { socket: `${SOCKET_DIR}/${SOCKET_NAME}`, 'socket-mode': '600', auth: 'none' }
      : {
          'bind-addr': `0.0.0.0:${PORT}`,
          auth: 'password',
          'hashed-password': secret,
        }
  const config = {
    ...listen,
    'disable-telemetry': true,
    'disable-update-check': true,
    'disable-workspace-trust': true,
    'disable-getting-started-override': true,
  }
  return JSON.stringify(config, null, 2) // which is YAML too
}

/** The container of an instance: limited, without privileges, and with nothing of the host but its home. */
export function containerSpec(
  spec: Omit<InstanceSpec, 'anew'>,
  context: {
    labels: Record<string, string>
    network: string
    configDir: string
    socketDir: string
    identity: Identity | undefined
    published: boolean
  },
): ContainerCreateOptions {
  return {
    name: containerName(spec.id),
    Image: spec.imageRef,
    Labels: { ...context.labels, [LABEL_WORKSPACE]: spec.id, [LABEL_PURPOSE]: 'instance' },
    Hostname: 'berth',
    User: context.identity ? `${context.identity.uid}:${context.identity.gid}` : 'coder',
    Env: [
      'HOME=/home/coder',
      'USER=coder',
      // Not in the configuration: a code-server that does not know it yet refuses to start on an unknown option.
      `CODE_SERVER_RECONNECTION_GRACE_TIME=${TERMINALS_OUTLIVE_CLIENTS_SECONDS}`,
    ],
    WorkingDir: '/home/coder',
    Entrypoint: ['code-server'],
    Cmd: ['--config', `${CONFIG_DIR}/${CONFIG_NAME}`, '/home/coder'],
    ...(context.published && { ExposedPorts: { [`${PORT}/tcp`]: {} } }),
    HostConfig: {
      Init: true, // reaps what terminals leave, and passes SIGTERM on
      Mounts: [
        // A mount (unlike a bind) fails when its source is missing, instead of making an empty one.
        { Type: 'bind', Source: spec.homePath, Target: HOME },
        { Type: 'bind', Source: context.configDir, Target: CONFIG_DIR, ReadOnly: true },
        ...(context.published
          ? []
          : [{ Type: 'bind' as const, Source: context.socketDir, Target: SOCKET_DIR }]),
      ],
      NetworkMode: context.network,
      ...(context.published && {
        PortBindings: { [`${PORT}/tcp`]: [{ HostIp: '127.0.0.1', HostPort: '' }] },
      }),
      NanoCpus: Math.round(spec.cpus * 1e9),
      Memory: spec.memoryBytes,
      MemorySwap: spec.memoryBytes,
      PidsLimit: 2_048,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
      RestartPolicy: { Name: 'no' },
    },
  }
}

/** What is mounted as its home, as it was asked for: what the engine made of it may be a path of a virtual machine. */
export const homeOf = ({ HostConfig }: ContainerInspectInfo): string | null =>
  HostConfig.Mounts?.find(({ Target }) => Target === HOME)?.Source ?? null
