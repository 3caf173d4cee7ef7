import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Engine, ServerEventName, ServerEvents, Trouble, Workspace } from '../core/api.ts'
import { glimpse, withoutPlaces, type Audience } from '../core/glimpse.ts'
import type { User } from '../db/accounts.ts'
import type { Bus, News } from '../events/bus.ts'
import type { Live } from '../events/live.ts'
import type { WorkspaceService } from '../service/workspaces.ts'

const HEARTBEAT_MS = 30_000
/** Events kept for clients that come back with `Last-Event-ID`. */
const KEPT = 1_000

/** A client that reads so slowly is cut off; with `Last-Event-ID` it comes back to what it missed. */
const MAX_UNREAD_BYTES = 2 ** 20

/** What one announcement is to each who may hear it: in full, or as the page that waits for a workspace shows it. */
type Texts = Readonly<Record<Audience | 'full', string | null>> & {
  /** In place of `full` for the desktop's own user, where that is more. */
  readonly keeper?: string
}

interface Message {
  /** Null: everybody's. */
  ownerId: string | null
  workspaceId: string | null
  texts: Texts
}

interface Client {
  /** Null: whoever was let in to the workspace. */
  userId: string | null
  /** Whose stream it is: it ends when this visitor has to go. */
  visitor: string
  /** Null: all of the user's workspaces. */
  only: string | null
  audience: Audience | 'full' | 'keeper'
  response: ServerResponse
}

export interface EventHubDeps {
  bus: Bus
  live: Live
  workspaces: WorkspaceService
  /** Whether it is the desktop's own user. */
  isKeeper: (user: User) => boolean
  /** Told whenever another number of streams in full is open. */
  onFull: (count: number) => void
  /** Tells this run of the process from others, whose event ids mean nothing here. */
  runId: string
}

/**
 * The server-sent events of `/events` and of the pages that wait for a workspace: everything announced on the bus, once
 * serialised, to each whom it concerns.
 */
