import type { ContainerCreateOptions, ContainerInspectInfo, HostConfig } from 'dockerode'
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

/** Root of a container where the person wants that: to install, to change owners and users, and to serve; no raw packets, devices or mounts. */
const SUDO_CAPABILITIES = [
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'NET_BIND_SERVICE',
  'SETGID',
  'SETUID',
  'SYS_CHROOT',
]

/** What every container is denied. Nothing is said of system calls, so that the engine's own filter of them holds. */
export const CONFINED = {
  CapDrop: ['ALL'],
  IpcMode: 'private',
  RestartPolicy: { Name: 'no' },
} as const satisfies HostConfig
export const NO_NEW_PRIVILEGES = { SecurityOpt: ['no-new-privileges'] }

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

/**
 * The container of an instance: limited, without privileges, and with nothing of the host but its home. With `sudo` what runs
 * in it has none either, but may become its root.
 */
export function containerSpec(
  spec: Omit<InstanceSpec, 'anew'>,
  context: {
    labels: Record<string, string>
    network: string
    configDir: string
    socketDir: string
    identity: Identity | undefined
    published: boolean
    /** How VS Code tells where a port inside is reached. */
    proxyUri: string
  },
): ContainerCreateOptions {
  return {
    name: containerName(spec.id),
    Image: spec.imageRef,
    Labels: { ...context.labels, [LABEL_WORKSPACE]: spec.id, [LABEL_PURPOSE]: 'instance' },
    Hostname: 'berth',
    User: context.identity ? `${context.identity.uid}:${context.identity.gid}` : 'coder',
    Env: [
      ...Object.entries(spec.env).map(([name, value]) => `${name}=${value}`),
      'HOME=/home/coder',
      'USER=coder',
      `VSCODE_PROXY_URI=${context.proxyUri}`,
      // Not in the configuration: a code-server that does not know it yet refuses to start on an unknown option.
      `CODE_SERVER_RECONNECTION_GRACE_TIME=${TERMINALS_OUTLIVE_CLIENTS_SECONDS}`,
    ],
    WorkingDir: '/home/coder',
    Entrypoint: ['code-server'],
    Cmd: ['--config', `${CONFIG_DIR}/${CONFIG_NAME}`, '/home/coder'],
    ...(context.published && { ExposedPorts: { [`${PORT}/tcp`]: {} } }),
    HostConfig: {
      ...CONFINED,
      ...(spec.sudo ? { CapAdd: SUDO_CAPABILITIES } : NO_NEW_PRIVILEGES),
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
      // None for open files: where the engine itself may have fewer, no container would start; they cost memory, which is limited.
      LogConfig: { Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } },
    },
  }
}

/** A container that never runs: its image's files are read from it. */
export const seedSpec = (imageRef: string, labels: Record<string, string>): ContainerCreateOptions => ({
  Image: imageRef,
  Cmd: ['code-server'], // but an image that names none makes no container
  Labels: { ...labels, [LABEL_PURPOSE]: 'seed' },
  HostConfig: { ...CONFINED, ...NO_NEW_PRIVILEGES, NetworkMode: 'none' },
})

/** What is mounted as its home, as it was asked for: what the engine made of it may be a path of a virtual machine. */
export const homeOf = ({ HostConfig }: ContainerInspectInfo): string | null =>
  HostConfig.Mounts?.find(({ Target }) => Target === HOME)?.Source ?? null
