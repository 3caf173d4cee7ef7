import { renderToStaticMarkup } from 'react-dom/server'
import { expect, it } from 'vitest'
import { Markdown } from './markdown.tsx'

const html = (text: string): string => renderToStaticMarkup(<Markdown text={text} />)

it('shows what people write in Markdown', () => {
  const shown = html(
    [
      '# Ahoy',
      '**bold**, *slanted*, ~~gone~~ and `code` at [home](https://example.org/a?b=c#d).',
      '3. third\n4. fourth',
      '- [x] done\n- [ ] to do',
      '> said',
      '```sh\nmake <all>\n```',
      '| a | b |\n|---|:-:|\n| 1 | 2 |',
      '---',
    ].join('\n\n'),
  )
  for (const part of [
    '<h3>Ahoy</h3>',
    '<strong>bold</strong>',
    '<em>slanted</em>',
    '<del>gone</del>',
    '<code>code</code>',
    '<a href="https://example.org/a?b=c#d" target="_blank" rel="noreferrer">home</a>',
    '<ol start="3">',
    '<input type="checkbox" disabled="" checked=""/>',
    '<input type="checkbox" disabled=""/>',
    '<blockquote>',
    '<pre><code>make &lt;all&gt;',
    '<td>2</td>',
    '<hr/>',
  ])
    expect(shown).toContain(part)
})

it('shows a memo as it was typed, also when it begins like a preamble', () => {
  expect(html('---\ntitle: x\n---\n\nafter')).toContain('title: x')
})

/** What may stand in a page of ours: none of it runs, loads, moves or styles anything. */
const HARMLESS =
  /^<(\/?(div|p|strong|em|del|code|pre|blockquote|ul|li|sup|footer|table|thead|tbody|tr|th|td|h[3-6])|\/ol|ol( start="\d+")?|hr\/|br\/|\/a|input type="checkbox" disabled=""( checked="")?\/|div class="markdown"|a href="https?:\/\/[^"]*" target="_blank" rel="noreferrer")>$/

it.each([
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<b onclick="alert(1)">bold</b>',
  '<iframe src="https://evil.example"></iframe>',
  '<svg><script>alert(1)</script></svg>',
  '<style>* { display: none }</style>',
  '<form action="https://evil.example"><input name="password"></form>',
  '<a href="javascript:alert(1)">here</a>',
  '<math><a xlink:href="javascript:alert(1)">x</a></math>',
  'text <u style="position:fixed;inset:0">over all</u> text',
  '<div markdown="1">\n\n**<script>alert(1)</script>**\n\n</div>',
  '<Markdown>{alert(1)}</Markdown>',
  '<!-- --><script>alert(1)</script>-->',
  '[here](javascript:alert(1))',
  '[here](JaVaScRiPt:alert(1))',
  '[here](java\nscript:alert(1))',
  '[here](&#106;avascript:alert(1))',
  '[here](\u0001javascript:alert(1))',
  '[here](data:text/html,<script>alert(1)</script>)',
  '[here](vbscript:x)',
  '[here](mailto:a@example.org?attach=/etc/passwd)',
  '[here](file:///etc/passwd)',
  '[here](vscode://file/etc/passwd)',
  '[here](/api/v1/workspaces)',
  '[here](//evil.example/)',
  '[here](#secret)',
  '[here](https://example.org/"onmouseover="alert(1))',
  '[here](https://example.org "title\\" onmouseover=\\"alert(1)")',
  '[here][1]\n\n[1]: javascript:alert(1)',
  '<javascript:alert(1)>',
  '<https://example.org/"onload="alert(1)>',
  '![picture](https://evil.example/track.png)',
  '![picture](data:image/svg+xml;base64,PHN2Zz4=)',
  '![picture][1]\n\n[1]: https://evil.example/track.png',
  '[![picture](https://evil.example/track.png)](javascript:alert(1))',
  '# heading {#id onclick=alert(1)}',
  'a[^1]\n\n[^1]: <script>alert(1)</script> [x](javascript:alert(1))',
  '```"onclick="alert(1)\ncode\n```',
  '| <script>x</script> | ![a](https://evil.example) |\n|:-:|-|\n| 1 | 2 |',
  '- [x] <input autofocus onfocus=alert(1)>',
])('lets nothing but text out of %j', (text) => {
  const shown = html(text)
  for (const [tag] of shown.matchAll(/<[^>]*>/g)) expect(tag).toMatch(HARMLESS)
  expect(shown).not.toMatch(/href="[^"]*(javascript|data|vbscript|file|vscode):/i)
})

it('leaves the description of a picture, and the words of a link that leads nowhere', () => {
  expect(html('![the quay](https://evil.example/track.png)')).toContain('the quay')
  expect(html('[here](javascript:alert(1))')).toContain('here')
  expect(html('<b>bold</b>')).toContain('&lt;b&gt;bold&lt;/b&gt;')
})

it.each([
  ['quotes', '> '.repeat(10_000)],
  ['brackets', '['.repeat(20_000)],
  ['images', '!['.repeat(10_000)],
  ['stars', '*a '.repeat(6_600)],
  ['underscores', '_'.repeat(20_000)],
  ['ticks', '`a'.repeat(10_000)],
  ['lists', Array.from({ length: 190 }, (_, n) => `${' '.repeat(n)}- x`).join('\n')],
  ['angles', '<'.repeat(20_000)],
  ['tags', '<b '.repeat(6_600)],
  ['tables', '|'.repeat(20_000)],
  ['table rows', `|a|\n|-|\n${'|'.repeat(19_000)}`],
  ['line ends', '\n'.repeat(20_000)],
  ['spaces', ' '.repeat(20_000)],
  ['links', '[a](b '.repeat(3_300)],
  ['footnotes', '[^a]: '.repeat(3_300)],
  ['marks', '~~=='.repeat(5_000)],
])('is not held up by %s', (_, text) => {
  const before = performance.now()
  html(text)
  expect(performance.now() - before).toBeLessThan(2_000)
})
