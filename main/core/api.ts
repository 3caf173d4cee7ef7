/**
 * The wire format of `/api/v1`: these schemas validate requests, describe the OpenAPI document,
 * and give the client its types. JSON is snake_case; times are RFC 3339 in UTC.
 */
import { z } from 'zod'
import { CAUSES, LEVELS, OPERATIONS, OUTCOMES, STATUSES } from './state.ts'
import { isValue, MAX_VALUE, MAX_VARIABLES, nameFault } from './environment.ts'
import { ERRORS, type ErrorCode } from './errors.ts'

/** A ULID in lower case (Crockford base 32): 48 bits of time, 80 random bits. */
export const ID_PATTERN = /^[0-7][0-9a-hjkmnp-tv-z]{25}$/
export const workspaceId = z.string().regex(ID_PATTERN)

/** `<workspace_id>/<op_id>/home.tar.zst`; never an absolute path. */
export const ARCHIVE_KEY = /^([0-7][0-9a-hjkmnp-tv-z]{25})\/([0-9a-z]+)\/home\.tar\.zst$/

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

const NAME_FAULTS = {
  malformed: 'a name has letters, digits and _, and begins with no digit',
  reserved: 'Berth or the editor depends on this one',
}
const environment = z
  .record(z.string(), z.string().max(MAX_VALUE))
  .superRefine((env, context) => {
    const add = (path: string[], message: string) => context.addIssue({ code: 'custom', path, message })
    if (Object.keys(env).length > MAX_VARIABLES) add([], `at most ${MAX_VARIABLES} variables`)
    for (const [name, value] of Object.entries(env)) {
      const fault = nameFault(name)
      if (fault !== null) add([name], NAME_FAULTS[fault])
      if (!isValue(value)) add([name], 'a value has no NUL')
    }
  })
  .describe(
    'Environment variables of all that runs inside, from its next start on. Whoever may ask Docker sees them.',
  )

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
  busy_shield: z.boolean().describe('Whether work inside holds off an idle stop.'),
  busy_cap_seconds: ttl.min(60).describe('For how many seconds it does so at most.'),
  sudo: z.boolean().describe('Whether programs inside may become root of the container.'),
  env: environment,
}

export const createWorkspace = z.strictObject(describable).partial().required({ name: true })
export type CreateWorkspace = z.infer<typeof createWorkspace>

export const patchWorkspace = z
  .strictObject({
    ...describable,
    desired_state: z.enum(LEVELS).describe('PENDING means archived.'),
    keep_awake_until: time.nullable().describe('No idle stop before this time.'),
  })
  .partial()
export type PatchWorkspace = z.infer<typeof patchWorkspace>

const errorCode = z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]])

export const trouble = z.object({ code: errorCode, message: z.string(), hint: z.string() })
export type Trouble = z.infer<typeof trouble>

export const errorInfo = trouble.extend({
  operation: z.enum(['NONE', ...OPERATIONS]),
  attempt: z.int(),
  at: time,
  log_tail: z.string().optional().describe("The end of the container's log, where it may say more."),
})
export type ErrorInfo = z.infer<typeof errorInfo>

export const progress = z.object({
  step: z.enum([
    'PULLING_IMAGE',
    'PREPARING_HOME',
    'CREATING_CONTAINER',
    'WAITING_FOR_EDITOR',
    'STOPPING',
    'PACKING',
    'VERIFYING',
    'UNPACKING',
    'REMOVING',
  ]),
  started_at: time,
  done_bytes: z.int().nullable(),
  total_bytes: z.int().nullable(),
})
export type Progress = z.infer<typeof progress>

const cause = z.enum(CAUSES)

/** What happens next by itself, when, and why. */
export const transition = z.object({
  to: z.enum(LEVELS).describe('PENDING means archived.'),
  at: time,
  cause,
  reason: z.string(),
})
export type Transition = z.infer<typeof transition>

