import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** What a state page says. All of it is plain text. */
export interface Page {
  status: number
  title: string
  text: string
  /** What to do next. */
  link?: { href: string; label: string }
  /** `wait`: the page follows the workspace's events and goes on by itself. `go`: it follows the link at once. */
  then?: 'wait' | 'go'
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
@media (prefers-reduced-motion: reduce) { .bar::after { animation: none; width: 100% } }
`

// Reloads when there is something else to show; the server then decides what.
const WAIT = `
const source = new EventSource(document.body.dataset.events)
const text = document.querySelector('p')
const steps = { PULLING_IMAGE: 'Pulling the image', PREPARING_HOME: 'Preparing the home', CREATING_CONTAINER: 'Creating the container', WAITING_FOR_EDITOR: 'Waiting for the editor', STOPPING: 'Stopping' }
const mib = (bytes) => Math.round(bytes / 1048576) + ' MB'
source.addEventListener('state_changed', ({ data }) => {
  const { status, operation } = JSON.parse(data)
  if (status === 'RUNNING' || status === 'DELETED' || (status === 'ERROR' && operation === 'NONE')) location.reload()
})
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
  const { title, text, link, then } = page
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
${then === 'go' && link ? `<meta http-equiv="refresh" content="0; url=${escape(link.href)}">` : ''}
<title>${escape(title)} – Berth</title>
<style nonce="${nonce}">${STYLE}</style>
</head>
<body data-events="${escape(eventsPath)}">
<main>
<h1>${escape(title)}</h1>
<p role="status">${escape(text)}</p>
${then === 'wait' ? '<div class="bar"></div>' : ''}
${link ? `<a href="${escape(link.href)}">${escape(link.label)}</a>` : ''}
</main>
${then === 'wait' ? `<script nonce="${nonce}">${WAIT}</script>` : ''}
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
