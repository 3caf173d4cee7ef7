import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import type { Rectangle } from 'electron'
import { z } from 'zod'
import { ID_PATTERN, port } from '../core/api.ts'

/** More windows than a person opens: a page may open them by itself, and is not to be given them all again. */
const MAX_OPEN = 20

const place = z.object({
  x: z.int32(),
  y: z.int32(),
  width: z.int32().positive(),
  height: z.int32().positive(),
  maximized: z.boolean(),
})
const remembered = z.object({ place, zoom: z.number().min(-8).max(9) }).partial()
const opened = z.object({
  id: z.string().regex(ID_PATTERN),
  port: port.nullable(),
  /** Below the workspace's own address. */
  path: z.string().startsWith('/'),
})
const file = z.object({ workspaces: z.record(z.string(), remembered), open: z.array(opened) })

/** What is kept of a workspace's windows: where the last one stood, in pixels of all screens, and their zoom level. */
export type Remembered = z.infer<typeof remembered>
/** A window that is open: of an editor (`port` is null), or of a server inside the workspace. */
export type Opened = z.infer<typeof opened>

/** Keeps in a file where windows of workspaces were. What cannot be written is known until the app ends. */
export function createWindowMemory(path: string) {
  const known = read(path)
  const last = known.open
  let written = ''
  function save(): void {
    const text = JSON.stringify(known)
    if (text === written) return
    try {
      writeFileSync(`${path}.new`, text, { mode: 0o600 })
      renameSync(`${path}.new`, path)
      written = text
    } catch {
      // A full disk, for one: the windows open elsewhere next time.
    }
  }
  return {
    /** The windows that were open when the app ended. */
    last,
    of: (id: string): Remembered => known.workspaces[id] ?? {},
    note(id: string, change: Remembered): void {
      known.workspaces[id] = { ...known.workspaces[id], ...change }
      save()
    },
    setOpen(open: Opened[]): void {
      known.open = open.slice(-MAX_OPEN)
      save()
    },
    forget(id: string): void {
      known.workspaces = Object.fromEntries(Object.entries(known.workspaces).filter(([key]) => key !== id))
      save()
    },
  }
}

function read(path: string): z.infer<typeof file> {
  try {
    return file.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    return { workspaces: {}, open: [] } // the first start, or a file that somebody edited
  }
}

/** The same rectangle as far as it fits, moved and made smaller until all of it is in `area`. */
export function fit({ x, y, width, height }: Rectangle, area: Rectangle): Rectangle {
  const size = { width: Math.min(width, area.width), height: Math.min(height, area.height) }
  return {
    x: Math.max(area.x, Math.min(x, area.x + area.width - size.width)),
    y: Math.max(area.y, Math.min(y, area.y + area.height - size.height)),
    ...size,
  }
}
