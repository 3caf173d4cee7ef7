/** Every sentence a person reads, in one place. */
import { BECAUSE } from '../main/core/reasons.ts'
import type { Operation, Outcome, Status } from '../main/core/state.ts'
import type { Check, Found, Progress, Settings, Share, Transition } from '../main/core/api.ts'
import { ago, ahead, bytes, count, decimal, duration, memory, tenths, usedMemory } from './format.ts'

const DAY_MS = 86_400_000

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
  PACKING: 'Packing the files',
  VERIFYING: 'Checking the archive',
  UNPACKING: 'Unpacking the files',
  REMOVING: 'Removing files',
}

/** Operations as the lines of a history. */
const deeds: Record<Operation | 'NONE', string> = {
  NONE: 'Failure',
  PROVISIONING: 'Set up',
  RESTORING: 'Restore',
  STARTING: 'Start',
  STOPPING: 'Stop',
  ARCHIVING: 'Archive',
  DELETING: 'Delete',
}

const outcomes: Record<Outcome, string> = {
  SUCCEEDED: 'done',
  FAILED: 'failed',
  GIVEN_UP: 'given up',
  INTERRUPTED: 'interrupted: Berth ended',
}

const places: Record<Found['home'], string> = {
  present: 'a home directory',
  archived: 'an archive',
  trashed: 'files in the trash',
  absent: 'no files',
}

