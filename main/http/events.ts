import type { IncomingMessage, ServerResponse } from 'node:http'
import type { ServerEventName, ServerEvents } from '../core/api.ts'
import type { User } from '../db/accounts.ts'
import type { Bus, News } from '../events/bus.ts'
import type { Live } from '../events/live.ts'
import type { WorkspaceService } from '../service/workspaces.ts'

const HEARTBEAT_MS = 30_000
/** Events kept for clients that come back with `Last-Event-ID`. */
const KEPT = 1_000

/** A client that reads so slowly is cut off; with `Last-Event-ID` it comes back to what it missed. */
const MAX_UNREAD_BYTES = 2 ** 20

interface Message {
  /** Null: everybody's. */
  ownerId: string | null
  workspaceId: string | null
  text: string
}

export interface EventHubDeps {
  bus: Bus
  live: Live
  workspaces: WorkspaceService
  /** Tells this run of the process from others, whose event ids mean nothing here. */
  runId: string
}

/** The server-sent events of `/events`: everything announced on the bus, once serialised, to each whom it concerns. */
export function createEventHub({ bus, live, workspaces, runId }: EventHubDeps) {
  const clients = new Set<{ user: User; only: string | null; response: ServerResponse }>()
  const kept: Message[] = []
  let sequence = 0

  const unsubscribe = bus.subscribe((news) => {
    const message = serialise(news)
    if (!message) return
    kept.push(message)
    if (kept.length > KEPT) kept.shift()
    for (const client of clients) if (concerns(message, client)) tell(client.response, message.text)
  })
  const heartbeat = setInterval(() => {
    for (const { response } of clients) tell(response, ': heartbeat\n\n')
  }, HEARTBEAT_MS)

  function tell(response: ServerResponse, text: string): void {
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy()
    else response.write(text)
  }

  function format<Name extends ServerEventName>(name: Name, data: ServerEvents[Name], id = ''): string {
    return `${id && `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
  }

  function serialise(news: News): Message | undefined {
    const nextId = (): string => `${runId}-${++sequence}` // as many as there are messages
    if (news.kind === 'engine')
      return { ownerId: null, workspaceId: null, text: format('engine', news.engine, nextId()) }
    if (news.kind === 'home_store')
      return {
        ownerId: null,
        workspaceId: null,
        text: format('home_store', { problem: news.problem }, nextId()),
      }
    const found = workspaces.announced(news.id)
    if (!found) return undefined
    const id = nextId()
    const text =
      news.kind === 'workspace'
        ? format('state_changed', found.workspace, id)
        : news.kind === 'progress'
          ? format('progress', { id: news.id, progress: news.progress }, id)
          : news.kind === 'warning'
            ? format('warning', { id: news.id, transition: news.transition }, id)
            : format('error', { id: news.id, error_info: news.errorInfo }, id)
    return { ownerId: found.ownerId, workspaceId: news.id, text }
  }

  const concerns = (message: Message, { user, only }: { user: User; only: string | null }): boolean =>
    (message.ownerId === null || message.ownerId === user.id) &&
    (only === null || message.workspaceId === null || message.workspaceId === only)

  /** What came after the client's last event; undefined when that is no longer known. */
  function since(lastEventId: string | undefined): Message[] | undefined {
    const [, run, number] = /^(.+)-(\d+)$/.exec(lastEventId ?? '') ?? []
    const missed = sequence - Number(number)
    return run === runId && missed >= 0 && missed <= kept.length
      ? kept.slice(kept.length - missed)
      : undefined
  }

  return {
    /** Streams events to a client, of one workspace (`only`) or of all of the user's. */
    serve(user: User, only: string | null, request: IncomingMessage, response: ServerResponse): void {
      response.writeHead(200, {
        'Content-Type': 'text/event-stream; charset=utf-8',
        'Cache-Control': 'no-store',
        'X-Content-Type-Options': 'nosniff',
      })
      response.socket?.setNoDelay(true)
      const client = { user, only, response }
      const last = request.headers['last-event-id']
      const missed = since(Array.isArray(last) ? undefined : last)
      if (missed)
        for (const message of missed) {
          if (concerns(message, client)) response.write(message.text)
        }
      else {
        response.write(format('reset', {}))
        for (const workspace of workspaces.all(user))
          if (only === null || workspace.id === only) response.write(format('state_changed', workspace))
      }
      response.write(format('home_store', { problem: live.homeStoreProblem() }))
      response.write(format('engine', live.engine(), `${runId}-${sequence}`))
      clients.add(client)
      response.on('close', () => clients.delete(client))
    },

    close(): void {
      unsubscribe()
      clearInterval(heartbeat)
      for (const { response } of clients) response.end()
    },
  }
}