/** Whether somebody or something is at work in it. */
export const activity = z.object({
  connections: z.int().describe('WebSockets and long answers in flight.'),
  kept_awake_by: z.string().nullable().describe('What holds off its idle stop, in words.'),
})
export type Activity = z.infer<typeof activity>

export const port = z.int().min(1).max(65_535)

export const SHARE_MODES = ['LINK', 'DOORBELL'] as const
const shareMode = z
  .enum(SHARE_MODES)
  .describe('LINK: anyone with the link comes in. DOORBELL: they say a name, and the owner lets them in.')

/** Somebody who came by a link. */
export const guest = z.object({
  id: workspaceId,
  name: z.string(),
  address: z.string().describe('Where they come from.'),
  state: z.enum(['RINGING', 'IN']),
  since: time,
  connections: z.int().describe('WebSockets and answers in flight: 0 while they are away.'),
})
export type Guest = z.infer<typeof guest>

/** One link to a workspace, for people on the local network. The link itself is told once, when it is made. */
export const share = z.object({
  id: workspaceId,
  mode: shareMode,
  wakes: z.boolean().describe('Whether guests wake the workspace.'),
  ports: z.array(port).describe('Ports of servers inside that guests may reach.'),
  created_at: time,
  expires_at: time.nullable().describe('Null: until it is stopped.'),
  guests: z.array(guest),
})
export type Share = z.infer<typeof share>

/** How a workspace is served on the local network. */
export const sharing = z.object({
  url: z.string().nullable().describe('Where guests come in; null while it cannot be served.'),
  ports: z.array(z.object({ port, url: z.string() })).describe('Where servers inside are reached by guests.'),
  problem: z.string().nullable().describe('Why it cannot be served.'),
  fingerprint: z.string().describe("SHA-256 of the certificate of Berth's own certificate authority."),
  shares: z.array(share),
})
export type Sharing = z.infer<typeof sharing>

export const createShare = z.strictObject({
  mode: shareMode,
  wakes: z.boolean().default(false),
  ports: z.array(port).max(20).default([]),
  expires_in_seconds: z
    .int()
    .min(60)
    .max(30 * 86_400)
    .nullable()
    .describe('Null: until it is stopped.'),
})
export type CreateShare = z.input<typeof createShare>
export const patchShare = z.strictObject({ wakes: z.boolean(), ports: z.array(port).max(20) }).partial()
export type PatchShare = z.infer<typeof patchShare>
export const shareList = z.object({ items: z.array(share) })
export const shared = z.object({
  share,
  link: z.string().describe('Hand it to a guest. It is told this once: only its hash is kept.'),
})
export type Shared = z.infer<typeof shared>

/** A server inside a workspace. */
export const listening = z.object({
  port,
  url: z.string().describe('Where it is reached in a browser of somebody who may enter.'),
  exposed: z
    .boolean()
    .describe('It listens beyond loopback: other users of this machine can reach it past Berth.'),
})
export type Listening = z.infer<typeof listening>
export const listeningList = z.object({ items: z.array(listening) })

