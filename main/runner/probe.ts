import { request } from 'node:http'
import { connectionOf, type Upstream } from '../core/upstream.ts'

/** True when code-server answers its health check within `ms`; the check counts as no activity there. */
export function answers(upstream: Upstream, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request(
      { ...connectionOf(upstream), path: '/healthz', agent: false, timeout: ms },
      (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      },
    )
    probe.on('timeout', () => probe.destroy(new Error('timeout')))
    probe.on('error', () => resolve(false))
    probe.end()
  })
}
