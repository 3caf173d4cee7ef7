/**
 * The script of a guest's first page, as the browser gets it. It exchanges the secret of the link for a cookie, waits at
 * the door where there is one, and goes on to the workspace.
 */
/* global document, location, history, addEventListener */
/** @import { Problem } from '../core/api.ts' */
/** @import { Words } from './guest-page.ts' */

// Before anything else: the secret leaves the address bar, and what going back would lead to. The browser's own record of
// where it has been may keep the address as it was opened.
const link = location.hash.slice(1)
if (location.hash !== '') history.replaceState(null, '', location.pathname + location.search)
// The link was pasted once more, into the address of this very page.
addEventListener('hashchange', () => location.reload())

const { base = '', next = '', state: served = '', words: said = '' } = document.body.dataset
/** @type {Words} */
const SAY = JSON.parse(said)

/** @type {(selector: string) => HTMLElement} */
const the = (selector) => /** @type {HTMLElement} */ (document.querySelector(selector))
const title = the('#title')
const say = the('#say')
const form = the('#form')
const name = /** @type {HTMLInputElement} */ (the('#name'))
const button = the('button')
const why = the('#why')

// What stays is not said again: it would be read out again.
/** @type {(text: string, open?: boolean) => void} */
function show(text, open = false) {
  if (say.textContent !== text) say.textContent = text
  form.hidden = !open
}
/** @type {(answer: Response | undefined) => Promise<any>} */
const read = async (answer) => (await answer?.json().catch(() => undefined)) ?? {}

/** `entered`: the cookie has come a moment ago. */
async function wait(entered = false) {
  for (let first = entered; ; first = false) {
    const answer = await fetch(base + 'doorbell').catch(() => undefined)
    if (answer?.status === 403) return show(first ? SAY.noCookie : SAY.out, link !== '')
    const { state } = await read(answer)
    if (state === 'IN') return location.replace(next)
    show(state === 'RINGING' ? SAY.ringing : SAY.lost)
    await new Promise((resolve) => setTimeout(resolve, 1500))
  }
}

async function enter() {
  if (button.ariaDisabled === 'true') return
  button.ariaDisabled = 'true'
  why.hidden = true
  const answer = await fetch(base + 'enter', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ link, name: name.value }),
  }).catch(() => undefined)
  const body = await read(answer)
  button.ariaDisabled = null
  if (answer?.ok) {
    title.textContent = body.workspace
    show(SAY.entering)
    return wait(true)
  }
  /** @type {Partial<Problem>} */
  const { code, detail, hint } = body
  why.textContent = detail === undefined ? SAY.lost : detail + '\n' + hint
  why.hidden = false
  show(code === 'SHARE_OVER' ? '' : SAY.invited, code !== 'SHARE_OVER')
  if (code === 'INVALID_INPUT') name.focus()
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  enter()
})
if (served === '') show(link === '' ? SAY.bare : SAY.invited, link !== '')
else if (link !== '') enter()
else wait()

// A module of its own: its names are nobody else's.
export {}
