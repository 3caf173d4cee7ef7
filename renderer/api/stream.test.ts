import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { settle } from '../testing.ts'
import { openStream, type ServerEvent, type Stream } from './stream.ts'

interface Call {
  headers: Record<string, string>
  say: (text: string | Uint8Array) => Promise<void>
  end: () => Promise<void>
  ended: () => boolean
}

let calls: Call[]
let events: ServerEvent[]
let connections: string[]
let refused: string[]
let token: string
let stream: Stream

/** A server of which each connection is driven by hand; `answers` says what it does instead. */
function start(answers: ((signal: AbortSignal) => Promise<Response>)[] = []): void {
  const fetch = (_url: unknown, init: RequestInit = {}): Promise<Response> => {
    const signal = init.signal as AbortSignal
    let control: ReadableStreamDefaultController<Uint8Array>
    let ended = false
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => void (control = controller),
      cancel: () => void (ended = true),
    })
    calls.push({
      headers: init.headers as Record<string, string>,
      say: (text) => {
        control.enqueue(typeof text === 'string' ? new TextEncoder().encode(text) : text)
        return settle()
      },
      end: () => {
        control.close()
        return settle()
      },
      ended: () => ended,
    })
    return answers[calls.length - 1]?.(signal) ?? Promise.resolve(new Response(body))
  }
  stream = openStream({
    token: () => token,
    onEvent: (event) => events.push(event),
    onConnection: (connection) => connections.push(connection),
    onUnauthorized: (token) => refused.push(token),
    fetch,
  })
}

const call = (index: number): Call => calls[index] ?? expect.fail(`There was no connection ${index}`)
const pass = (milliseconds: number) => vi.advanceTimersByTimeAsync(milliseconds)
const unreachable = () => Promise.reject(new TypeError('Failed to fetch'))

beforeEach(() => {
  vi.useFakeTimers()
  calls = []
  events = []
  connections = []
  refused = []
  token = 'secret'
})
afterEach(() => {
  stream.close()
  vi.useRealTimers()
})

it('sends the token and parses events, however they are cut', async () => {
  start()
  await settle()
  expect(call(0).headers).toEqual({ Accept: 'text/event-stream', Authorization: 'Bearer secret' })
  expect(connections).toEqual(['open'])

  const text = new TextEncoder().encode(
    'id: 1\nevent: engine\ndata: {"message":"é"}\n\nid: 2\nevent: reset\ndata: {}\n\n',
  )
  const cut = text.indexOf(0xc3) + 1 // inside the é
  await call(0).say(text.slice(0, cut))
  expect(events).toEqual([])
  await call(0).say(text.slice(cut))
  expect(events).toEqual([
    { name: 'engine', data: { message: 'é' } },
    { name: 'reset', data: {} },
  ])
})

it('leaves alone what it does not know: other events and comments', async () => {
  start()
  await settle()
  await call(0).say(
    ': heartbeat\n\nevent: toString\ndata: x\n\nevent: news\ndata: {}\n\nevent: reset\ndata: {}\n\n',
  )
  expect(events).toEqual([{ name: 'reset', data: {} }])
})

it('connects again by itself and says what it heard last', async () => {
  start()
  await settle()
  await call(0).say('id: 41\nevent: reset\ndata: {}\n\nid: 42\nevent: engine\ndata: {}\n\n')
  await call(0).end()
  expect(connections).toEqual(['open', 'lost'])
  await pass(300)
  expect(call(1).headers['Last-Event-ID']).toBe('42')
  expect(connections).toEqual(['open', 'lost', 'open'])
})

it('waits longer from failure to failure, up to five seconds, and quickly again after a success', async () => {
  start(Array.from({ length: 8 }, () => unreachable))
  for (const [index, wait] of [300, 600, 1_200, 2_400, 4_800, 5_000, 5_000, 5_000].entries()) {
    await pass(wait - 1)
    expect(calls).toHaveLength(index + 1)
    await pass(1)
    expect(calls).toHaveLength(index + 2)
  }
  await call(8).say('event: reset\ndata: {}\n\n')
  await call(8).end()
  await pass(300)
  expect(calls).toHaveLength(10)
})

it('takes 45 seconds of silence for a dead connection; a heartbeat is not silence', async () => {
  start()
  await pass(44_000)
  await call(0).say(': heartbeat\n\n')
  await pass(44_999)
  expect(call(0).ended()).toBe(false)
  await pass(1)
  expect(call(0).ended()).toBe(true)
  expect(connections).toEqual(['open', 'lost'])
  await pass(300)
  expect(calls).toHaveLength(2)
})

it('gives up on a connection that is never made', async () => {
  start([
    (signal) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(new Error('aborted')))),
  ])
  await pass(45_300)
  expect(calls).toHaveLength(2)
})

it('tries again on any answer', async () => {
  start([() => Promise.resolve(new Response('', { status: 503 }))])
  await pass(300)
  expect(calls).toHaveLength(2)
  expect(refused).toEqual([])
})

it('says which token was refused, and goes on with the next', async () => {
  start([() => Promise.resolve(new Response('', { status: 401 }))])
  await settle()
  expect(refused).toEqual(['secret'])
  token = 'renewed'
  await pass(300)
  expect(calls.map(({ headers }) => headers['Authorization'])).toEqual(['Bearer secret', 'Bearer renewed'])
  expect(connections).toEqual(['lost', 'open'])
})

it('asks for everything anew after an event it cannot read', async () => {
  start()
  await settle()
  await call(0).say('id: 7\nevent: engine\ndata: {}\n\nid: 8\nevent: state_changed\ndata: {"id"\n\n')
  expect(call(0).ended()).toBe(true)
  await pass(300)
  expect(call(1).headers['Last-Event-ID']).toBeUndefined()
})

it('does not wait any longer when nudged', async () => {
  start([unreachable, unreachable, unreachable, unreachable, unreachable])
  await pass(4_600)
  const before = calls.length
  stream.nudge()
  await settle()
  expect(calls).toHaveLength(before + 1)
})

it('is silent once closed', async () => {
  start()
  await settle()
  stream.close()
  await pass(60_000)
  expect(call(0).ended()).toBe(true)
  expect(calls).toHaveLength(1)
  expect(connections).toEqual(['open'])
})
