import { createElement, Fragment, type ReactNode } from 'react'
import { compiler, type MarkdownToJSX } from 'markdown-to-jsx/react'

/** What Markdown may become: as what, and with which of its properties. All else is only the text in it. */
const ELEMENTS: Readonly<Record<string, [as: string, ...properties: string[]]>> = {
  ...Object.fromEntries(
    ['p', 'strong', 'em', 'del', 'code', 'pre', 'blockquote', 'ul', 'ol', 'li', 'hr', 'br', 'sup']
      .concat(['table', 'thead', 'tbody', 'tr', 'th', 'td', 'div', 'footer'])
      .map((tag) => [tag, [tag]]),
  ),
  // Below the heading of the dialog that it is in.
  ...{ h1: ['h3'], h2: ['h4'], h3: ['h5'], h4: ['h6'], h5: ['h6'], h6: ['h6'] },
  ol: ['ol', 'start'],
}

const OPTIONS: MarkdownToJSX.Options = {
  createElement: element,
  disableParsingRawHTML: true,
  disableFrontmatter: true,
  forceBlock: true,
  forceWrapper: true,
  wrapper: 'div',
}

/** Text in Markdown. HTML in it stays text, images become their description, and only links to the web can be followed. */
export function Markdown({ text }: { text: string }) {
  return <div className="markdown">{compiled(text)}</div>
}

function compiled(text: string): ReactNode {
  try {
    return compiler(text, OPTIONS)
  } catch {
    return <pre>{text}</pre> // nested deeper than anybody writes
  }
}

type Properties = Readonly<Record<string, unknown>>

function element(tag: unknown, given: object | null, ...children: ReactNode[]): ReactNode {
  const properties: Properties = { ...given }
  const { key, alt, href, checked } = properties
  const keyed = typeof key === 'string' || typeof key === 'number' ? { key } : {}
  const text = (words: ReactNode[]) => createElement(Fragment, keyed, ...words)
  if (tag === 'img') return text([typeof alt === 'string' ? alt : ''])
  if (tag === 'input')
    return createElement('input', { ...keyed, type: 'checkbox', disabled: true, checked: checked === true })
  if (tag === 'a') {
    if (typeof href !== 'string' || !isFollowed(href)) return text(children)
    return createElement('a', { ...keyed, href, target: '_blank', rel: 'noreferrer' }, ...children)
  }
  const [as, ...allowed] = (typeof tag === 'string' && ELEMENTS[tag]) || []
  if (as === undefined) return text(children)
  const kept = allowed.filter((name) => name in properties).map((name) => [name, properties[name]])
  return createElement(as, { ...keyed, ...Object.fromEntries(kept) }, ...children)
}

const isFollowed = (href: string): boolean =>
  URL.canParse(href) && ['http:', 'https:'].includes(new URL(href).protocol)
