import type { Readable } from 'node:stream'
import type Docker from 'dockerode'
import { PORT } from './container-spec.ts'
import { demultiplex } from './demultiplex.ts'
import { engineError, statusOf } from './engine-errors.ts'
import type { Listener } from './runner.ts'

const PATIENCE_MS = 10_000
/** What says so runs in the workspace, and could be anything. */
const MAX_BYTES = 2 ** 20
/** Docker's name server, which every container has: as the kernel writes 127.0.0.11. */
const NAME_SERVER = '0B00007F'
/** A line of `/proc/net/tcp` or `tcp6` whose state (0A) is that of a listener. */
const LISTENER = /^ *\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} 0A /gm

/** 127.0.0.0/8, also within IPv6, and ::1. */
const LOOPBACK = /^(?:0{16}FFFF0000)?[0-9A-F]{6}7F$|^0{24}01000000$/

/** The ports on which something listens, ascending, by the kernel's tables of TCP connections. */
export function listenersOf(tables: string): Listener[] {
  const exposed = new Map<number, boolean>()
  for (const [, address = '', hex = ''] of tables.matchAll(LISTENER)) {
    const port = Number.parseInt(hex, 16)
    if (port === 0 || address === NAME_SERVER) continue
    exposed.set(port, exposed.get(port) === true || !LOOPBACK.test(address))
  }
  return [...exposed].map(([port, exposed]) => ({ port, exposed })).sort((a, b) => a.port - b.port)
}

/**
 * The same of a container, without the port that is published, which is code-server's; none when it does not run.
 * `nearby`: the networks of its engine are this machine's own, so that its addresses are reached from here.
 * @throws {AppError}
 */
export async function readListening(
  docker: Docker,
  containerId: string,
  nearby: boolean,
): Promise<Listener[]> {
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
    return listenersOf(tables)
      .filter(({ port }) => !published || port !== PORT)
      .map(({ port, exposed }) => ({ port, exposed: exposed && nearby }))
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
