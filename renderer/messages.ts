/** Every sentence a person reads, in one place. */
import type { Operation, Status } from '../main/core/state.ts'
import type { Progress } from '../main/core/api.ts'
import { ago, bytes, decimal, duration, memory } from './format.ts'

const states: Record<Exclude<Status, 'DELETED'> | 'ARCHIVED', string> = {
  PENDING: 'Pending',
  STANDBY: 'Standby',
  RUNNING: 'Running',
  ARCHIVED: 'Archived',
  ERROR: 'Error',
}

const operations: Record<Operation, string> = {
  PROVISIONING: 'Provisioning…',
  RESTORING: 'Restoring…',
  STARTING: 'Starting…',
  STOPPING: 'Stopping…',
  ARCHIVING: 'Archiving…',
  DELETING: 'Deleting…',
}

const failures: Record<Operation | 'NONE', string> = {
  NONE: 'It failed',
  PROVISIONING: 'Provisioning failed',
  RESTORING: 'Restoring failed',
  STARTING: 'Starting failed',
  STOPPING: 'Stopping failed',
  ARCHIVING: 'Archiving failed',
  DELETING: 'Deleting failed',
}

const steps: Record<Progress['step'], string> = {
  PULLING_IMAGE: 'Pulling the image',
  PREPARING_HOME: 'Preparing the home directory',
  CREATING_CONTAINER: 'Creating the container',
  WAITING_FOR_EDITOR: 'Waiting for the editor',
  STOPPING: 'Stopping the container',
  REMOVING: 'Removing files',
}

export const messages = {
  product: 'Berth',

  action: {
    create: 'New workspace',
    open: 'Open',
    start: 'Start',
    stop: 'Stop',
    retry: 'Retry',
    remove: 'Delete',
    cancel: 'Cancel',
    dismiss: 'Dismiss',
  },

  list: {
    title: 'Workspaces',
    loading: 'Loading workspaces',
    stateHint: {
      PENDING: 'Not made yet',
      STANDBY: 'Asleep: no container, all files kept',
      RUNNING: 'The editor answers',
      ARCHIVED: 'Packed away; its files are in the archive',
      ERROR: 'Something needs attention',
    } satisfies Record<keyof typeof states, string>,
    cpus: (count: number) => (count === 1 ? '1 CPU' : `${decimal(count)} CPUs`),
    memory: (count: number) => memory(count),
    used: (milliseconds: number) => {
      const when = ago(milliseconds)
      return when === null ? 'used just now' : `used ${when}`
    },
  },

  state: states,
  operation: operations,
  elapsed: (milliseconds: number) => duration(milliseconds),
  step: (step: Progress['step'], done: number | null, total: number | null) => {
    if (done === null) return steps[step]
    return total === null
      ? `${steps[step]} ${bytes(done)}`
      : `${steps[step]} ${bytes(done)} of ${bytes(total)}`
  },
  next: { stop: 'then stops', start: 'then starts again' },

  failure: {
    attempt: (what: Operation | 'NONE', attempt: number, of: number) =>
      `${failures[what]} (attempt ${attempt} of ${of}).`,
    again: 'Berth tries again by itself.',
    now: 'Berth is trying again now.',
    waiting: 'Berth no longer tries by itself.',
  },

  empty: {
    title: 'No workspaces yet',
    text: 'A workspace is VS Code in a container of its own on this computer, with a home directory that stays when it sleeps.',
  },

  create: {
    title: 'New workspace',
    name: 'Name',
    namePlaceholder: 'my-project',
    more: 'More',
    image: 'Image',
    cpus: 'CPUs',
    memory: 'Memory',
    memoryUnit: 'GB',
    standard: 'Default',
    submit: 'Create',
    nameMissing: 'Give it a name.',
    nameTooLong: 'At most 100 characters.',
    imageWrong: 'An image name such as codercom/code-server:latest.',
    cpusWrong: 'A number from 0.1 to 256.',
    memoryWrong: 'A number from 0.25 to 1024.',
  },

  remove: {
    title: (name: string) => `Delete “${name}”?`,
    intro: 'This cannot be undone. These will be removed:',
    container: 'its container',
    home: 'its home directory with all files',
    homeNowhere: 'its home directory with all files, if it has one yet',
  },

  engine: {
    title: 'Docker is not reachable',
    hint: 'Start Docker; Berth goes on by itself.',
    lastKnown: 'Until then the workspaces are shown as last known.',
  },

  homeStore: {
    title: 'The home store cannot be seen',
  },

  connection: {
    lost: 'Reconnecting…',
    lastKnown: 'Shown as last known.',
  },

  footer: {
    berth: (version: string) => `Berth ${version}`,
    docker: (version: string) => `Docker ${version}`,
    free: (count: number) => `${bytes(count)} free`,
    data: 'Data directory',
  },

  signIn: {
    title: 'Sign in to Berth',
    text: 'Berth printed an address when it started. Open that address and you are signed in.',
    or: 'Or paste the token from the file',
    tokenFile: 'token',
    orEnd: 'in Berth’s data directory.',
    token: 'Token',
    submit: 'Sign in',
    missing: 'Paste the token first.',
    wrong: 'That is not the token. Copy the whole content of the file and try again.',
    usedLink: 'That link was already used or is too old. Sign in with the token, or start from a new link.',
    ended: 'Your session has ended. Please sign in again.',
  },

  open: {
    opening: 'Opening the workspace…',
    openingTab: (name: string) => `Opening ${name}…`,
    failed: 'The workspace could not be opened',
    back: 'Show all workspaces',
    blockedTitle: 'The browser blocked the new tab',
    blockedHint: 'Allow pop-ups for this address, then try again.',
  },

  problem: {
    silentTitle: 'Berth does not answer',
    silentHint: 'Check that it is still running, then try again.',
    unexpected: 'Something went wrong',
    status: (status: number) => `The answer was HTTP ${status}.`,
  },
}