export const workspace = z.object({
  id: workspaceId,
  ...describable,
  home_path: z
    .string()
    .nullable()
    .describe(
      "Where the home is on this machine; null before it was made, and for others than the desktop's own user.",
    ),
  status: z.enum(STATUSES),
  status_since: time,
  status_cause: cause,
  status_reason: z.string().describe('Why it is in this state, in words.'),
  display_status: z.enum([...STATUSES, 'ARCHIVED']),
  operation: z.enum(['NONE', ...OPERATIONS]),
  progress: progress.nullable(),
  desired_state: z.enum(LEVELS),
  error_count: z.int(),
  error_info: errorInfo.nullable(),
  archive_key: z.string().nullable(),
  restore_key: z.string().nullable().describe('The archive that it is going back to.'),
  next_transition: transition.nullable(),
  keep_awake_until: time.nullable(),
  activity,
  sharing: sharing.nullable().describe('Null: not shared.'),
  deleted_at: time.nullable(),
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

export const restoreWorkspace = z
  .strictObject({
    archive_key: z
      .string()
      .regex(ARCHIVE_KEY)
      .describe(
        'Go back to this archive, after one of the present home; left out: the archive that stands for it.',
      ),
  })
  .partial()
  .optional()

/** A finished archive of a home. */
export const archive = z.object({
  key: z.string(),
  created_at: time,
  bytes: z.int(),
  content_bytes: z.int(),
  entries: z.int(),
  skipped: z.int().describe('Sockets, which are left out.'),
  image_ref: z.string(),
  current: z.boolean().describe('It stands for the home.'),
})
export type Archive = z.infer<typeof archive>
export const archiveList = z.object({ items: z.array(archive) })

/** One operation, or a failure that was observed without one. */
const historyEntry = z.object({
  op_id: z.string(),
  operation: z.enum(['NONE', ...OPERATIONS]),
  cause,
  started_at: time,
  ended_at: time.nullable(),
  outcome: z.enum(OUTCOMES).nullable().describe('Null while it is under way.'),
  error_code: errorCode.nullable(),
  message: z.string().nullable(),
})
export type HistoryEntry = z.infer<typeof historyEntry>
export const history = z.object({ items: z.array(historyEntry) })

export const logsQuery = z.strictObject({ lines: z.coerce.number().int().min(1).max(5_000).default(200) })
export const logs = z.object({ text: z.string().describe("The end of the container's log.") })

/** What a running workspace uses at a moment. */
export const usage = z.object({
  at: time,
  cpus: z.number().describe('CPUs in use: 1 is one whole core.'),
  memory_bytes: z.int(),
})
export type Usage = z.infer<typeof usage>
export const stats = z.object({
  cpus_limit: z.number(),
  memory_limit_bytes: z.int(),
  samples: z.array(usage).describe('Of the last minutes, the oldest first; empty while it does not run.'),
})
export type Stats = z.infer<typeof stats>

export const CHECKS = [
  'ENGINE',
  'ISOLATION',
  'IMAGE',
  'DISK',
  'HOME_STORE',
  'ARCHIVE_STORE',
  'DATABASE',
  'NETWORK',
  'CLOCK',
] as const
/** One thing that was looked at, and what to do about it. */
export const check = z.object({
  id: z.enum(CHECKS),
  level: z.enum(['OK', 'WARNING', 'PROBLEM']),
  message: z.string(),
  fix: z.string().nullable().describe('What to do; null where nothing is to be done.'),
})
export type Check = z.infer<typeof check>
export const doctor = z.object({
  checked_at: time,
  checks: z.array(check),
  report: z.string().describe('All of it as text for somebody who helps; it holds no secret.'),
})
export type Doctor = z.infer<typeof doctor>

/** A deleted workspace whose files are still there. */
export const trashed = z.object({
  id: workspaceId,
  name: z.string(),
  deleted_at: time,
  purge_at: time.describe('When its files go for good.'),
  archived: z.boolean().describe('Its files are in an archive rather than in a home.'),
})
export type Trashed = z.infer<typeof trashed>
export const trash = z.object({ items: z.array(trashed) })

/** A home, or a container of ours, that no workspace in the database belongs to. */
export const found = z.object({
  id: workspaceId,
  name: z.string(),
  image_ref: z.string(),
  created_at: time.nullable(),
  home: z.enum(['present', 'archived', 'trashed', 'absent']),
  container: z.boolean(),
  adoptable: z.boolean().describe('There are files to take in.'),
})
export type Found = z.infer<typeof found>
export const foundList = z.object({ items: z.array(found) })
export const adopt = z.strictObject({ ids: z.array(workspaceId).min(1).max(1_000) })

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
  archive_store: z.string(),
  keep_archives: z.int().describe('So many archives of each workspace are kept.'),
  trash_days: z.number().describe('For so long a deleted workspace can be taken back.'),
  recovered: z
    .object({ at: time, from: z.string().nullable(), damaged: z.string().nullable() })
    .nullable()
    .describe(
      'When the database was lost at this start: the backup it came from, and where what was left of it lies.',
    ),
  risks: z
    .array(z.object({ message: z.string(), hint: z.string() }))
    .describe('What of the engine weakens isolation.'),
  disk: z.object({ free_bytes: z.int(), total_bytes: z.int() }),
})
export type System = z.infer<typeof system>

