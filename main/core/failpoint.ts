/**
 * Named places where a test may kill the process, throw, or delay. Off unless `arm` was called.
 * Every step with a side effect has one before or after it, so that crash tests can stop anywhere on purpose.
 */
export const FAILPOINTS = [
  'reconciler.claimed',
  'reconciler.executed',
  'reconciler.finished',
  'reconciler.failed',
  'provisioning.staged',
  'provisioning.made',
  'starting.image-ready',
  'starting.seed-created',
  'starting.seed-staged',
  'starting.seeded',
  'starting.network-ready',
  'starting.removed-remains',
  'starting.prepared',
  'starting.created',
  'starting.named-user',
  'starting.started',
  'starting.answered',
  'stopping.stopped',
  'stopping.removed',
  'archiving.staged',
  'archiving.packed',
  'archiving.before-meta',
  'archiving.after-meta',
  'archiving.committed',
  'archiving.described',
  'archiving.renamed-home',
  'archiving.removed-home',
  'restoring.staged',
  'restoring.unpacked',
  'restoring.renamed',
  'restoring.untrashed',
  'deleting.removed-container',
  'deleting.trashed-home',
  'deleting.forgotten',
  'deleting.purging',
  'deleting.purged',
] as const
export type Failpoint = (typeof FAILPOINTS)[number]

type Action = { kind: 'kill' | 'throw' } | { kind: 'delay'; ms: number }
type Armed = { action: Action; onHit: (name: Failpoint) => void; kill: () => void }

const armed = new Map<Failpoint, Armed>()

/**
 * Arms failpoints from a text such as `starting.created=kill,stopping.stopped=delay:500`.
 * `onHit` is called before the action, so that a test knows that the place was reached.
 */
export function arm(text: string, effects: { onHit: (name: Failpoint) => void; kill: () => void }): void {
  armed.clear()
  for (const part of text.split(',').filter(Boolean)) {
    const [name, what = ''] = part.split('=')
    if (!(FAILPOINTS as readonly string[]).includes(name ?? '')) throw new Error(`unknown failpoint: ${part}`)
    armed.set(name as Failpoint, { action: parse(what), ...effects })
  }
}

function parse(text: string): Action {
  const delay = /^delay:(\d+)$/.exec(text)
  if (delay) return { kind: 'delay', ms: Number(delay[1]) }
  if (text === 'kill' || text === 'throw') return { kind: text }
  throw new Error(`unknown failpoint action: ${text}`)
}

/** Does nothing in the product; in a test, what the failpoint was armed with. */
export async function failpoint(name: Failpoint): Promise<void> {
  const point = armed.get(name)
  if (!point) return
  point.onHit(name)
  switch (point.action.kind) {
    case 'kill':
      return point.kill()
    case 'throw':
      throw new Error(`failpoint ${name}`)
    case 'delay': {
      const { ms } = point.action
      return new Promise((resolve) => setTimeout(resolve, ms))
    }
  }
}