export function createEventHub({ bus, live, workspaces, isKeeper, onFull, runId }: EventHubDeps) {
  const clients = new Set<Client>()
  const kept: Message[] = []
  let sequence = 0

  const unsubscribe = bus.subscribe((news) => {
    const message = serialise(news)
    if (!message) return
    // Of use at a moment only that moment is worth telling: it has no id, and nobody comes back for it.
    if (news.kind !== 'usage') kept.push(message)
    if (kept.length > KEPT) kept.shift()
    for (const client of clients) tellOf(message, client)
  })
  const heartbeat = setInterval(() => {
    for (const { response } of clients) tell(response, ': heartbeat\n\n')
  }, HEARTBEAT_MS)

  function tell(response: ServerResponse, text: string): void {
    if (response.writableLength > MAX_UNREAD_BYTES) response.destroy()
    else response.write(text)
  }

  function tellOf({ ownerId, workspaceId, texts }: Message, client: Client): void {
    const concerned =
      (ownerId === null || client.userId === null || client.userId === ownerId) &&
      (client.only === null || workspaceId === null || client.only === workspaceId)
    const text = textFor(client, texts)
    if (concerned && text !== null) tell(client.response, text)
  }

  const textFor = ({ audience }: Client, texts: Texts): string | null =>
    audience === 'keeper' ? (texts.keeper ?? texts.full) : texts[audience]

  function format<Name extends ServerEventName>(name: Name, data: ServerEvents[Name], id = ''): string {
    return formatAny(name, data, id)
  }

  function serialise(news: News): Message | undefined {
    const nextId = (): string => `${runId}-${++sequence}` // as many as there are messages
    if (news.kind === 'engine')
      return { ownerId: null, workspaceId: null, texts: engineTexts(news.engine, nextId()) }
    if (news.kind === 'home_store')
      return { ownerId: null, workspaceId: null, texts: homeStoreTexts(news.problem, nextId()) }
    const found = workspaces.announced(news.id)
    if (!found) return undefined
    const id = news.kind === 'usage' ? '' : nextId()
    return { ownerId: found.ownerId, workspaceId: news.id, texts: textsOf(news, found.workspace, id) }
  }

  function textsOf(
    news: Exclude<News, { kind: 'engine' | 'home_store' }>,
    workspace: Workspace,
    id: string,
  ): Texts {
    const onlyFull = (full: string): Texts => ({ full, owner: null, guest: null })
    switch (news.kind) {
      case 'workspace':
        return workspaceTexts(workspace, id)
      case 'progress': {
        const text = format('progress', { id: news.id, progress: news.progress }, id)
        return { full: text, owner: text, guest: text }
      }
      case 'error':
        return onlyFull(format('error', { id: news.id, error_info: news.errorInfo }, id))
      case 'warning':
        return onlyFull(format('warning', { id: news.id, transition: news.transition }, id))
      case 'ring':
        return onlyFull(format('ring', { id: news.id, guest: news.guest }, id))
      case 'usage':
        return onlyFull(format('usage', { id: news.id, usage: news.usage }))
    }
  }

  const workspaceTexts = (workspace: Workspace, id = ''): Texts => ({
    full: format('state_changed', workspace, id),
    owner: formatAny('state_changed', glimpse(workspace, 'owner'), id),
    guest: formatAny('state_changed', glimpse(workspace, 'guest'), id),
  })

  function homeStoreTexts(problem: Trouble | null, id = ''): Texts {
    const text = format('home_store', { problem: withoutPlaces(problem) }, id)
    const guest = format('home_store', { problem: null }, id)
    return { keeper: format('home_store', { problem }, id), full: text, owner: text, guest }
  }

  /** Guests learn whether the engine is there, and no more. */
  function engineTexts(engine: Engine, id: string): Texts {
    const text = format('engine', engine, id)
    const bare = { reachable: engine.reachable, version: null, message: null, hint: null }
    return { full: text, owner: text, guest: format('engine', bare, id) }
  }

  /** What came after the client's last event; undefined when that is no longer known. */
  function since(lastEventId: string | undefined): Message[] | undefined {
    const [, run, number] = /^(.+)-(\d+)$/.exec(lastEventId ?? '') ?? []
    const missed = sequence - Number(number)
    return run === runId && missed >= 0 && missed <= kept.length
      ? kept.slice(kept.length - missed)
      : undefined
  }

  function stream(client: Client, present: () => Workspace[], request: IncomingMessage): void {
    const { response } = client
    const write = (texts: Texts): void => void response.write(textFor(client, texts) ?? '')
    response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    })
    response.socket?.setNoDelay(true)
    const last = request.headers['last-event-id']
    const missed = since(Array.isArray(last) ? undefined : last)
    if (missed) for (const message of missed) tellOf(message, client)
    else {
      response.write(format('reset', {}))
      for (const workspace of present()) write(workspaceTexts(workspace))
    }
    write(homeStoreTexts(live.homeStoreProblem()))
    write(engineTexts(live.engine(), `${runId}-${sequence}`))
    clients.add(client)
    countFull(client)
    response.on('close', () => {
      clients.delete(client)
      countFull(client)
    })
  }

  /** After one has come or gone. */
  function countFull({ userId }: Client): void {
    if (userId !== null) onFull([...clients].filter((client) => client.userId !== null).length)
  }

  return {
    /** Streams events in full to a client of the API, of one workspace (`only`) or of all of the user's. */
    serve(
      user: User,
      sessionId: string,
      only: string | null,
      request: IncomingMessage,
      response: ServerResponse,
    ): void {
      const client: Client = {
        userId: user.id,
        visitor: `session:${sessionId}`,
        only,
        audience: isKeeper(user) ? 'keeper' : 'full',
        response,
      }
      const present = (): Workspace[] => workspaces.all(user).filter(({ id }) => only === null || id === only)
      stream(client, present, request)
    },

    /** Streams what a page that waits for a workspace shows, to a visitor who may enter it. */
    glimpse(
      id: string,
      audience: Audience,
      visitor: string,
      request: IncomingMessage,
      response: ServerResponse,
    ): void {
      const present = (): Workspace[] => [workspaces.announced(id)?.workspace ?? []].flat()
      stream({ userId: null, visitor, only: id, audience, response }, present, request)
    },

    /** Ends the streams of a visitor who has to go. */
    expel(visitor: string): void {
      for (const client of clients) if (client.visitor === visitor) client.response.destroy()
    },

    /** How many streams a visitor has. */
    count: (visitor: string): number => [...clients].filter((client) => client.visitor === visitor).length,

    close(): void {
      unsubscribe()
      clearInterval(heartbeat)
      for (const { response } of clients) response.end()
    },
  }
}

function formatAny(name: ServerEventName, data: unknown, id: string): string {
  return `${id && `id: ${id}\n`}event: ${name}\ndata: ${JSON.stringify(data)}\n\n`
}
