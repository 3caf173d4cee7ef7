import { createHash } from 'node:crypto'
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { gzipSync } from 'node:zlib'

const MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
const PIECE = 256 * 1024

/** A registry with the one image `workspace:1`. An engine asks one on 127.0.0.1 for no TLS. */
export interface Registry {
  /** The reference of an image here; any but `workspace:1` is not there. */
  ref: (name: string) => string
  /** Of the layer, as it is sent. */
  bytes: number
  /** How long to wait between the pieces of the layer, from now on. */
  pause: (ms: number) => void
  /** From now on, answer every request for an image with this status; 0: as usual. */
  fail: (status: number) => void
  /** How many downloads of the layer are under way. */
  downloads: () => number
  close: () => Promise<void>
}

/** `fileSystem` is the tar of the image's only layer. */
export async function createRegistry(fileSystem: Buffer, labels: Record<string, string>): Promise<Registry> {
  const layer = gzipSync(fileSystem, { level: 1 })
  const config = Buffer.from(
    JSON.stringify({
      architecture: { x64: 'amd64' }[process.arch as string] ?? process.arch,
      os: 'linux',
      config: { Labels: labels },
      rootfs: { type: 'layers', diff_ids: [digest(fileSystem)] },
    }),
  )
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: described('application/vnd.docker.container.image.v1+json', config),
      layers: [described('application/vnd.docker.image.rootfs.diff.tar.gzip', layer)],
    }),
  )
  let pause = 0
  let failure = 0
  let downloads = 0

  const server = createServer((request, response) => {
    const { url = '', method } = request
    if (url === '/v2/') return void response.writeHead(200).end()
    if (failure > 0) return refuse(response, failure, 'UNAVAILABLE')
    if (/^\/v2\/workspace\/manifests\/(1|sha256:.*)$/.test(url)) {
      response.writeHead(200, {
        'Content-Type': MANIFEST,
        'Content-Length': manifest.length,
        'Docker-Content-Digest': digest(manifest),
      })
      return void response.end(method === 'HEAD' ? undefined : manifest)
    }
    const blob = [config, layer].find((one) => url === `/v2/workspace/blobs/${digest(one)}`)
    if (blob) return void sendSlowly(response, blob)
    refuse(response, 404, 'MANIFEST_UNKNOWN')
  })

  async function sendSlowly(response: ServerResponse, blob: Buffer): Promise<void> {
    response.writeHead(200, { 'Content-Length': blob.length })
    if (blob === layer) downloads++
    await pipeline(Readable.from(pieces(blob)), response).catch(() => undefined) // the engine has gone
    if (blob === layer) downloads--
  }

  async function* pieces(blob: Buffer): AsyncGenerator<Buffer> {
    for (let at = 0; at < blob.length; at += PIECE) {
      if (pause > 0) await sleep(pause)
      yield blob.subarray(at, at + PIECE)
    }
  }

  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    ref: (name) => `127.0.0.1:${port}/${name}`,
    bytes: layer.length,
    pause: (ms) => void (pause = ms),
    fail: (status) => void (failure = status),
    downloads: () => downloads,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

const digest = (data: Buffer): string => `sha256:${createHash('sha256').update(data).digest('hex')}`

const described = (mediaType: string, data: Buffer): object => ({
  mediaType,
  size: data.length,
  digest: digest(data),
})

function refuse(response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'Content-Type': 'application/json' })
  response.end(JSON.stringify({ errors: [{ code, message: code.toLowerCase().replace('_', ' ') }] }))
}
