/** The fields of a new share, and the wish they make. Pure. */
import type { CreateShare } from '../../../main/core/api.ts'
import { parsePorts } from './ports-text.ts'

export type Lifetime = 'hour' | 'hours8' | 'day' | 'stopped'

export interface ShareFields {
  readonly mode: CreateShare['mode']
  readonly lifetime: Lifetime
  readonly wakes: boolean
  /** As typed: "3000, 5173". */
  readonly ports: string
}

/** For who only wants to share: nobody comes in unasked, and it ends by itself. */
export const SENSIBLE: ShareFields = { mode: 'DOORBELL', lifetime: 'hours8', wakes: false, ports: '' }

const SECONDS: Record<Lifetime, number | null> = {
  hour: 3_600,
  hours8: 8 * 3_600,
  day: 86_400,
  stopped: null,
}

/** Null when the ports are none. */
export function toWish({ mode, lifetime, wakes, ports: text }: ShareFields): CreateShare | null {
  const ports = parsePorts(text)
  return ports && { mode, wakes, ports, expires_in_seconds: SECONDS[lifetime] }
}
