import type { ServerResponse } from 'node:http'
import type { Progress } from '../core/api.ts'
import { MAX_ATTEMPTS, type Operation } from '../core/state.ts'
import { failuresOf, type WorkspaceRow } from '../core/workspace.ts'
import { pathOf } from './address.ts'
import type { Target, Visit } from './front.ts'
import type { Gate } from './gate.ts'
import { escape, linkTo, sendDocument } from './pages.ts'
import SCRIPT from './waiting-page-script.mjs?raw'

/** What the page can show of a workspace; its script goes from one to the next as the workspace does. */
export type View =
  | 'rising'
  | 'cancelling'
  | 'stopping'
  | 'archiving'
  | 'asleep'
  | 'archived'
  | 'homeless'
  | 'running'
  | 'retrying'
  | 'error'

export type Step = 'DOCKER' | Progress['step']

/** Every sentence of the page. */
const SAY = {
  views: {
    rising: 'Starting …',
    cancelling: 'The start is being cancelled …',
    stopping: 'It is being put to sleep.',
    archiving: 'It is being archived.',
    asleep: 'It is asleep.',
    archived: 'It is archived. Restoring unpacks its files and starts it.',
    homeless: 'It has no home yet.',
    running: 'It runs, but does not answer yet …',
    retrying: 'Berth tries again by itself …',
    error: 'Berth no longer tries by itself.',
  } satisfies Record<View, string>,
  failed: {
    NONE: 'it failed',
    PROVISIONING: 'its home could not be made',
    RESTORING: 'it could not be restored',
    STARTING: 'it could not be started',
    STOPPING: 'it could not be put to sleep',
    ARCHIVING: 'it could not be archived',
    DELETING: 'it could not be deleted',
  } satisfies Record<Operation | 'NONE', string>,
  steps: {
    DOCKER: 'Waiting for Docker',
    PREPARING_HOME: 'Preparing the home',
    PULLING_IMAGE: 'Pulling the image',
    VERIFYING: 'Checking the archive',
    UNPACKING: 'Unpacking the files',
    CREATING_CONTAINER: 'Creating the container',
    WAITING_FOR_EDITOR: 'Waiting for the editor',
    STOPPING: 'Stopping the container first',
    PACKING: 'Packing the files first',
    REMOVING: 'Removing what was archived first',
  } satisfies Record<Step, string>,
  actions: { start: 'Open it again', cancel: 'Cancel', retry: 'Retry', restore: 'Restore' },
  first: 'Start it',
  hidden: 'It does not start. Its owner can see why.',
  log: 'The end of its log',
  lost: 'Berth does not answer …',
  of: 'of',
  all: 'All workspaces',
}
export type Words = typeof SAY

/** In their order; of these, the ones that lie ahead are shown from the beginning. */
const STEPS = [
  'DOCKER',
  'PREPARING_HOME',
  'PULLING_IMAGE',
  'VERIFYING',
  'UNPACKING',
  'CREATING_CONTAINER',
  'WAITING_FOR_EDITOR',
] as const satisfies Step[]

const STYLE = `
body { place-items: start center; padding-top: 14vh }
#say { min-height: 1.55em }
#why { margin-top: 1rem; padding: .7rem .85rem; border-radius: 9px; color: var(--bad); background: var(--bad-soft) }
ol { list-style: none; margin: 1.25rem 0 0; padding: 0; display: grid; gap: .45rem }
li { display: grid; grid-template-columns: 1rem 1fr auto; gap: .7rem; align-items: center; color: var(--soft) }
li::before { content: ''; box-sizing: border-box; width: 1rem; height: 1rem; border: 2px solid var(--line); border-radius: 50%; line-height: 1rem; text-align: center }
li[data-state=now], li[data-state=done] { color: var(--text) }
li[data-state=now]::before { border-top-color: var(--link); animation: spin 1s linear infinite }
li[data-state=done]::before { content: '✓'; border: 0; color: var(--good); font-weight: 700 }
time { font-size: 13px; color: var(--soft); font-variant-numeric: tabular-nums }
@keyframes spin { to { transform: rotate(1turn) } }
@media (prefers-reduced-motion: reduce) { li[data-state=now]::before { animation: none; border-color: var(--link) } }
pre { max-height: 15rem; overflow: auto; margin: 1rem 0 0; padding: .7rem .85rem; border: 1px solid var(--line); border-radius: 9px;
  font: 12px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; white-space: pre-wrap; overflow-wrap: anywhere }
nav { display: flex; flex-wrap: wrap; gap: 1.25rem; align-items: center; min-height: 2.4rem; margin-top: 1.5rem }
button { font: inherit; padding: .4rem 1.1rem; border: 1px solid transparent; border-radius: 9px; color: var(--on-accent); background: var(--accent);
  cursor: pointer }
button[data-action=cancel] { color: var(--text); background: none; border-color: var(--line) }
button[aria-disabled=true] { opacity: .6; cursor: default }
`