export const messages = {
  product: 'Berth',

  action: {
    create: 'New workspace',
    open: 'Open',
    start: 'Start',
    stop: 'Stop',
    archive: 'Archive',
    restore: 'Restore',
    details: 'Details',
    keepAwake: 'Keep awake',
    save: 'Save',
    close: 'Close',
    retry: 'Retry',
    remove: 'Delete',
    cancel: 'Cancel',
    dismiss: 'Dismiss',
    share: 'Share',
    duplicate: 'Duplicate',
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

  toolbar: {
    label: 'Find workspaces',
    search: 'Search workspaces',
    placeholder: 'Search',
    show: 'Show',
    all: 'All',
    groups: { running: 'Running', asleep: 'Asleep', archived: 'Archived', failed: 'Failed' },
    count: (many: number) => count(many),
    sort: 'Sort by',
    sorts: { newest: 'Newest', used: 'Last used', name: 'Name' },
    layout: 'Layout',
    layouts: { list: 'List', grid: 'Grid' },
    shown: (many: number) => (many === 1 ? '1 workspace shown' : `${count(many)} workspaces shown`),
    nothing: 'Nothing matches',
    nothingHint: 'No workspace has these words in its name or description and is in this state.',
    clear: 'Clear',
  },

  palette: {
    title: 'Commands',
    shortcut: (mac: boolean) => (mac ? '⌘K' : 'Ctrl K'),
    placeholder: 'Go to a workspace, or do something',
    none: 'Nothing matches',
    workspaces: 'Workspaces',
    more: (many: number) => `and ${count(many)} more: type on`,
    berth: 'Berth',
    deeds: {
      open: 'Open',
      start: 'Start',
      restore: 'Restore',
      retry: 'Retry',
      stop: 'Stop',
      keepAwake: 'Keep awake for 1 hour',
      archive: 'Archive',
      share: 'Share…',
      details: 'Details…',
      duplicate: 'Duplicate…',
      delete: 'Delete…',
    },
    global: { create: 'New workspace…', trash: 'Trash…', doctor: 'Doctor…', settings: 'Settings…' },
    keys: { open: 'opens', more: 'what else can be done', close: 'closes' },
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
  next: {
    stop: 'then stops',
    start: 'then starts again',
    archive: 'then is archived',
    restore: 'then goes back to the older archive',
  },

  outlook: {
    awakeUntil: (when: string) => `Kept awake until ${when}`,
    awakeForever: 'Kept awake until you let it sleep',
    awakeBy: (what: string) => `Kept awake by ${what}`,
    inUse: 'In use',
    next: ({ to, cause }: Pick<Transition, 'to' | 'cause'>, milliseconds: number) => {
      const what =
        cause === 'RETRY' ? 'Tries again' : { RUNNING: 'Starts', STANDBY: 'Sleeps', PENDING: 'Archived' }[to]
      return milliseconds > 0 ? `${what} in ${ahead(milliseconds)}` : `${what} now`
    },
    soon: (milliseconds: number) => `Goes to sleep in ${ahead(milliseconds)}`,
    soonHint: 'Nobody is using it. Its files stay, and opening it wakes it.',
    keepAwakeHint: 'No sleep for an hour',
  },

  failure: {
    attempt: (what: Operation | 'NONE', attempt: number, of: number) =>
      `${failures[what]} (attempt ${attempt} of ${of}).`,
    again: 'Berth tries again by itself.',
    now: 'Berth is trying again now.',
    waiting: 'Berth no longer tries by itself.',
    log: 'The end of the log',
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
    container: 'Its container is removed at once.',
    home: 'Its home directory goes to the trash:',
    homeNowhere: 'Its files, if it has any yet, go to the trash.',
    archived: 'Its files, which are in an archive, go to the trash.',
    grace: (days: number) =>
      days > 0
        ? `You can put it back from the trash for ${ahead(days * DAY_MS)}; then its files go for good.`
        : 'Nothing is kept in the trash: its files go for good at once.',
  },

  duplicate: {
    open: 'Duplicate…',
    title: (name: string) => `Duplicate “${name}”?`,
    text: 'This makes and starts a new workspace with the same settings, environment variables and memo.',
    home: 'It gets a new, empty home: no file of this workspace is copied.',
  },

  details: {
    title: (name: string) => `Details of ${name}`,
    tabs: {
      overview: 'Overview',
      settings: 'Settings',
      sharing: 'Sharing',
      ports: 'Ports',
      archives: 'Archives',
      history: 'History',
      log: 'Log',
    },
    loading: 'Loading…',
  },

  overview: {
    state: 'State',
    since: (state: string, when: string) => `${state} since ${when}`,
    why: 'Why',
    next: 'Next',
    nothing: 'Nothing by itself',
    home: 'Home directory',
    homeArchived: 'Packed away in an archive',
    homeNone: 'Not made yet',
    connections: 'Connections',
    awake: 'Kept awake',
    awakeNot: 'No',
    image: 'Image',
    limits: 'May use',
    created: 'Created',
    used: 'Last used',
  },

  memo: {
    title: 'Memo',
    add: 'Write a memo',
    edit: 'Edit memo',
    hint: 'Markdown: **bold**, # heading, - list, [link](https://…).',
    tooLong: 'At most 20,000 characters.',
  },

  settings: {
    description: 'Description',
    sleepAfter: 'Sleep after',
    archiveAfter: 'Archive after',
    minutes: 'min unused',
    hours: 'h asleep',
    never: 'never',
    ttlHint: '0 or “never”: not by itself',
    ttlWrong: 'A number, or “never”.',
    shield: 'Stay awake while work goes on inside',
    shieldHint: 'A build or a job in a terminal holds off the sleep, also with the window closed.',
    cap: 'At most for',
    capUnit: 'h',
    capWrong: 'A number of hours, at least one minute.',
    descriptionTooLong: 'At most 1,000 characters.',
    more: 'Image, limits and environment',
    moreHint: 'These take effect when it starts next.',
    missing: 'This cannot be empty.',
    sudo: 'Allow sudo inside',
    sudoHint:
      'Programs inside can become root of the container. That weakens the wall between the workspace and this computer, and root inside can leave files in the home that belong to root outside. It takes effect when it starts next.',
    saved: 'Saved',
    keepAwake: 'Keep awake',
    keepAwakeHint: 'Whatever goes on inside, it does not go to sleep by itself.',
    anHour: 'For 1 hour',
    fourHours: 'For 4 hours',
    forever: 'Until I let it sleep',
    letSleep: 'Let it sleep',
  },

  variables: {
    title: 'Environment variables',
    name: 'Name',
    value: 'Value',
    nameOf: (row: number) => `Name of variable ${row}`,
    valueOf: (row: number) => `Value of variable ${row}`,
    add: 'Add a variable',
    remove: 'Remove',
    removeOf: (name: string, row: number) => `Remove ${name === '' ? `variable ${row}` : name}`,
    hint: 'Whoever may ask Docker sees them, as do guests whom you let in, and they are kept in plain text beside the home: no place for a secret that you would not put in a file.',
    fault: {
      malformed: (name: string) =>
        name === ''
          ? 'Give each variable a name.'
          : `“${name}” cannot be a name: letters, digits and _, and no digit first.`,
      reserved: (name: string) => `${name} cannot be set here: Berth or the editor depends on it.`,
    },
    twice: (name: string) => `${name} is there twice.`,
    valueWrong: (name: string) => `The value of ${name} is too long: at most 8,192 characters.`,
    tooMany: (most: number) => `At most ${most} variables.`,
  },

  sharing: {
    means:
      'Whoever you let in works in this workspace as you do, with all its files and a terminal: they can run any program in it, with every key and sign-in that it holds. They reach no other workspace and nothing else of Berth.',
    shared: (many: number) => {
      if (many === 0) return 'Shared · nobody in'
      return many === 1 ? 'Shared · 1 guest in' : `Shared · ${count(many)} guests in`
    },
    unreachable: 'Shared, but guests cannot reach it now',
    who: 'Who may come in',
    modes: {
      DOORBELL: { label: 'Ask me first', hint: 'They say a name, and you allow or deny.' },
      LINK: { label: 'Anyone with the link', hint: 'Also whoever it was passed on to.' },
    } satisfies Record<Share['mode'], { label: string; hint: string }>,
    howLong: 'For how long',
    lifetimes: {
      hour: { label: '1 hour' },
      hours8: { label: '8 hours' },
      day: { label: '1 day' },
      stopped: { label: 'Until I stop it' },
    },
    wakes: 'Guests may wake it',
    wakesHint: 'Otherwise, while it sleeps, they wait until you start it.',
    ports: 'Ports guests may reach',
    portsNone: 'None',
    portsHint: 'Of servers inside, such as 3000, 5173.',
    portsWrong: 'At most 20 numbers from 1 to 65535, such as 3000, 5173.',
    listening: 'Listening now',
    link: 'Link for your guest',
    qr: 'QR code of the link',
    once: (mode: Share['mode']) =>
      `It is shown only this once: Berth does not keep it. ${
        mode === 'LINK' ? 'Whoever has it can come in.' : 'Whoever has it can ring at your door.'
      }`,
    copy: 'Copy link',
    done: 'Done',
    another: 'New link',
    links: 'Links',
    address: 'Served at',
    nowhere: 'Nowhere now',
    fingerprint: 'Fingerprint',
    fingerprintHint:
      'Of the certificate that vouches for this address. If a guest’s browser warns, read it to them: they must see the same.',
    made: (when: string) => `Made ${when}`,
    ends: (milliseconds: number, when: string) =>
      milliseconds > 0 ? `ends in ${ahead(milliseconds)} (${when})` : 'ends now',
    endsNever: 'until you stop it',
    stop: 'Stop sharing',
    guests: 'Guests',
    nobody: 'Nobody has come in by this link.',
    since: (when: string) => `since ${when}`,
    here: 'here now',
    away: 'away',
    throwOut: 'Throw out',
    throwOutOf: (name: string) => `Throw out ${name}`,
  },

  doorbell: {
    label: 'At the door',
    asks: (address: string, workspace: string) => `(${address}) asks to enter ${workspace}`,
    allow: 'Allow',
    deny: 'Deny',
    answer: {
      allow: (name: string) => `Allow ${name}`,
      deny: (name: string) => `Deny ${name}`,
    },
    title: (many: number) =>
      many === 1 ? 'Somebody asks to enter – Berth' : `${count(many)} ask to enter – Berth`,
  },

  ports: {
    port: (port: number) => `Port ${port}`,
    copy: 'Copy address',
    copyOf: (port: number) => `Copy address of port ${port}`,
    openOf: (port: number) => `Open port ${port}`,
    asleep: 'It is not running',
    asleepHint: 'While it runs, the servers inside are listed here.',
    none: 'Nothing is listening',
    noneHint: 'Start a server in a terminal inside; it appears here by itself.',
    exposed: 'Other users of this computer can reach it past Berth.',
    exposedHint: 'Make it listen on 127.0.0.1: Berth reaches it all the same.',
  },

  usage: {
    title: 'Usage',
    none: 'Measuring…',
    cpuName: 'CPU',
    memoryName: 'Memory',
    cpus: (used: number) => tenths(used),
    bytes: (used: number) => usedMemory(used),
    cpu: (used: number, limit: number) => `CPU ${tenths(used)} of ${decimal(limit)}`,
    memory: (used: number, limit: number) => `memory ${usedMemory(used)} of ${memory(limit)}`,
    memoryAlone: (used: number, limit: number) => `Memory ${usedMemory(used)} of ${memory(limit)}`,
    both: (cpu: string, memory: string) => `${cpu}, ${memory}`,
  },

  copy: { done: 'Copied', failed: 'Copying failed' },

  archives: {
    none: 'No archive yet. One is made when the workspace is archived.',
    kept: (many: number) => (many === 1 ? 'The last one is kept.' : `The last ${count(many)} are kept.`),
    size: (packed: number, content: number) => `${bytes(packed)} for ${bytes(content)} of files`,
    entries: (files: number) => (files === 1 ? '1 file' : `${count(files)} files`),
    current: 'In use',
    goingBack: 'Going back to it',
    goBack: 'Restore this',
    confirmTitle: (when: string) => `Go back to the files of ${when}?`,
    confirmPresent:
      'The workspace stops and its present home is archived first. Then the home is what it was in this archive.',
    confirmArchived:
      'The home will be what it was in this archive, not in the newest one. Both archives are kept.',
  },

  history: {
    none: 'Nothing has happened yet.',
    deed: deeds,
    because: BECAUSE,
    outcome: outcomes,
    underWay: 'under way',
    took: (milliseconds: number) => (milliseconds < 1_000 ? 'under 1 s' : duration(milliseconds)),
  },

  log: { label: 'The end of the log of the container', none: 'The log is empty.' },

  trash: {
    title: 'Trash',
    open: 'Trash',
    text: (days: number) =>
      days > 0
        ? `The files of deleted workspaces are kept for ${ahead(days * DAY_MS)}.`
        : 'The files of deleted workspaces are not kept.',
    none: 'The trash is empty.',
    deleted: (when: string) => `Deleted ${when}`,
    goes: (milliseconds: number) =>
      milliseconds > 0 ? `goes for good in ${ahead(milliseconds)}` : 'goes for good now',
    archived: 'in an archive',
    putBack: 'Put back',
    purge: 'Delete now',
    purgeTitle: (name: string) => `Delete the files of “${name}” for good?`,
    purgeText:
      'Its home directory is removed now; its archives follow within a few hours. This cannot be undone.',
  },

  found: {
    banner: (many: number) =>
      many === 1
        ? 'Found 1 workspace that is not in the list'
        : `Found ${count(many)} workspaces that are not in the list`,
    hint: 'Their files or containers are here, but Berth does not know them.',
    review: 'Review',
    title: 'Found workspaces',
    text: 'Those that you take in appear in the list as they are: asleep, archived, or running where they have a container. Their files stay as they are.',
    home: places,
    archiveMissing: 'an archive that is not there',
    archiveHint: 'To take it in, copy the directory “archives” of the old data directory into the new one.',
    container: 'a container',
    made: (when: string) => `made ${when}`,
    choose: (name: string) => `Take in ${name}`,
    adopt: (many: number) => (many === 1 ? 'Take in 1' : `Take in ${count(many)}`),
    removeContainer: 'Remove the container',
    removeTitle: (name: string) => `Remove the container of “${name}”?`,
    removeText: 'It has no home directory any more. What was changed inside the container itself is lost.',
  },

  recovered: {
    title: 'The database was damaged and has been restored from a backup',
    titleAnew: 'The database was damaged and there was no backup; Berth began a new one',
    from: 'The backup:',
    homes: 'No home directory was touched. Workspaces that the list lacks are offered to be taken in.',
    passwords:
      'A backup brings back no passwords, since they may have been changed after it: people with accounts need new ones, which you set in Accounts.',
    damaged: 'What was left of the damaged one:',
  },

  engine: {
    title: 'Docker is not reachable',
    hint: 'Start Docker; Berth goes on by itself.',
    lastKnown: 'Until then the workspaces are shown as last known.',
  },

  homeStore: {
    title: 'The home store cannot be seen',
  },

  doctor: {
    open: 'Doctor',
    title: 'Doctor',
    checking: 'Looking at everything…',
    level: { OK: 'Fine', WARNING: 'Worth a look', PROBLEM: 'Problem' } satisfies Record<
      Check['level'],
      string
    >,
    check: {
      ENGINE: 'Docker',
      ISOLATION: 'Isolation',
      IMAGE: 'Default image',
      DISK: 'Disk space',
      HOME_STORE: 'Home store',
      ARCHIVE_STORE: 'Archive store',
      DATABASE: 'Database',
      NETWORK: 'Network and sharing',
      CLOCK: 'Clock',
    } satisfies Record<Check['id'], string>,
    summary: (problems: number, warnings: number) => {
      if (problems + warnings === 0) return 'All is well.'
      const said = [
        problems > 0 && (problems === 1 ? '1 problem' : `${count(problems)} problems`),
        warnings > 0 && (warnings === 1 ? '1 thing worth a look' : `${count(warnings)} things worth a look`),
      ]
      return `${said.filter(Boolean).join(', ')}.`
    },
    checked: (when: string) => `Checked at ${when}.`,
    again: 'Check again',
    copy: 'Copy report',
    report: 'What the report says',
    reportHint:
      'For somebody who helps you. It holds no token and names no workspace and nobody; your home directory is ~ in it.',
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
    name: 'Name',
    nameMissing: 'Your name comes first.',
    password: 'Password',
    passwordMissing: 'The password comes first.',
    byToken: 'Use the token instead',
    byPassword: 'Use a password instead',
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
    desktop: 'The app could not do it by itself just now. There is nothing to type.',
  },

  preferences: {
    open: 'Settings…',
    title: 'Settings',
    tabs: { workspaces: 'Workspaces', look: 'Look and app', network: 'Network' },
    defaults: 'New workspaces',
    defaultsHint: 'What a new workspace begins with. The ones you have keep theirs.',
    keeping: 'Keeping',
    keepArchives: 'Archives kept',
    keepArchivesUnit: 'of each workspace',
    keepArchivesWrong: 'A whole number from 1 to 100.',
    keepArchivesHint: 'Older ones go for good some time after.',
    trashDays: 'Deleted workspaces stay',
    trashDaysUnit: 'days',
    trashDaysWrong: 'A number of days, at most 3,650.',
    trashDaysHint: 'Then their files go for good; 0: at once. It holds for what is in the trash now too.',
    theme: 'Theme',
    themes: {
      system: { label: 'As the system' },
      light: { label: 'Light' },
      dark: { label: 'Dark' },
    } satisfies Record<Settings['theme'], { label: string }>,
    notifications: 'Notifications',
    app: 'This app',
    switches: {
      notify_will_sleep: 'A workspace is about to sleep',
      notify_stopped: 'A workspace went to sleep or stopped by itself',
      notify_failed: 'Something failed',
      notify_guest_rings: 'A guest asks to be let in',
      close_to_tray: 'Keep running in the tray when the window is closed',
      start_at_login: 'Start when I log in',
      start_hidden: 'Start without a window',
    },
    address: 'Share address',
    addressHint:
      'The address of this computer, such as 192.168.1.20, on which shares are served. Empty: the one that leads out.',
    addressWrong: 'An IPv4 address such as 192.168.1.20.',
    fixed: (name: string) =>
      `Set when Berth was started, by --${name.replaceAll('_', '-')} or BERTH_${name.toUpperCase()}.`,
  },

  account: {
    menu: 'Account',
    signedInAs: 'Signed in as',
    accounts: 'Accounts…',
    changePassword: 'Change password…',
    setPassword: 'Set a password…',
    rotate: 'Rotate everything…',
    signOut: 'Sign out',
    title: 'Accounts',
    text: 'Each account has workspaces of its own, which no other account can see or enter. Its person signs in with a name and a password, in a browser on this computer.',
    none: 'There are no accounts.',
    desktop: 'signed in by the desktop app',
    workspaces: (many: number) =>
      many === 0 ? 'no workspaces' : many === 1 ? '1 workspace' : `${count(many)} workspaces`,
    noPassword: 'no password',
    hasPassword: 'has a password',
    password: 'Set password',
    passwordOf: (name: string) => `Set the password of ${name}`,
    remove: 'Remove',
    removeOf: (name: string) => `Remove ${name}`,
    add: 'New account',
    name: 'Name',
    newPassword: 'Password',
    passwordHint: 'At least 8 characters.',
    current: 'Current password',
    next: 'New password',
    again: 'New password again',
    addSubmit: 'Add',
    nameMissing: 'Give it a name.',
    nameTooLong: 'At most 64 characters.',
    passwordShort: 'At least 8 characters.',
    passwordLong: 'At most 200 characters.',
    passwordOther: 'The two are not alike.',
    currentMissing: 'The current password comes first.',
    ownTitle: 'Change password',
    passwordTitle: (name: string) => `Password of ${name}`,
    passwordText: (name: string) =>
      `It takes the place of the one that ${name} has, if any. Tell it to ${name} in person.`,
    ends: 'Your other sessions end.',
    removeTitle: (name: string) => `Remove the account of ${name}?`,
    removeText: 'Its sessions end and nobody can sign in with that name any more.',
    removeKept: 'An account that still has workspaces, also in the trash, is not removed.',
  },

  rotate: {
    title: 'Rotate everything?',
    text: 'For when somebody may know a secret that they should not. Berth makes all its secrets anew, and these end at once:',
    ends: [
      'All sessions in browsers, this one too; here you stay signed in.',
      'The token in the file: the file has a new one then.',
      'Addresses that sign in once and have not been used.',
      'Every share, with its link and its guests.',
      'Your own password, if you have set one.',
      'The certificate that guests were asked to trust; they will be asked again.',
    ],
    stays:
      'Running workspaces go on, and nothing of their files is touched. The passwords of other accounts stay: look through Accounts for anybody who should not be there.',
    submit: 'Rotate everything',
  },

  open: {
    opening: 'Opening the workspace…',
    is: (state: string, hint: string) => `${state}. ${hint}.`,
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
