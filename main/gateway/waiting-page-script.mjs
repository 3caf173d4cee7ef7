/**
 * The script of the waiting page, as the browser gets it. One tab of a workspace holds the event stream and tells the
 * others: a browser opens few connections to one origin. A tab that hears nothing asks by itself, now and then. The page
 * is reloaded only when there is something else to show: the workspace answers, or it is gone. One that went to sleep has
 * nothing to show: a reload would wake it.
 */
/* global document, location, navigator, EventSource, BroadcastChannel, TextDecoderStream */
/** @import { Engine, Trouble } from '../core/api.ts' */
/** @import { Glimpse } from '../core/glimpse.ts' */
/** @import { Step, View, Words } from './waiting-page.ts' */

const { base = '', shows: served = '', may, words: said = '', attempts } = document.body.dataset
/** @type {Words} */
const SAY = JSON.parse(said)
const MAX_ATTEMPTS = Number(attempts)
const UP = ['PROVISIONING', 'RESTORING', 'STARTING']

/** @type {(selector: string) => HTMLElement} */
const the = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector))
const title = the('#title')
const say = the('#say')
const why = the('#why')
const log = the('#log')
const act = the('#act')
const list = the('ol')
const steps = /** @type {HTMLElement[]} */ ([...list.children])
const order = steps.map((li) => /** @type {Step} */ (li.dataset.step))

/** @type {Glimpse | undefined} */
let workspace
/** @type {Engine | undefined} */
let engine
/** @type {Trouble | null | undefined} */
let trouble
/** @type {string | undefined} */
let refusal
let lost = false

/** @type {(seen: Glimpse) => View | 'gone'} */
function viewOf({ status, operation, desired_state, archived, error_count }) {
  const wished = desired_state === 'RUNNING'
  const down = desired_state === 'PENDING' ? 'archiving' : 'stopping'
  if (status === 'DELETED' || operation === 'DELETING') return 'gone'
  if (operation === 'STARTING') return wished ? 'rising' : 'cancelling'
  if (operation === 'RESTORING') return desired_state === 'PENDING' ? 'cancelling' : 'rising'
  if (operation === 'PROVISIONING' || (operation !== 'NONE' && wished)) return 'rising'
  if (operation !== 'NONE') return down
  if (status === 'ERROR') return error_count < MAX_ATTEMPTS ? 'retrying' : 'error'
  if (status === 'RUNNING') return 'running'
  if (wished) return 'rising'
  if (status === 'STANDBY') return desired_state === 'PENDING' ? down : 'asleep'
  return archived ? 'archived' : 'homeless'
}
/** @type {Partial<Record<View, keyof Words['actions']>>} */
const ACTIONS = {
  rising: 'cancel',
  cancelling: 'start',
  stopping: 'start',
  archiving: 'start',
  asleep: 'start',
  homeless: 'start',
  archived: 'restore',
  retrying: 'retry',
  error: 'retry',
}

// An element that already says it is left alone: it would be read out again.
/** @type {(element: HTMLElement, text: string) => boolean} */
const set = (element, text) => {
  element.hidden = text === ''
  const differs = element.textContent !== text
  if (differs) element.textContent = text
  return differs
}
// Without a hint it is no trouble yet: Docker is being looked for.
/** @type {(problem: Pick<Engine, 'message' | 'hint'> | false | null | undefined) => string} */
const words = (problem) => (problem && problem.hint ? problem.message + '\n' + problem.hint : '')

