import type { ServerResponse } from 'node:http'
import { escape, sendDocument } from '../gateway/pages.ts'
import SCRIPT from './guest-page-script.mjs?raw'

/** Every sentence of the pages. */
const SAY = {
  title: 'You are invited to a workspace on',
  invited: 'Say who you are, and enter.',
  entering: 'One moment …',
  ringing: 'It rings. Waiting until somebody opens the door …',
  bare: 'To enter, open the link that you were given: the whole of it, with what follows the #.',
  out: 'You were not let in, or no longer are. Ask who gave you the link.',
  noCookie: 'Your browser keeps no cookie of this page, and cannot enter without one.',
  lost: 'That machine does not answer. It is asked again …',
  name: 'Your name',
  enter: 'Enter',
  noScript: 'This page needs JavaScript, and so does the workspace behind it.',
  clear: {
    title: 'A workspace on',
    text: 'It is served over an encrypted connection only. Before it opens, your browser may warn you.',
    go: 'Continue',
  },
  trust: {
    title: 'Why does my browser warn me?',
    why: `The workspace comes straight from a machine near you. The connection is encrypted, but nobody known to your browser
vouches for machines on a local network, so it cannot tell whether this is the right one. You can go on regardless, or have
this device trust the certificate authority of that machine. It vouches for addresses of local networks and nothing else.`,
    get: 'Download its certificate',
    compare:
      'Before you trust it, compare its SHA-256 fingerprint with what whoever invited you sees in Berth:',
    without: `Without that, most of the editor works. Previews, notebooks and other web views do not, as browsers run no
service workers past a warning; in some browsers the clipboard does not either.`,
    after: 'Then open the link again. Take the certificate away when you no longer need it.',
  },
  steps: {
    'Chrome and Edge on Windows':
      'Open the file, “Install Certificate”, “Current User”, and place it in “Trusted Root Certification Authorities”.',
    'Chrome and Edge on Linux':
      'Settings, “Privacy and security”, “Security”, “Manage certificates”, “Custom”: import it below “Trusted certificates”.',
    Firefox:
      'Settings, “Privacy & Security”, “View Certificates”, “Authorities”, “Import”, and tick “Trust this CA to identify websites”.',
    'macOS (Safari, Chrome, Edge)':
      'Open the file, find it in Keychain Access, and below “Trust” choose “Always Trust”.',
    'iPhone and iPad':
      'Open it in Safari, install it in Settings, “General”, “VPN & Device Management”, then switch it on in “General”, “About”, “Certificate Trust Settings”.',
    Android:
      'Settings, “Security”, “Encryption & credentials”, “Install a certificate”, “CA certificate”, and choose the file.',
  },
}
export type Words = typeof SAY

const STYLE = `
body { place-items: start center; padding-top: 12vh }
form { display: grid; gap: .4rem; margin-top: 1.25rem }
label { font-weight: 500 }
input { font: inherit; width: 100%; padding: .45rem .7rem; border: 1px solid var(--line); border-radius: 9px; color: var(--text); background: var(--ground) }
button, #go { font: inherit; justify-self: start; margin-top: .7rem; padding: .4rem 1.1rem; border: 0; border-radius: 9px; color: var(--on-accent); background: var(--accent);
  cursor: pointer; text-decoration: none }
button[aria-disabled=true] { opacity: .6; cursor: default }
#why { margin-top: 1rem; padding: .7rem .85rem; border-radius: 9px; color: var(--bad); background: var(--bad-soft) }
details { margin-top: 2rem; padding-top: 1rem; border-top: 1px solid var(--line) }
summary { cursor: pointer; color: var(--link) }
details p { margin-top: .8rem; white-space: normal }
code { display: block; margin-top: .4rem; font: 12px/1.6 ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace; color: var(--text); overflow-wrap: anywhere }
dt { margin-top: .8rem; font-weight: 500 }
dd { margin: 0; color: var(--soft) }
`

/** The certificate authority that a guest may trust, and where its certificate is. */
export interface Trust {
  href: string
  /** SHA-256, as browsers show it. */
  fingerprint: string
}

/** What the first page is of. Texts are plain, `base` and `next` are paths of its origin. */
export interface GuestPage {
  machine: string
  /** The name of the workspace, for whoever came by a link that was good. */
  workspace: string | undefined
  /** How far the guest has come already. */
  state: 'RINGING' | 'IN' | undefined
  /** Where what the page asks for is. */
  base: string
  /** Where to go once they are in. */
  next: string
  trust: Trust
}

/** Answers with the first page of a guest, which exchanges the link in the address for a cookie. */
export function sendGuestPage(
  response: ServerResponse,
  { machine, workspace, state, base, next, trust }: GuestPage,
): void {
  const title = workspace ?? `${SAY.title} ${machine}`
  sendDocument(response, {
    status: state === 'IN' ? 200 : 401,
    title,
    style: STYLE,
    script: SCRIPT,
    body: `<body data-base="${escape(base)}" data-next="${escape(next)}" data-state="${state ?? ''}" data-words="${escape(JSON.stringify(SAY))}">
<main>
<h1 id="title">${escape(title)}</h1>
<p id="say" role="status"></p>
<noscript><p>${SAY.noScript}</p></noscript>
<form id="form" hidden>
<label for="name">${SAY.name}</label>
<input id="name" maxlength="60" autocomplete="nickname">
<button>${SAY.enter}</button>
</form>
<p id="why" role="alert" hidden></p>
${trustSection(trust)}
</main>
</body>`,
  })
}

// The secret of a link goes with it, out of the address bar.
const CONTINUE = `
const { pathname, search, hash } = location
document.querySelector('#go').hash = hash
if (hash !== '') history.replaceState(null, '', pathname + search)
`

/** Answers in the clear with the way to the same place over TLS, which is at `href`. */
export function sendClearPage(
  response: ServerResponse,
  { machine, href, trust }: { machine: string; href: string; trust: Trust },
): void {
  const title = `${SAY.clear.title} ${machine}`
  sendDocument(response, {
    status: 200,
    title,
    style: STYLE,
    script: CONTINUE,
    body: `<body>
<main>
<h1>${escape(title)}</h1>
<p>${SAY.clear.text}</p>
<a id="go" href="${escape(href)}">${SAY.clear.go}</a>
${trustSection(trust, ' open')}
</main>
</body>`,
  })
}

const trustSection = ({ href, fingerprint }: Trust, open = ''): string => `<details${open}>
<summary>${SAY.trust.title}</summary>
<p>${SAY.trust.why}</p>
<p>${SAY.trust.without}</p>
<p><a href="${escape(href)}" download>${SAY.trust.get}</a></p>
<p>${SAY.trust.compare}<code>${escape(fingerprint)}</code></p>
<dl>
${Object.entries(SAY.steps)
  .map(([where, how]) => `<dt>${escape(where)}</dt><dd>${escape(how)}</dd>`)
  .join('\n')}
</dl>
<p>${SAY.trust.after}</p>
</details>`
