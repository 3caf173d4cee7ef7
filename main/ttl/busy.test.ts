import { describe, expect, test } from 'vitest'
import { busyWith, type Sample } from './busy.ts'

const sample = (at: number, cpuSeconds: number, ...commands: string[]): Sample => ({
  at,
  cpuSeconds,
  commands,
})
const inWords = (...commands: string[]): string | null => busyWith(null, sample(0, 0, ...commands))

describe('commands', () => {
  test('are told as they were typed', () => {
    expect(inWords('npm run build')).toBe('`npm run build`')
    expect(inWords('tail -f log', 'grep x', 'vi')).toBe('`tail -f log` and 2 more')
  })

  test('are cut when they are long', () => {
    const told = inWords(`node ${'x'.repeat(500)}`)!
    expect(told).toMatch(/^`node x+…`$/)
    expect(told.length).toBe(82)
  })

  test.each([
    ['env DB_PASSWORD=hunter2 npm start', '`env DB_PASSWORD=… npm start`'],
    ['curl --token hunter2 --api-key=hunter2 host', '`curl --token … --api-key=… host`'],
    ['mysql --password=hunter2 -u me', '`mysql --password=… -u me`'],
  ])('give no secret away: %s', (command, told) => expect(inWords(command)).toBe(told))
})

describe('CPU time', () => {
  test.each([
    ['a whole CPU', sample(0, 5), sample(60_000, 65), 'work that uses 1.0 CPUs'],
    ['little, but enough', sample(0, 5), sample(60_000, 11), 'work that uses 0.1 CPUs'],
    ['an editor that nobody looks at', sample(0, 5), sample(60_000, 10.9), null],
    ['many CPUs for a short while', sample(0, 0), sample(500, 1.5), 'work that uses 3.0 CPUs'],
    ['one look is none', null, sample(60_000, 1_000), null],
    ['two looks at once', sample(7, 0), sample(7, 9), null],
    ['a container that was started anew', sample(0, 500), sample(60_000, 1), null],
  ])('%s', (_, before, now, told) => expect(busyWith(before, now)).toBe(told))
})
