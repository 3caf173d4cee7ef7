import { createParser, type EventSourceMessage } from 'eventsource-parser'
import { onTestFinished } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { openStream, type Ask } from './send.ts'

export interface Heard {
  id: string | undefined
  name: string
  data: unknown
}

/** Follows an event stream from now on; `heard` grows as events come. */
export async function listen(url: string, ask: Ask = {}) {
  const stream = await openStream(url, ask)
  const heard: Heard[] = []
  const comments: string[] = []
  const parser = createParser({
    onEvent: ({ id, event, data }: EventSourceMessage) =>
      heard.push({ id, name: event ?? 'message', data: JSON.parse(data) as unknown }),
    onComment: (comment) => comments.push(comment),
  })
  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => parser.feed(chunk))
  stream.on('error', () => undefined)
  onTestFinished(() => void stream.destroy())
  return {
    status: stream.statusCode,
    headers: stream.headers,
    heard,
    comments,
    /** The names of what was heard, with the workspace's where there is one. */
    names: () =>
      heard.map(({ name, data }) =>
        name === 'state_changed' ? `${name} ${(data as Workspace).name}` : name,
      ),
    ended: () => stream.readableEnded || stream.destroyed,
    close: () => void stream.destroy(),
  }
}
