import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** What a state page says. All of it is plain text. */
export interface Page {
  status: number
  title: string
  text: string
  /** What to do next. */
  link?: { href: string; label: string }
  /** The page follows the link at once. */
  go?: true
  /** What it shows of the workspace, as the page's script names it; it goes on by itself when there is something else to show. */
  shows?: 'rising' | 'running' | `error ${string}`
}

const STYLE = `
:root { color-scheme: light dark; --ink: #1c2430; --soft: #5c6675; --ground: #f7f8fa; --accent: #2563eb }
@media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #98a2b3; --ground: #12161d; --accent: #7aa2ff } }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: var(--ground); color: var(--ink);
  font: 15px/1.6 system-ui, sans-serif }
main { max-width: 32rem; padding: 2rem; text-align: center }
h1 { font-size: 1.35rem; font-weight: 600; margin: 0 0 .5rem; overflow-wrap: anywhere }
p { color: var(--soft); margin: 0 0 1.25rem; white-space: pre-line; overflow-wrap: anywhere }
a { color: var(--accent) }
.bar { height: 3px; border-radius: 2px; background: color-mix(in srgb, var(--accent) 20%, transparent); overflow: hidden }
.bar::after { content: ''; display: block; height: 100%; width: 30%; border-radius: 2px; background: var(--accent);
  animation: slide 1.4s ease-in-out infinite }
@keyframes slide { from { transform: translateX(-100%) } to { transform: translateX(430%) } }
[data-shows^=error] .bar { display: none }
@media (prefers-reduced-motion: reduce) { .bar::after { animation: none; width: 100% } }
`

// Reloads when there is something else to show, and no sooner than a second after the page began; the server decides what.
// A workspace that went to sleep has nothing to show here: a reload would wake it.
// One that runs without an answer is asked until it gives one.
const WAIT = `
const { events, shows } = document.body.dataset
const source = new EventSource(events)
const text = document.querySelector('p')
const steps = { PULLING_IMAGE: 'Pulling the image', PREPARING_HOME: 'Preparing the home', CREATING_CONTAINER: 'Creating the container', WAITING_FOR_EDITOR: 'Waiting for the editor', STOPPING: 'Stopping' }
const mib = (bytes) => Math.round(bytes / 1048576) + ' MB'
const shown = ({ status, operation, error_info }) => {
  if (['PROVISIONING', 'RESTORING', 'STARTING'].includes(operation)) return 'rising'
  if (operation !== 'NONE') return undefined
  return { RUNNING: 'running', ERROR: 'error ' + error_info?.at, DELETED: 'deleted' }[status]
}
let reload
source.addEventListener('state_changed', ({ data }) => {
  clearTimeout(reload)
  const now = shown(JSON.parse(data))
  if (now && now !== shows) reload = setTimeout(() => location.reload(), 1000 - performance.now())
})
const ask = (delay) => setTimeout(async () => {
  const answers = await fetch(location.href, { method: 'HEAD' }).then(({ status }) => status < 500, () => false)
  if (answers) location.reload()
  else ask(Math.min(delay * 1.5, 5000))
}, delay)
if (shows === 'running') ask(1000)
source.addEventListener('progress', ({ data }) => {
  const { progress } = JSON.parse(data)
  const size = progress && progress.total_bytes ? ', ' + mib(progress.done_bytes) + ' of ' + mib(progress.total_bytes) : ''
  if (progress && steps[progress.step]) text.textContent = steps[progress.step] + size + ' …'
})
`

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
const escape = (text: string): string => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign]!)

/** Answers with a small page that needs nothing else; `eventsPath` is where the workspace's events are. */
export function sendPage(response: ServerResponse, page: Page, eventsPath: string): void {
  const nonce = randomBytes(16).toString('base64')
  const { title, text, link, go, shows } = page
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
${go && link ? `<meta http-equiv="refresh" content="0; url=${escape(link.href)}">` : ''}
<title>${escape(title)} – Berth</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body data-events="${escape(eventsPath)}"${shows ? ` data-shows="${escape(shows)}"` : ''}>
<main>
<h1>${escape(title)}</h1>
<p role="status">${escape(text)}</p>
${shows ? '<div class="bar"></div>' : ''}
${link ? `<a href="${escape(link.href)}">${escape(link.label)}</a>` : ''}
</main>
${shows ? `<script nonce="${nonce}">${WAIT}</script>` : ''}
</body>
</html>
`
  response.writeHead(page.status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(html),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Content-Security-Policy': `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  })
  response.end(html)
}
