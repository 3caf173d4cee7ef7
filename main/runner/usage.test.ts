import { expect, test } from 'vitest'
import { useOf, type ContainerStats } from './usage.ts'

const MIB = 2 ** 20
const of = (memory_stats: ContainerStats['memory_stats'], total_usage = 2.5e9): ContainerStats => ({
  cpu_stats: { cpu_usage: { total_usage } },
  ...(memory_stats && { memory_stats }),
})

const MEMORY: Record<string, [ContainerStats['memory_stats'], number]> = {
  'cgroup v1': [
    {
      usage: 300 * MIB,
      stats: { cache: 200 * MIB, inactive_file: MIB, total_inactive_file: 150 * MIB, rss: 90 * MIB },
    },
    150 * MIB,
  ],
  'cgroup v2': [
    { usage: 300 * MIB, stats: { anon: 90 * MIB, file: 200 * MIB, inactive_file: 120 * MIB } },
    180 * MIB,
  ],
  'cgroup v2 without a file cache': [{ usage: MIB, stats: { inactive_file: 0 } }, MIB],
  'more cache than use, in a moment of change': [{ usage: MIB, stats: { inactive_file: 2 * MIB } }, MIB],
  'an engine without details': [{ usage: 5 * MIB }, 5 * MIB],
  'an engine whose details are null': [{ usage: 5 * MIB, stats: null }, 5 * MIB],
  'a machine that does not account memory': [{}, 0],
  'no memory at all': [undefined, 0],
}
test.each(Object.entries(MEMORY))('memory: %s', (_, [memory, memoryBytes]) => {
  expect(useOf(of(memory))).toEqual({ cpuSeconds: 2.5, memoryBytes })
})

test.each<[string, ContainerStats]>([
  ['that has ended', of({}, 0)],
  ['of which nothing is told', {}],
  ['whose CPU is not told', { cpu_stats: {}, memory_stats: { usage: MIB } }],
])('a container %s does not run', (_, stats) => {
  expect(useOf(stats)).toBeUndefined()
})