export const THEMES = ['system', 'light', 'dark'] as const

const changeable = {
  image: imageRef,
  cpus: describable.cpus,
  memory_bytes: describable.memory_bytes,
  standby_ttl_seconds: ttl,
  archive_ttl_seconds: ttl,
  keep_archives: z.int().min(1).max(100),
  trash_days: z.number().min(0).max(3_650),
  theme: z.enum(THEMES),
  notify_will_sleep: z.boolean(),
  notify_stopped: z.boolean(),
  notify_failed: z.boolean(),
  notify_guest_rings: z.boolean(),
  close_to_tray: z.boolean().describe('Whether closing the window leaves Berth in the tray.'),
  start_at_login: z.boolean(),
  start_hidden: z.boolean().describe('Whether it starts without its window.'),
  share_address: z
    .ipv4()
    .nullable()
    .describe('The address of this machine on which shares are served; null: the one that leads out.'),
}
/** What a person may change while Berth runs; defaults are of workspaces made from then on. */
export const settings = z.object({
  ...changeable,
  fixed: z
    .array(z.string())
    .describe('Those that a flag or the environment has set: a change would have no effect.'),
})
export type Settings = z.infer<typeof settings>
export const patchSettings = z.strictObject(changeable).partial()
export type PatchSettings = z.infer<typeof patchSettings>

const password = z.string().min(8).max(200)
const accountName = z.string().trim().min(1).max(64)

export const login = z.union([
  z.strictObject({ token: z.string().max(200) }),
  z.strictObject({ code: z.string().max(200) }),
  z.strictObject({ name: z.string().max(64), password: z.string().max(200) }),
])
export const user = z.object({
  id: z.string(),
  name: z.string(),
  desktop: z.boolean().describe("The desktop's own user, who keeps the accounts."),
})
export type User = z.infer<typeof user>

/** Somebody with workspaces of their own on this machine. */
export const account = z.object({
  ...user.shape,
  has_password: z.boolean(),
  workspaces: z.int().describe('How many they have, those in the trash included.'),
  created_at: time,
})
export type Account = z.infer<typeof account>
export const accountList = z.object({ items: z.array(account) })
export const createAccount = z.strictObject({ name: accountName, password })
export const patchAccount = z
  .strictObject({
    name: accountName,
    password,
    current_password: z.string().max(200).describe("Of who has one and is not the desktop's own user."),
  })
  .partial()
export type PatchAccount = z.infer<typeof patchAccount>
export const session = z.object({ user })
export const signedIn = z.object({ session_token: z.string(), expires_at: time, user })
export type SignedIn = z.infer<typeof signedIn>
export const openWorkspace = z
  .strictObject({
    path: z.string().max(4_000).startsWith('/').describe('Where to go inside the workspace.'),
    port: port.describe('The server inside that is to be opened, instead of the editor.'),
  })
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
  /** Told every few seconds of what runs, while somebody listens; a stream that resumes is not told of the past. */
  usage: { id: string; usage: Usage }
  /** Somebody with a link asks to be let in. */
  ring: { id: string; guest: Guest }
  /** It is going to be put to sleep soon, unless somebody keeps it awake. */
  warning: { id: string; transition: Transition }
  home_store: { problem: Trouble | null }
  engine: Engine
}
export type ServerEventName = keyof ServerEvents
