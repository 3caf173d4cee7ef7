/**
 * Every error code a client or a person can meet: its HTTP status, what it is called, and what to do.
 * `docs/errors.md` lists the same codes; a test keeps the two equal.
 */
export const ERRORS = {
  // Requests
  INVALID_INPUT: [400, 'The request is not valid', 'Correct the fields named in the message.'],
  UNAUTHENTICATED: [401, 'Sign in first', 'Send "Authorization: Bearer <token>", or sign in.'],
  WRONG_PASSWORD: [401, 'The name or the password is wrong', 'Check both, or ask who keeps the accounts.'],
  TOO_MANY_TRIES: [429, 'Too many failed tries', 'Wait as long as the message says.'],
  FORBIDDEN: [403, 'Not allowed', 'Ask the owner of this workspace.'],
  HOST_NOT_ALLOWED: [403, 'This address is not served here', 'Use the address that Berth printed.'],
  NOT_FOUND: [404, 'Not found', 'Check the address.'],
  METHOD_NOT_ALLOWED: [405, 'Method not allowed', 'See /api/v1/openapi.json.'],
  TOO_SLOW: [408, 'The request came too slowly', 'Send it at once.'],
  PAYLOAD_TOO_LARGE: [413, 'The request is too large', 'Send less.'],
  UNSUPPORTED_MEDIA_TYPE: [415, 'The body must be JSON', 'Send "Content-Type: application/json".'],
  NAME_TAKEN: [409, 'The name is taken', 'Choose another.'],
  ACCOUNT_IN_USE: [
    409,
    'The account still has workspaces',
    'Delete its workspaces first, those in the trash too: nothing that somebody made is removed with an account.',
  ],
  SHARE_OVER: [403, 'This link is no longer good', 'Ask who gave it to you for a new one.'],
  NOT_LET_IN: [403, 'You were not let in', 'Ask who gave you the link.'],
  BEING_DELETED: [409, 'This workspace is being deleted', 'Create a new one.'],
  NOT_NOW: [409, 'This cannot be done now', 'Look at the state of the workspace, and try again.'],
  NOT_RUNNING: [503, 'The workspace is not running', 'Open it in a browser or start it, then try again.'],
  UPSTREAM_FAILED: [
    502,
    'The workspace did not answer',
    'Try again; if it stays, stop and start the workspace.',
  ],
  INTERNAL: [500, 'Something went wrong in Berth', 'Try again; the log has the details.'],

  // Operations
  DOCKER_UNREACHABLE: [503, 'Docker is not reachable', 'Start Docker; Berth goes on by itself.'],
  DOCKER_FAILED: [502, 'Docker refused a request', 'Read the message; retry when its cause is gone.'],
  IMAGE_NOT_FOUND: [502, 'The image does not exist', 'Check its name and tag, or sign in to its registry.'],
  IMAGE_PULL_FAILED: [502, 'The image could not be pulled', 'Check the network connection, then retry.'],
  CONTAINER_NAME_TAKEN: [409, "Another program's container has the name", 'Rename or remove that container.'],
  CONTAINER_EXITED: [502, 'The container ended at once', 'Read the end of its log, then retry.'],
  INSTANCE_DIED: [502, 'The container ended by itself', 'Retry; if it ends again, read the end of its log.'],
  NOT_ANSWERING: [504, 'code-server does not answer', "Read the workspace's log, then retry."],
  TIMEOUT: [504, 'It took too long', 'Retry; if it stays, check the load and the disk of this machine.'],
  HOME_MISSING: [
    409,
    'The home directory is gone',
    'Put it back where the message says (is its disk connected?) and retry, or delete the workspace.',
  ],
  HOME_NOT_WRITABLE: [502, 'The home directory cannot be written', 'Check its owner and permissions.'],
  HOME_IN_USE: [
    409,
    'Another container uses the home directory',
    'Stop the container that the message names, then retry.',
  ],
  HOME_STORE_UNAVAILABLE: [503, 'The home store is not there', 'Connect its disk; Berth goes on by itself.'],
  SOCKET_FAILED: [
    502,
    'The socket or port of the workspace cannot be used',
    'Free the port or the directory that the message names, then retry.',
  ],
  ARCHIVE_FAILED: [
    502,
    'The home could not be archived',
    'Read the message, then retry; the home is as it was.',
  ],
  HOME_CHANGED: [
    409,
    'Files changed while the home was being archived',
    'End what writes into the home on this machine, then retry; the home is as it was.',
  ],
  RESTORE_FAILED: [
    502,
    'The archive could not be unpacked',
    'Read the message, then retry; the archive is as it was.',
  ],
  ARCHIVE_CORRUPT: [
    502,
    'The archive is damaged',
    'Restore an older archive, or put a copy of it back and retry.',
  ],
  ARCHIVE_UNSAFE: [
    502,
    'The archive holds what no home may hold',
    'Restore an older archive; this one was not made by Berth, or was changed.',
  ],
  ARCHIVE_MISSING: [
    409,
    'The archive is not there',
    'Put it back where the message says, or restore an older archive.',
  ],
  ARCHIVE_STORE_UNAVAILABLE: [
    503,
    'The archives are not there',
    'Connect their disk; Berth goes on by itself.',
  ],
  DISK_FULL: [507, 'The disk is full', 'Free some space, then retry.'],
  DATA_DIR_IN_USE: [
    409,
    'Another Berth is using this data directory',
    'Use the one that is open, or another --data-dir.',
  ],
  LAN_UNAVAILABLE: [
    503,
    'There is no local network',
    'Connect this machine to a network, or name its address with --share-address.',
  ],
  PORT_UNAVAILABLE: [409, 'The port cannot be used', 'Name another with --port, or end what uses it.'],
  NOT_SUPPORTED: [501, 'Not available in this version', 'Use a newer version of Berth.'],
} as const satisfies Record<string, readonly [status: number, title: string, hint: string]>

export type ErrorCode = keyof typeof ERRORS

/** An error meant for a person: a stable code, what failed and why, and what to do. */
export class AppError extends Error {
  readonly code: ErrorCode
  readonly hint: string
  /** When the same may be tried again, where that is known. */
  readonly retryAfterSeconds: number | undefined

  constructor(
    code: ErrorCode,
    message?: string,
    options?: { hint?: string; cause?: unknown; retryAfterSeconds?: number },
  ) {
    super(message ?? ERRORS[code][1], options?.cause === undefined ? undefined : { cause: options.cause })
    this.name = 'AppError'
    this.code = code
    this.hint = options?.hint ?? ERRORS[code][2]
    this.retryAfterSeconds = options?.retryAfterSeconds
  }
}

/** Any thrown value as an AppError; what Berth did not foresee becomes INTERNAL (or DISK_FULL, which can come from anywhere). */
export function toAppError(error: unknown): AppError {
  if (error instanceof AppError) return error
  if (['ENOSPC', 'EDQUOT', 'SQLITE_FULL'].includes(errnoOf(error) ?? ''))
    return new AppError('DISK_FULL', undefined, { cause: error })
  return new AppError('INTERNAL', error instanceof Error ? error.message : String(error), { cause: error })
}

/** The errno name (`ENOENT`, …) of a Node error, or SQLite's own (`SQLITE_FULL`, …). */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
