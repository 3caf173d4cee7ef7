/**
 * The wire format of `/api/v1`: these schemas validate requests, describe the OpenAPI document,
 * and give the client its types. JSON is snake_case; times are RFC 3339 in UTC.
 */
import { z } from 'zod'
import { OPERATIONS, STATUSES } from './state.ts'
import { ERRORS, type ErrorCode } from './errors.ts'

/** A ULID in lower case (Crockford base 32): 48 bits of time, 80 random bits. */
export const ID_PATTERN = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/
export const workspaceId = z.string().regex(ID_PATTERN)

const GIB = 2 ** 30
const time = z.iso.datetime()
const ttl = z
  .int()
  .min(0)
  .max(10 * 365 * 86_400)
  .describe('Seconds; 0 means never.')

// The reference grammar of the distribution project, loosely: enough to keep out what could be read as an option or a path.
const imageRef = z
  .string()
  .max(300)
  .regex(/^[a-zA-Z0-9][a-zA-Z0-9._:/@-]*$/, 'must be an image reference such as codercom/code-server:latest')

const describable = {
  name: z.string().trim().min(1).max(100),
  description: z.string().max(1_000),
  memo: z.string().max(20_000),
  image_ref: imageRef,
  cpus: z.number().min(0.1).max(256).describe('Number of CPUs the workspace may use.'),
  memory_bytes: z
    .int()
    .min(GIB / 4)
    .max(1024 * GIB),
  standby_ttl_seconds: ttl,
  archive_ttl_seconds: ttl,
}

export const createWorkspace = z.strictObject(describable).partial().required({ name: true })
export type CreateWorkspace = z.infer<typeof createWorkspace>

export const patchWorkspace = z
  .strictObject({ ...describable, desired_state: z.enum(['STANDBY', 'RUNNING']) })
  .partial()
export type PatchWorkspace = z.infer<typeof patchWorkspace>

const errorCode = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])

export const trouble = z.object({ code: errorCode, message: z.string(), hint: z.string() })
export type Trouble = z.infer<typeof trouble>

export const errorInfo = trouble.extend({
  operation: z.enum(['NONE', ...OPERATIONS]),
  attempt: z.int(),
  at: time,
})
export type ErrorInfo = z.infer<typeof errorInfo>

export const progress = z.object({
  step: z.enum([
    'PULLING_IMAGE',
    'PREPARING_HOME',
    'CREATING_CONTAINER',
    'WAITING_FOR_EDITOR',
    'STOPPING',
    'REMOVING',
  ]),
  started_at: time,
  done_bytes: z.int().nullable(),
  total_bytes: z.int().nullable(),
})
export type Progress = z.infer<typeof progress>

export const workspace = z.object({
  id: workspaceId,
  ...describable,
  home_path: z.string().nullable().describe('Where the home is on this machine; null before it was made.'),
  status: z.enum(STATUSES),
  display_status: z.enum([...STATUSES, 'ARCHIVED']),
  operation: z.enum(['NONE', ...OPERATIONS]),
  progress: progress.nullable(),
  desired_state: z.enum(['PENDING', 'STANDBY', 'RUNNING']),
  error_count: z.int(),
  error_info: errorInfo.nullable(),
  archive_key: z.string().nullable(),
  next_transition: z
    .object({ to: z.enum(['PENDING', 'STANDBY', 'RUNNING']), at: time, reason: z.string() })
    .nullable(),
  last_access_at: time,
  created_at: time,
  updated_at: time,
})
export type Workspace = z.infer<typeof workspace>

export const workspaceList = z.object({ items: z.array(workspace), next_cursor: z.string().nullable() })

export const listQuery = z.strictObject({
  limit: z.coerce.number().int().min(1).max(500).default(100),
  cursor: workspaceId.optional(),
})

export const engine = z.object({
  reachable: z.boolean(),
  version: z.string().nullable(),
  message: z.string().nullable().describe('Why Docker is not reachable.'),
  hint: z.string().nullable(),
})
export type Engine = z.infer<typeof engine>

export const system = z.object({
  version: z.string(),
  node_version: z.string(),
  engine,
  default_image: z.string(),
  data_dir: z.string(),
  home_store: z.string(),
  home_store_problem: trouble.nullable().describe('Why homes cannot be seen; null when they can.'),
  disk: z.object({ free_bytes: z.int(), total_bytes: z.int() }),
})
export type System = z.infer<typeof system>

export const login = z.union([
  z.strictObject({ token: z.string().max(200) }),
  z.strictObject({ code: z.string().max(200) }),
])
export const user = z.object({ id: z.string(), name: z.string() })
export const session = z.object({ user })
export const signedIn = z.object({ session_token: z.string(), expires_at: time, user })
export type SignedIn = z.infer<typeof signedIn>
export const openWorkspace = z
  .strictObject({ path: z.string().max(4_000).startsWith('/').describe('Where to go inside the workspace.') })
  .partial()
  .optional()
export const opened = z.object({ url: z.string().describe('Good for one visit, within a minute.') })
export const health = z.object({ status: z.literal('ok') })

/** RFC 9457 problem document, with our stable `code` and what to do. */
export const problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: errorCode,
  hint: z.string(),
})
export type Problem = z.infer<typeof problem>

/**
 * Messages of the event stream, `GET /api/v1/events`. A stream that cannot resume begins with `reset`,
 * then one `state_changed` per workspace. Every stream then says how the home store is and, last, the engine. A workspace whose status is DELETED is gone.
 */
export interface ServerEvents {
  reset: Record<string, never>
  state_changed: Workspace
  progress: { id: string; progress: Progress | null }
  error: { id: string; error_info: ErrorInfo }
  home_store: { problem: Trouble | null }
  engine: Engine
}
export type ServerEventName = keyof ServerEvents