function show() {
  const view = workspace ? viewOf(workspace) : /** @type {View} */ (served.split(' ')[0])
  if (view === 'gone' || (view === 'running' && served !== 'running')) return goOn()
  stay()
  if (view === 'running') ask()
  const info = workspace?.error_info
  const failed = view === 'error' || view === 'retrying'
  document.body.dataset.shows = view === 'error' && info ? 'error ' + info.at : view
  const climbs = view === 'rising'
  const waits = engine?.reachable === false
  const blocked = climbs && (waits ? engine : trouble)
  if (workspace) {
    set(title, failed && info ? workspace.name + ': ' + SAY.failed[info.operation] : workspace.name)
    set(why, refusal ?? words(blocked || (failed && info)))
    if (set(log, (failed && info?.log_tail) || '')) log.scrollTop = log.scrollHeight
  }
  const step = climbs && (waits ? 'DOCKER' : workspace?.progress?.step)
  set(say, lost ? SAY.lost : step ? SAY.steps[step] + ' …' : SAY.views[view])
  const action = may === 'all' || (may === 'wake' && view === 'asleep') ? ACTIONS[view] : undefined
  act.hidden = action === undefined
  act.dataset.action = action ?? ''
  act.textContent = view === 'homeless' ? SAY.first : action ? SAY.actions[action] : ''
  list.hidden = !climbs && view !== 'cancelling' && view !== 'retrying'
  if (list.hidden) forget()
  draw()
}

// Steps: what was seen of each, and how far it has come.
/** @type {Partial<Record<Step, { from: number; to?: number }>>} */
let times = {}
let reached = -1
/** @type {Step | undefined} */
let current
const forget = () => void ((times = {}), (reached = -1), (current = undefined))
/** @param {Glimpse} seen */
function note({ operation, progress }) {
  const step = UP.includes(operation) && progress && order.includes(progress.step) ? progress.step : undefined
  if (step === current) return
  const since = progress ? Date.parse(progress.started_at) : Date.now()
  const last = current && times[current]
  if (last) last.to = since
  current = step
  if (step === undefined) return
  reached = order.indexOf(step)
  for (const later of order.slice(reached)) delete times[later]
  times[step] = { from: since }
}
/** @param {Engine} seen */
function noteEngine({ reachable }) {
  if (!reachable) times.DOCKER = { from: times.DOCKER?.from ?? Date.now() }
  else if (times.DOCKER) times.DOCKER.to ??= Date.now()
}
/** @type {(ms: number, exact?: boolean) => string} */
const length = (ms, exact) => {
  const seconds = Math.max(0, ms) / 1000
  if (seconds < 60) return (exact && seconds < 10 ? seconds.toFixed(1) : Math.floor(seconds)) + ' s'
  return Math.floor(seconds / 60) + ':' + String(Math.floor(seconds % 60)).padStart(2, '0')
}
/** @type {(bytes: number) => string} */
const mb = (bytes) => (bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)
function draw() {
  const waits = engine?.reachable === false
  steps.forEach((li, index) => {
    const step = /** @type {Step} */ (order[index])
    const time = times[step]
    const isNow = waits ? step === 'DOCKER' : step === current
    const isDone = !isNow && (step === 'DOCKER' ? engine : index <= reached)
    li.dataset.state = isNow ? 'now' : isDone ? 'done' : ''
    if (isNow) li.setAttribute('aria-current', 'step')
    else li.removeAttribute('aria-current')
    if (isNow) li.hidden = false
    const progress = isNow && step === current ? workspace?.progress : null
    const total = progress?.total_bytes
    const size = total ? mb(progress.done_bytes ?? 0) + ' ' + SAY.of + ' ' + mb(total) + ' MB' : ''
    const took =
      time &&
      (isNow ? length(Date.now() - time.from) : isDone && time.to ? length(time.to - time.from, true) : '')
    const label = li.querySelector('time')
    if (label) label.textContent = [size, took].filter(Boolean).join(' · ')
  })
}
setInterval(draw, 1000)

// Going on: no sooner than a second after the page began, so that nothing can make it loop at speed.
/** @type {ReturnType<typeof setTimeout> | undefined} */
let going
const stay = () => void (clearTimeout(going), (going = undefined))
const goOn = () => void (going ??= setTimeout(() => location.reload(), Math.max(0, 1000 - performance.now())))
// Served in place of an answer that did not come: that very address is asked until there is one, whatever it says.
let asking = false
async function ask(delay = 1000) {
  if (asking) return
  for (asking = true; asking; delay = Math.min(delay * 1.5, 5000)) {
    await new Promise((resolve) => setTimeout(resolve, delay))
    if (workspace && viewOf(workspace) !== 'running') break
    const answer = await fetch(location.href, { method: 'HEAD' }).catch(() => undefined)
    const ours =
      answer &&
      answer.status >= 500 &&
      answer.headers.get('content-type')?.startsWith('application/problem+json')
    if (answer && !ours) return location.reload()
  }
  asking = false
}

