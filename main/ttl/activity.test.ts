import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { idOf } from '../testing/rows.ts'
import { createActivity } from './activity.ts'

const id = idOf(1)
const START = Date.parse('2026-03-01T12:00:00Z')

function bench({ touch = vi.fn<(id: string, at: number) => void>() } = {}) {
  const onChange = vi.fn()
  const log = { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() }
  const activity = createActivity({ now: Date.now, touch, onChange, log })
  /** When the last access was written, in seconds since the beginning. */
  const touched = (): number[] => touch.mock.calls.map(([, at]) => (at - START) / 1_000)
  return { activity, touch, touched, onChange, log }
}
const pass = (seconds: number): void => void vi.advanceTimersByTime(seconds * 1_000)

beforeEach(() => {
  vi.useFakeTimers({ now: START })
  onTestFinished(() => void vi.useRealTimers())
})

describe('what is in flight', () => {
  test('counts from its beginning to its end, and its end counts once', () => {
    const { activity } = bench()
    const [endOne, endOther] = [activity.begin(id, 'socket'), activity.begin(id, 'socket')]
    expect([activity.inFlight(id), activity.connections(id)]).toEqual([true, 2])
    endOne()
    endOne()
    expect([activity.inFlight(id), activity.connections(id), activity.inFlight(idOf(2))]).toEqual([
      true,
      1,
      false,
    ])
    pass(5)
    endOther()
    expect([activity.inFlight(id), activity.connections(id)]).toEqual([false, 0])
    expect(activity.lastEndAt(id)).toBe(START + 5_000)
    pass(5)
    endOther()
    expect(activity.lastEndAt(id)).toBe(START + 5_000)
  })

  test('a request is told as a connection once it is long', () => {
    const { activity } = bench()
    const end = activity.begin(id, 'request')
    expect([activity.inFlight(id), activity.connections(id)]).toEqual([true, 0])
    pass(5)
    expect(activity.connections(id)).toBe(1)
    end()
    expect([activity.inFlight(id), activity.connections(id)]).toEqual([false, 0])
  })

  test('of a workspace that is forgotten is over, and ends without a word', () => {
    const { activity, touch, onChange } = bench()
    const ends = [activity.begin(id, 'socket'), activity.begin(id, 'request')]
    activity.forget(id)
    vi.clearAllMocks()
    for (const end of ends) end()
    pass(60)
    expect([activity.inFlight(id), activity.lastEndAt(id)]).toEqual([false, null])
    expect(touch).not.toHaveBeenCalled()
    expect(onChange).not.toHaveBeenCalled()
  })
})

describe('the last access is written', () => {
  test('at most every thirty seconds, however many requests come', () => {
    const { activity, touched } = bench()
    for (let second = 0; second < 65; second++) {
      activity.begin(id, 'request')()
      pass(1)
    }
    expect(touched()).toEqual([0, 30, 60])
  })

  test('for each workspace by itself', () => {
    const { activity, touch } = bench()
    activity.begin(id, 'request')
    activity.begin(idOf(2), 'request')
    expect(touch.mock.calls.map(([of]) => of)).toEqual([id, idOf(2)])
  })

  test('whenever a WebSocket ends, and when a long answer does', () => {
    const { activity, touched } = bench()
    const endSocket = activity.begin(id, 'socket')
    pass(1)
    endSocket()
    const endAnswer = activity.begin(id, 'request')
    pass(40)
    endAnswer()
    expect(touched()).toEqual([0, 1, 41])
  })

  test('also after the clock was set back', () => {
    const { activity, touched } = bench()
    activity.begin(id, 'request')()
    vi.setSystemTime(START - 3_600_000)
    activity.begin(id, 'request')()
    expect(touched()).toEqual([0, -3_600])
  })

  test('or else, as on a full disk, that is logged, and nobody is kept from working', () => {
    const full = new Error('database or disk is full')
    const { activity, log } = bench({ touch: vi.fn().mockThrow(full) })
    activity.begin(id, 'socket')()
    expect(activity.lastEndAt(id)).toBe(START)
    expect(log.error).toHaveBeenCalledWith({ id, err: full }, 'could not write the last access')
  })
})

describe('news', () => {
  test('of WebSockets are told at once', () => {
    const { activity, onChange } = bench()
    const end = activity.begin(id, 'socket')
    expect(onChange).toHaveBeenCalledTimes(1)
    end()
    expect(onChange).toHaveBeenCalledTimes(2)
  })

  test('of a hundred requests are told in one, soon, and after the last', () => {
    const { activity, onChange } = bench()
    for (let i = 0; i < 100; i++) activity.begin(id, 'request')()
    expect(onChange).not.toHaveBeenCalled()
    pass(1)
    expect(onChange.mock.calls).toEqual([[id]])
    pass(60)
    expect(onChange).toHaveBeenCalledOnce()
  })
})
