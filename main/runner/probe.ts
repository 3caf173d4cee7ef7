import { request } from 'node:http'
import { connectionOf, type Upstream } from '../core/upstream.ts'

/** True when code-server answers its health check within `ms`; the check counts as no activity there. */
export function answers(upstream: Upstream, ms: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = request(
      // However slowly it speaks, and whatever it says: no probe outlives its time.
      { ...connectionOf(upstream), path: '/healthz', agent: false, signal: AbortSignal.timeout(ms) },
      (response) => {
        resolve(response.statusCode === 200)
        response.on('error', () => undefined).destroy()
      },
    )
    probe.on('error', () => resolve(false))
    probe.on('close', () => resolve(false))
    probe.end()
  })
}
