import type { Risk } from './runner.ts'

/** What the engine says of itself. */
export interface EngineInfo {
  NCPU: number
  OperatingSystem: string
  KernelVersion?: string
  SecurityOptions?: string[]
  SystemTime?: string
  DefaultRuntime?: string
  MemoryLimit?: boolean
  PidsLimit?: boolean
  CpuCfsQuota?: boolean
}

/** Which versions it has of what. */
export interface EngineVersion {
  Platform?: { Name: string }
  Components?: { Name: string; Version: string }[]
}

/** Rootless engines and remapped users have other numbers for everybody. */
export const remapsUsers = ({ SecurityOptions = [] }: EngineInfo): boolean =>
  SecurityOptions.some((option) => /name=(rootless|userns)/.test(option))

/**
 * What of an engine weakens isolation. `platform` is this machine's; `published`: workspaces have ports on 127.0.0.1. What is
 * not known, or not in a form that is, gives no risk.
 */
export function risksOf(
  info: EngineInfo,
  { Platform, Components = [] }: EngineVersion,
  platform: NodeJS.Platform,
  published: boolean,
): Risk[] {
  const versionOf = (name: string): string | undefined =>
    Components.find(({ Name }) => Name === name)?.Version
  const risks: Risk[] = []
  const risk = (message: string, hint: string): void => void risks.push({ message, hint })

  const desktop = /^Docker Desktop (\S+)/.exec(Platform?.Name ?? '')?.[1]
  const onDesktop = desktop !== undefined || /docker desktop/i.test(info.OperatingSystem)
  const onWindows = /microsoft/i.test(info.KernelVersion ?? '') // also where this process runs in its Linux
  if (isOlder(desktop, [4, 44, 3]) && (platform !== 'linux' || onWindows))
    risk(
      `Docker Desktop ${desktop} lets programs in a workspace control it, and so this machine (CVE-2025-9074)`,
      'Update Docker Desktop to 4.44.3 or newer.',
    )

  const engine = versionOf('Engine')
  if (published && !onDesktop && !remapsUsers(info) && isOlder(engine, [28, 0, 0]))
    risk(
      `Docker Engine ${engine} lets other machines on the same network reach the ports of workspaces, which only their secrets then protect`,
      'Update Docker Engine to 28.0.0 or newer.',
    )

  const runc = versionOf('runc')
  if (/runc/.test(info.DefaultRuntime ?? 'runc') && isVulnerable(runc))
    risk(
      `runc ${runc} is older than the versions in which ways out of a container were closed (CVE-2025-31133, CVE-2025-52565, CVE-2025-52881)`,
      'Update Docker, or runc to 1.2.8, 1.3.3, 1.4.0 or newer; if it came with your system, see whether that has mended its older one.',
    )

  const { SecurityOptions } = info
  if (SecurityOptions && !SecurityOptions.some(filtersCalls))
    risk(
      'The engine does not filter the system calls of containers (seccomp)',
      'Remove "seccomp-profile": "unconfined" from its daemon.json, or use a system whose kernel has seccomp.',
    )

  const unlimited = [
    info.MemoryLimit === false && 'memory',
    info.PidsLimit === false && 'processes',
    info.CpuCfsQuota === false && 'CPU time',
  ].filter((what) => what !== false)
  if (unlimited.length > 0)
    risk(
      `The engine does not limit what a workspace uses of this: ${unlimited.join(', ')}`,
      'Give it a system whose kernel has these control groups ("docker info" warns of each).',
    )

  if (platform === 'linux' && remapsUsers(info))
    risk(
      'The engine runs rootless or with remapped users, for which Berth starts no workspace',
      'Use an engine with ordinary users (DOCKER_HOST or "docker context use" name it).',
    )
  return risks
}

const filtersCalls = (option: string): boolean =>
  /name=seccomp/.test(option) && !/profile=unconfined/.test(option)

type Version = readonly [major: number, minor: number, patch: number, candidate?: number]

/** The numbers of `1.2.3`, `v1.2.3+ds1`, `1.4.0-rc.2` and the like; a release counts as the last of its candidates. */
function parse(version: string | undefined): Version | undefined {
  const [, major, minor, patch, candidate] =
    /^v?(\d+)\.(\d+)\.(\d+)(?:[-~]rc\.?(\d+))?/.exec(version ?? '') ?? []
  if (major === undefined) return undefined
  return [Number(major), Number(minor), Number(patch), candidate === undefined ? Infinity : Number(candidate)]
}

/** Whether it is known to be older than `than`. */
function isOlder(version: string | undefined, than: Version): boolean {
  const numbers = parse(version)
  if (!numbers) return false
  const other = [...than.slice(0, 3), than[3] ?? Infinity]
  const at = other.findIndex((number, index) => number !== numbers[index])
  return at !== -1 && numbers[at]! < other[at]!
}

/** Closed in 1.2.8, 1.3.3 and 1.4.0-rc.3, each on its own line. */
const isVulnerable = (runc: string | undefined): boolean =>
  isOlder(runc, [1, 2, 8]) ||
  (isOlder(runc, [1, 3, 3]) && !isOlder(runc, [1, 3, 0, 0])) ||
  (isOlder(runc, [1, 4, 0, 3]) && !isOlder(runc, [1, 4, 0, 0]))
