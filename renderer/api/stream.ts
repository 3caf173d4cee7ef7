import { createParser } from 'eventsource-parser'
import type { ServerEventName, ServerEvents } from '../../main/core/api.ts'

const FIRST_WAIT_MS = 300
const LONGEST_WAIT_MS = 5_000
/** The server speaks at least every 30 s; a connection that does not is dead even if nobody said so. */
const SILENCE_MS = 45_000

export type ServerEvent = { [N in ServerEventName]: { name: N; data: ServerEvents[N] } }[ServerEventName]

const NAMES: Record<ServerEventName, true> = {
  reset: true,
  state_changed: true,
  progress: true,
  error: true,
  ring: true,
  warning: true,
  engine: true,
  home_store: true,
  usage: true,
}

interface Options {
  /** The token of the session by now: it is renewed while the stream goes on. */
  token: () => string
  onEvent: (event: ServerEvent) => void
  onConnection: (connection: 'open' | 'lost') => void
  /** The session that sent this token is over; until the stream is closed, it tries on. */
  onUnauthorized: (token: string) => void
  fetch?: typeof fetch
}

export interface Stream {
  close: () => void
  /** Connects again now if it is waiting to: the person is looking, or the network came back. */
  nudge: () => void
}

/** Follows `/api/v1/events` until closed. `EventSource` cannot send the bearer header, hence fetch. */
export function openStream(options: Options): Stream {
  const { token, onEvent, onConnection, onUnauthorized, fetch = globalThis.fetch.bind(globalThis) } = options
  const ended = new AbortController()
  let lastEventId = ''
  let failures = 0
  let nudge = () => {}
  const isOver = () => ended.signal.aborted

  async function follow(): Promise<void> {
    while (!isOver()) {
      await connect().catch(() => {}) // whatever ended it, the answer is to connect again
      if (isOver()) return
      onConnection('lost')
      await pause(Math.min(FIRST_WAIT_MS * 2 ** failures++, LONGEST_WAIT_MS))
    }
  }

  function pause(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const goOn = () => {
        clearTimeout(timer)
        ended.signal.removeEventListener('abort', goOn)
        resolve()
      }
      const timer = setTimeout(goOn, milliseconds)
      ended.signal.addEventListener('abort', goOn, { once: true })
      nudge = goOn
    })
  }

  async function connect(): Promise<void> {
    const attempt = new AbortController()
    const giveUp = () => attempt.abort()
    ended.signal.addEventListener('abort', giveUp, { once: true })
    let silence = setTimeout(giveUp, SILENCE_MS)
    const bearer = token()
    try {
      const headers: Record<string, string> = {
        Accept: 'text/event-stream',
        Authorization: `Bearer ${bearer}`,
      }
      if (lastEventId !== '') headers['Last-Event-ID'] = lastEventId
      const response = await fetch('/api/v1/events', {
        headers,
        cache: 'no-store',
        credentials: 'omit',
        signal: attempt.signal,
      })
      if (response.status === 401) return onUnauthorized(bearer)
      if (!response.ok || response.body === null) throw new Error(`The stream answered ${response.status}`)
      onConnection('open')
      await read(response.body, attempt.signal, () => {
        clearTimeout(silence)
        silence = setTimeout(giveUp, SILENCE_MS)
      })
    } finally {
      clearTimeout(silence)
      ended.signal.removeEventListener('abort', giveUp)
      attempt.abort()
    }
  }

  async function read(
    body: ReadableStream<Uint8Array>,
    signal: AbortSignal,
    heard: () => void,
  ): Promise<void> {
    const reader = body.getReader()
    signal.addEventListener('abort', () => void reader.cancel().catch(() => {}), { once: true })
    const decoder = new TextDecoder()
    const parser = createParser({
      onEvent: (message) => {
        if (signal.aborted) return
        deliver(message.event, message.data)
        if (message.id !== undefined) lastEventId = message.id
        failures = 0
      },
    })
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      heard()
      parser.feed(decoder.decode(value, { stream: true }))
    }
  }

  function deliver(name: string | undefined, text: string): void {
    // A newer server may say more than this page understands.
    if (name === undefined || !Object.hasOwn(NAMES, name)) return
    try {
      onEvent({ name, data: JSON.parse(text) as unknown } as ServerEvent)
    } catch (error) {
      lastEventId = '' // what could not be read is lost; only a fresh start can make up for it
      throw error
    }
  }

  void follow()
  return { close: () => ended.abort(), nudge: () => nudge() }
}