/**
 * Answers with the page of a workspace that cannot be entered now. `dashboard`: where all workspaces are; null for who
 * may not go there. Who is not its owner is not told why it failed.
 */
export function sendWaitingPage(
  response: ServerResponse,
  state: Exclude<Gate, 'deleting'>,
  { row, isOwner, mayWake }: Visit,
  { id, port }: Target,
  dashboard: string | null,
): void {
  const view = viewOf(state, row, mayWake)
  const failed = view === 'error' || view === 'retrying'
  const info = failed && isOwner ? row.errorInfo : null
  const climbs = view === 'rising' || view === 'retrying'
  const title = info ? `${row.name}: ${SAY.failed[info.operation]}` : row.name
  const shows = view === 'error' && info ? `error ${info.at}` : view
  const say = isOwner ? SAY : { ...SAY, views: { ...SAY.views, error: SAY.hidden } }
  const base = pathOf({ id, port, path: '/.berth/', search: '' })
  sendDocument(response, {
    status: 200,
    title: row.name,
    style: STYLE,
    script: SCRIPT,
    body: `<body data-base="${base}" data-shows="${escape(shows)}" data-may="${isOwner ? 'all' : mayWake ? 'wake' : ''}" data-words="${escape(JSON.stringify(say))}" data-attempts="${MAX_ATTEMPTS}">
<main>
<h1 id="title">${escape(title)}</h1>
<p id="say" role="status">${escape(say.views[view])}</p>
<ol${climbs ? '' : ' hidden'}>
${STEPS.map((step) => `<li data-step="${step}"${liesAhead(step, row) ? '' : ' hidden'}><span>${SAY.steps[step]}</span><time></time></li>`).join('\n')}
</ol>
<p id="why" role="alert"${info ? '' : ' hidden'}>${info ? escape(`${info.message}\n${info.hint}`) : ''}</p>
<pre id="log" role="region" aria-label="${SAY.log}" tabindex="0"${info?.log_tail ? '' : ' hidden'}>${escape(info?.log_tail ?? '')}</pre>
<nav><button id="act" type="button" hidden></button>${dashboard === null ? '' : linkTo({ href: dashboard, label: SAY.all })}</nav>
</main>
</body>`,
  })
}

function viewOf(state: Exclude<Gate, 'deleting'>, row: WorkspaceRow, mayWake: boolean): View {
  const down = row.desiredState === 'PENDING' ? 'archiving' : 'stopping'
  switch (state) {
    case 'wake':
      if (!mayWake) return row.operation === 'NONE' ? 'asleep' : down
      return 'rising'
    case 'proxy':
    case 'rising':
      return row.status === 'RUNNING' && row.operation === 'NONE' ? 'running' : 'rising'
    case 'stopping':
      return down
    case 'archived':
      return 'archived'
    case 'pending':
      return 'homeless'
    case 'error':
      return failuresOf(row) < MAX_ATTEMPTS ? 'retrying' : 'error'
  }
}

/** Whether a start from where the workspace is comes by this step. */
function liesAhead(step: (typeof STEPS)[number], row: WorkspaceRow): boolean {
  const restores = row.archiveKey !== null || row.restoreKey !== null || row.operation === 'RESTORING'
  switch (step) {
    case 'PREPARING_HOME':
      return row.homeStoreKey === null && !restores
    case 'VERIFYING':
    case 'UNPACKING':
      return restores
    case 'DOCKER':
    case 'PULLING_IMAGE':
    case 'CREATING_CONTAINER':
    case 'WAITING_FOR_EDITOR':
      return true
  }
}
