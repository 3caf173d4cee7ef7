import { FAILPOINTS, type Failpoint } from '../../core/failpoint.ts'

/** What was done and what came of it. */
export interface Tally {
  steps: number
  kills: number
  killsDuringRecovery: number
  /** Failpoints at which it was killed, as their log shows, and at which something was thrown. */
  killedAt: Set<Failpoint>
  thrownAt: Set<Failpoint>
  jobKills: number
  engineKills: number
  losses: number
  /** How long it took to come to rest, each time, in milliseconds. */
  convergences: number[]
}

export const newTally = (): Tally => ({
  steps: 0,
  kills: 0,
  killsDuringRecovery: 0,
  killedAt: new Set(),
  thrownAt: new Set(),
  jobKills: 0,
  engineKills: 0,
  losses: 0,
  convergences: [],
})

/** Some tallies as one line. */
export function summary(seed: number, tallies: readonly Tally[]): string {
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0)
  const reached = (of: (tally: Tally) => Set<Failpoint>): string =>
    `${new Set(tallies.flatMap((tally) => [...of(tally)])).size}/${FAILPOINTS.length}`
  const times = tallies.flatMap(({ convergences }) => convergences).sort((a, b) => a - b)
  const at = (part: number): number => times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? 0
  return JSON.stringify({
    seed,
    steps: sum(({ steps }) => steps),
    kills: sum(({ kills }) => kills),
    kills_during_recovery: sum(({ killsDuringRecovery }) => killsDuringRecovery),
    failpoints_killed_at: reached(({ killedAt }) => killedAt),
    failpoints_thrown_at: reached(({ thrownAt }) => thrownAt),
    job_kills: sum(({ jobKills }) => jobKills),
    engine_kills: sum(({ engineKills }) => engineKills),
    losses: sum(({ losses }) => losses),
    convergence_ms: { p50: at(0.5), p99: at(0.99), max: at(1) },
  })
}