const BEAT = 2000
const share =
  navigator.locks &&
  globalThis.BroadcastChannel &&
  globalThis.EventSource &&
  new BroadcastChannel('berth-waiting')
const patience = share ? 3 * BEAT : 0
let heardAt = performance.now() - patience + BEAT / 2
/** @type {(kind: string, data: any) => void} */
function hear(kind, data) {
  heardAt = performance.now()
  lost = false
  if (kind === 'state_changed') {
    workspace = data
    refusal = undefined
    note(data)
  } else if (kind === 'progress' && workspace) {
    workspace.progress = data.progress
    note(workspace)
  } else if (kind === 'engine') {
    engine = data
    noteEngine(data)
  } else if (kind === 'home_store') trouble = data.problem
  show()
}

function lead() {
  /** @type {EventSource} */
  let source
  /** @type {typeof hear} */
  const tell = (kind, data) => {
    share.postMessage([kind, data])
    hear(kind, data)
  }
  const follow = () => {
    source = new EventSource(base + 'events')
    for (const kind of ['state_changed', 'progress', 'engine', 'home_store'])
      source.addEventListener(kind, ({ data }) => tell(kind, JSON.parse(data)))
  }
  share.addEventListener('message', ({ data: [kind] }) => {
    if (kind !== 'hello' || !workspace || !engine) return
    share.postMessage(['home_store', { problem: trouble ?? null }])
    share.postMessage(['state_changed', workspace])
    share.postMessage(['engine', engine])
  })
  follow()
  setInterval(() => {
    if (source.readyState === EventSource.CLOSED) follow()
    if (source.readyState !== EventSource.OPEN) return
    share.postMessage(['beat'])
    heardAt = performance.now()
  }, BEAT)
  return new Promise(() => undefined)
}
if (share) {
  share.addEventListener('message', ({ data: [kind, data] }) => {
    if (kind === 'beat') heardAt = performance.now()
    else if (kind !== 'hello') hear(kind, data)
  })
  share.postMessage(['hello'])
  navigator.locks.request('berth-waiting', lead).catch(() => undefined)
}

// What a stream begins with, without holding it.
let polling = false
async function poll() {
  if (polling) return
  polling = true
  try {
    const answer = await fetch(base + 'events', { signal: AbortSignal.timeout(5000) })
    if (answer.status === 401 || answer.status === 403 || answer.status === 404) return goOn()
    const reader = /** @type {ReadableStream} */ (answer.body)
      .pipeThrough(new TextDecoderStream())
      .getReader()
    for (let rest = ''; ;) {
      const { value, done } = await reader.read()
      if (done) throw new Error('cut off')
      const parts = (rest + value).split('\n\n')
      rest = parts.pop() ?? ''
      for (const part of parts) {
        const [, kind, data] = /^event: (.+)\ndata: (.+)$/m.exec(part) ?? []
        if (kind && data) hear(kind, JSON.parse(data))
        if (kind === 'engine') return void (await reader.cancel())
      }
    }
  } catch {
    lost = true
    show()
  } finally {
    polling = false
  }
}
setInterval(() => void (performance.now() - heardAt >= patience && poll()), BEAT)
if (!share) poll()

act.addEventListener('click', async ({ detail }) => {
  // The second click of a double click means what the button said before.
  if (detail > 1 || act.ariaDisabled === 'true') return
  act.ariaDisabled = 'true'
  const answer = await fetch(base + act.dataset.action, { method: 'POST' }).catch(() => undefined)
  act.ariaDisabled = null
  if (answer?.status === 401) return goOn()
  if (answer?.ok === false) {
    const problem = await answer.json()
    refusal = words({ message: problem.detail, hint: problem.hint })
    show()
  }
  if (!share || !answer) poll()
})
log.scrollTop = log.scrollHeight
show()

// A module of its own: its names are nobody else's.
export {}
