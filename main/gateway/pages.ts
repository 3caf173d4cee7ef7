import { randomBytes } from 'node:crypto'
import type { ServerResponse } from 'node:http'

/** What a page says. All of it is plain text. */
export interface Page {
  status: number
  title: string
  text: string
  /** What to do next. */
  link?: { href: string; label: string }
  /** The page follows the link at once. */
  go?: true
}

/** A document that needs nothing else. All but the title is HTML, CSS and JavaScript as they are sent. */
export interface Markup {
  status: number
  title: string
  head?: string
  body: string
  style?: string
  script?: string
}

const STYLE = `
:root { color-scheme: light dark; --ground: #f5f7f8; --surface: #fff; --line: #e2e7ea; --text: #12191d; --soft: #55626b;
  --accent: #0b6b94; --on-accent: #fff; --link: #0b6b94; --focus: #1484b8; --good: #14733f; --bad: #b3261e; --bad-soft: #fcecea }
@media (prefers-color-scheme: dark) { :root { --ground: #0e1214; --surface: #161b1f; --line: #262e33; --text: #e8edf0; --soft: #a3b0b8;
  --accent: #17749f; --link: #63c0ea; --focus: #4fb6e4; --good: #5fcf92; --bad: #ff8f86; --bad-soft: #331b1a } }
* { box-sizing: border-box }
[hidden] { display: none !important }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1rem; background: var(--ground); color: var(--text);
  font: 15px/1.55 system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', Ubuntu, Cantarell, sans-serif }
main { width: min(30rem, 100%); padding: 2rem; border: 1px solid var(--line); border-radius: 14px; background: var(--surface) }
h1 { font-size: 20px; line-height: 1.3; font-weight: 600; margin: 0 0 .35rem; overflow-wrap: anywhere }
p { color: var(--soft); margin: 0; white-space: pre-line; overflow-wrap: anywhere }
a { color: var(--link) }
main > a { display: inline-block; margin-top: 1.25rem }
:focus-visible { outline: 2px solid var(--focus); outline-offset: 2px; border-radius: 7px }
`

const ESCAPES: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}
export const escape = (text: string): string => text.replace(/[&<>"']/g, (sign) => ESCAPES[sign]!)

/** Answers with a page that says something and stays. */
export function sendPage(response: ServerResponse, { status, title, text, link, go }: Page): void {
  sendDocument(response, {
    status,
    title,
    ...(go && link && { head: `<meta http-equiv="refresh" content="0; url=${escape(link.href)}">` }),
    body: `<body>
<main>
<h1>${escape(title)}</h1>
<p role="status">${escape(text)}</p>
${link ? linkTo(link) : ''}
</main>
</body>`,
  })
}

export const linkTo = ({ href, label }: NonNullable<Page['link']>): string =>
  `<a href="${escape(href)}">${escape(label)}</a>`

/** Answers with a document that may load nothing, and run nothing but its own script. */
export function sendDocument(
  response: ServerResponse,
  { status, title, head = '', body, style = '', script }: Markup,
): void {
  const nonce = randomBytes(16).toString('base64')
  const html = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
${head}
<title>${escape(title)} – Berth</title>
<style nonce="${nonce}">${STYLE}${style}</style>
${script === undefined ? '' : `<script nonce="${nonce}" type="module">${script}</script>`}
</head>
${body}
</html>
`
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(html),
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Content-Security-Policy': `default-src 'none'; style-src 'nonce-${nonce}'; script-src 'nonce-${nonce}'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  })
  response.end(html)
}
