import { createReadStream, createWriteStream, readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { finished, pipeline } from 'node:stream/promises'
import { URLSearchParams } from 'node:url'
import { createGzip } from 'node:zlib'
import { SetupError } from './step.mjs'

/**
 * The little of Docker's HTTP API that setup needs. No version in the paths: newer engines refuse old ones, older engines refuse new
 * ones; and no command line tool, since the socket may be all there is.
 * @typedef {ReturnType<typeof connect>} Engine
 */

/** @typedef {import('./step.mjs').Say} Say */

/** @typedef {{ status?: string, id?: string, progressDetail?: { current?: number, total?: number }, stream?: string, error?: string }} Progress */

/** @param {string} host A DOCKER_HOST. */
export function connect(host) {
  const { send, ...address } = transport(host)

  /**
   * @param {string} method
   * @param {string} url
   * @param {{ body?: NodeJS.ReadableStream, silence?: number }} [options] `silence`: give up after so many ms without a word.
   * @returns {Promise<http.IncomingMessage>}
   */
  function request(method, url, { body, silence = 0 } = {}) {
    return new Promise((resolve, reject) => {
      const headers = { Host: 'docker', ...(body && { 'Content-Type': 'application/x-tar' }) }
      const sent = send({ ...address, method, path: url, headers, timeout: silence }, (response) => {
        waiting = response
        if ((response.statusCode ?? 0) < 400) resolve(response)
        else text(response).then((said) => reject(new EngineError(response.statusCode ?? 0, said)), reject)
      })
      /** @type {http.ClientRequest | http.IncomingMessage} */
      let waiting = sent
      sent.on('timeout', () => waiting.destroy(new Error(`nothing heard for ${silence / 1000} s`)))
      sent.on('error', reject)
      if (body) body.on('error', (error) => sent.destroy(error)).pipe(sent)
      else sent.end()
    })
  }

  /**
   * Something long that answers with a line of JSON for each bit of progress; an error may come as any of them.
   * @param {string} url
   * @param {Parameters<typeof request>[2]} [options]
   * @param {(progress: Progress) => void} [onProgress]
   */
  async function post(url, options, onProgress) {
    const response = await request('POST', url, options)
    let rest = ''
    for await (const chunk of response.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        /** @type {Progress} */
        const progress = JSON.parse(line)
        if (progress.error) throw new Error(progress.error.trim())
        onProgress?.(progress)
      }
    }
  }

  /** @param {string} ref */
  async function hasImage(ref) {
    try {
      ;(await request('GET', `/images/${ref}/json`)).resume()
      return true
    } catch (error) {
      if (error instanceof EngineError && error.status === 404) return false
      throw error
    }
  }

  return {
    host,
    hasImage,

    async ping() {
      ;(await request('GET', '/_ping', { silence: 3_000 })).resume()
    },

    /**
     * @param {string} ref
     * @param {Say} [say]
     */
    async pull(ref, say) {
      /** @type {Map<string, { current?: number, total?: number }>} */
      const layers = new Map()
      const query = new URLSearchParams({ fromImage: ref })
      // A registry that says nothing for so long is not there: a pull that works has news several times a second.
      await post(`/images/create?${query}`, { silence: 60_000 }, ({ status, id, progressDetail }) => {
        if (id && status === 'Downloading' && progressDetail) layers.set(id, progressDetail)
        let [current, total] = [0, 0]
        for (const layer of layers.values()) {
          current += layer.current ?? 0
          total += layer.total ?? 0
        }
        if (total > 0) say?.(`${megabytes(current)} of ${megabytes(total)}`)
      })
    },

    /**
     * Builds without BuildKit, which not every engine has.
     * @param {NodeJS.ReadableStream} context A tar.
     * @param {{ ref: string, args: Record<string, string>, log: string, say: Say }} options
     */
    async build(context, { ref, args, log, say }) {
      const out = createWriteStream(log)
      const query = new URLSearchParams({ t: ref, buildargs: JSON.stringify(args), forcerm: '1' })
      try {
        await post(`/build?${query}`, { body: context }, ({ stream = '' }) => {
          out.write(stream)
          const at = /^Step (\d+\/\d+)/.exec(stream)?.[1]
          if (at) say(`step ${at}`)
        })
      } finally {
        out.end()
        await finished(out)
      }
    },

    /**
     * @param {string} ref
     * @param {string} file
     */
    async save(ref, file) {
      await pipeline(
        await request('GET', `/images/${ref}/get`),
        createGzip({ level: 1 }),
        createWriteStream(file),
      )
    },

    /** @param {string} file */
    load: (file) => post('/images/load', { body: createReadStream(file) }),

    /**
     * Makes an image of a whole file system.
     * @param {string} tarball
     * @param {string} ref
     */
    async import(tarball, ref) {
      const [repo = '', tag = ''] = ref.split(':')
      const query = new URLSearchParams({ fromSrc: '-', repo, tag })
      await post(`/images/create?${query}`, { body: createReadStream(tarball) })
    },

    /**
     * Removes the nameless images with this label.
     * @param {string} label
     */
    async prune(label) {
      const filters = JSON.stringify({ dangling: ['true'], label: [label] })
      await post(`/images/prune?${new URLSearchParams({ filters })}`)
    },
  }
}

/** @param {number} bytes */
const megabytes = (bytes) => `${Math.round(bytes / 1e6)} MB`

class EngineError extends Error {
  /**
   * @param {number} status
   * @param {string} body
   */
  constructor(status, body) {
    super(messageIn(body))
    this.status = status
  }
}

/** @param {string} body */
function messageIn(body) {
  try {
    return String(JSON.parse(body).message)
  } catch {
    return body
  }
}

/** @param {string} host */
function transport(host) {
  if (host.startsWith('unix://')) return { send: http.request, socketPath: host.slice('unix://'.length) }
  if (host.startsWith('npipe://')) return { send: http.request, socketPath: host.slice('npipe://'.length) }
  const url = URL.canParse(host) ? new URL(host) : undefined
  if (url?.protocol !== 'tcp:' && url?.protocol !== 'http:' && url?.protocol !== 'https:')
    throw new SetupError(`Setup cannot talk to ${host}`, {
      why: 'only unix://, npipe:// and tcp:// addresses are understood',
    })
  const at = { host: url.hostname, port: url.port }
  const certificates = process.env.DOCKER_CERT_PATH
  if (!process.env.DOCKER_TLS_VERIFY || !certificates) return { send: http.request, ...at }
  const [ca, cert, key] = ['ca.pem', 'cert.pem', 'key.pem'].map((name) =>
    readFileSync(path.join(certificates, name)),
  )
  return { send: https.request, ...at, ca, cert, key }
}
