import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { PORT } from './container-spec.ts'
import { demultiplex } from './demultiplex.ts'
import { engineError, statusOf } from './engine-errors.ts'

const PATIENCE_MS = 10_000
/** What says so runs in the workspace, and could be anything. */
const MAX_BYTES = 2 ** 20
/** Docker's name server, which every container has: as the kernel writes 127.0.0.11. */
const NAME_SERVER = '0B00007F'
/** A line of `/proc/net/tcp` or `tcp6` whose state (0A) is that of a listener. */
const LISTENER = /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm

/** The ports on which something listens, ascending, by the kernel's tables of TCP connections. */
export function listeningPorts(tables: string): number[] {
  const ports = [...tables.matchAll(LISTENER)]
    .filter(([, address]) => address !== NAME_SERVER)
    .map(([, , port = '']) => Number.parseInt(port, 16))
  return [...new Set(ports)].filter((port) => port > 0).sort((a, b) => a - b)
}

/**
 * The same of a container, without the port that is published, which is code-server's; none when it does not run.
 * @throws {AppError}
 */
export async function readListening(docker: Docker, containerId: string): Promise<number[]> {
  const container = docker.getContainer(containerId)
  const abortSignal = AbortSignal.timeout(PATIENCE_MS)
  try {
    const { HostConfig, State } = await container.inspect({ abortSignal })
    if (!State.Running) return []
    const call = await container.exec({
      Cmd: ['cat', '/proc/net/tcp', '/proc/net/tcp6'],
      AttachStdout: true,
      abortSignal,
    })
    const tables = demultiplex(await beginningOf(await call.start({ abortSignal }), abortSignal))
    const published = Object.keys((HostConfig.PortBindings ?? {}) as object).length > 0
    return listeningPorts(tables).filter((port) => !published || port !== PORT)
  } catch (error) {
    if (statusOf(error) === 404 || statusOf(error) === 409) return [] // it ended meanwhile, or is paused
    throw engineError(error)
  }
}

/** What a stream says until it ends, falls silent for too long, or has said more than enough. */
async function beginningOf(stream: Readable, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = []
  try {
    let bytes = 0
    for await (const chunk of stream) {
      chunks.push(chunk as Buffer)
      bytes += (chunk as Buffer).length
      if (bytes > MAX_BYTES) break
    }
  } catch (error) {
    if (!signal.aborted) throw error
  }
  return Buffer.concat(chunks)
}
