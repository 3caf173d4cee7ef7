import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { ESLint, Linter } from 'eslint'
import { expect, it } from 'vitest'

const root = join(import.meta.dirname, '..')
const eslint = new ESLint({ cwd: root })

/** What the rules of a file say of a piece of code in it. */
async function saidOf(file: string, code: string): Promise<string[]> {
  const { rules } = (await eslint.calculateConfigForFile(join(root, file))) as Linter.Config
  const chosen = Object.entries(rules ?? {}).filter(([name]) =>
    ['no-restricted-syntax', 'no-restricted-imports'].includes(name),
  )
  const said = new Linter().verify(code, {
    rules: Object.fromEntries(chosen),
    languageOptions: { parserOptions: { ecmaFeatures: { jsx: true } } },
  })
  return said.map(({ message }) => message)
}

it.each([
  'webSecurity: false',
  'nodeIntegration: true',
  'nodeIntegrationInWorker: true',
  'nodeIntegrationInSubFrames: true',
  'contextIsolation: false',
  'sandbox: false',
  'allowRunningInsecureContent: true',
  'experimentalFeatures: true',
  'webviewTag: true',
  'enableBlinkFeatures: "CSSVariables"',
  "'sandbox': false",
  '"nodeIntegration": true',
  "['contextIsolation']: false",
  '"enableBlinkFeatures": "CSSVariables"',
  'webSecurity: !1',
  'webviewTag: !0',
  'sandbox: 0',
  'sandbox: someday',
  'nodeIntegration',
])('X1: a window with %s is refused by the lint', async (preference) => {
  for (const file of ['main/index.ts', 'main/shell/main-window.ts', 'main/shell/security.ts'])
    expect(await saidOf(file, `open({ webPreferences: { ${preference} } })`), file).toHaveLength(1)
})

it('X1: a window that is shut in is not', async () => {
  const code = 'open({ webPreferences: { sandbox: true, contextIsolation: true, nodeIntegration: false } })'
  expect(await saidOf('main/shell/main-window.ts', code)).toEqual([])
})

it.each([
  "import { ipcMain } from 'electron'\nipcMain.handle('x', () => 1)",
  "import electron from 'electron'\nelectron.ipcMain.handle('x', () => 1)",
])('X4: channels are in main/index.ts alone: %s', async (code) => {
  expect(await saidOf('main/index.ts', code)).toEqual([])
  for (const file of ['main/shell/tray.ts', 'main/shell/security.ts', 'main/app.ts', 'main/http/api.ts'])
    expect(await saidOf(file, code), file).toHaveLength(1)
})

it.each([
  "import { shell } from 'electron'\nvoid shell.openExternal('https://example.com/')",
  "import { shell as s } from 'electron'\nvoid s.openExternal('https://example.com/')",
  "import * as electron from 'electron'\nvoid electron.shell.openExternal('https://example.com/')",
  "import electron from 'electron'\nvoid electron['shell'].openExternal('https://example.com/')",
  "import electron from 'electron'\nconst { shell: out } = electron\nvoid out.openExternal('https://example.com/')",
])('X5: only security.ts opens anything outside: %s', async (code) => {
  expect(await saidOf('main/shell/security.ts', code)).toEqual([])
  for (const file of ['main/index.ts', 'main/shell/tray.ts', 'main/shell/main-window.ts', 'preload/index.ts'])
    expect(await saidOf(file, code), file).toHaveLength(1)
})

it('X7: the dashboard makes no HTML of text', async () => {
  const file = 'renderer/app.tsx'
  expect(await saidOf(file, 'export const a = <p dangerouslySetInnerHTML={{ __html: "x" }} />')).toHaveLength(
    1,
  )
  expect(await saidOf(file, 'document.body.innerHTML = "x"')).toHaveLength(1)
  expect(await saidOf(file, 'document.body.insertAdjacentHTML("beforeend", "x")')).toHaveLength(1)
  expect(await saidOf(file, 'document.body.textContent = "x"')).toEqual([])
})

it('X1: every window is made where the lint looks, and says itself that it is shut in', () => {
  const makers = readdirSync(join(root, 'main'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
    .map((name) => ({ name, text: readFileSync(join(root, 'main', name), 'utf8') }))
    .filter(({ text }) => /new (BrowserWindow|BrowserView|WebContentsView|BaseWindow)\b/.test(text))
  expect(makers.map(({ name }) => name).toSorted()).toEqual([
    'shell/main-window.ts',
    'shell/workspace-windows.ts',
  ])
  for (const { name, text } of makers)
    for (const said of ['sandbox: true', 'contextIsolation: true', 'nodeIntegration: false'])
      expect(text, name).toContain(said)
})

it('X8: the tests run on a current Node, and the app on a current Electron', () => {
  const of = (name: string): unknown => JSON.parse(readFileSync(join(root, name), 'utf8'))
  const { node } = of('build/setup/versions.json') as { node: { version: string } }
  const { devDependencies } = of('package.json') as { devDependencies: { electron: string } }
  expect(atLeast(node.version, '24.18.1'), node.version).toBe(true)
  expect(process.versions.node).toBe(node.version)
  expect(atLeast(devDependencies.electron.replace(/^[\^~]/, ''), '45.0.0'), devDependencies.electron).toBe(
    true,
  )
})

/** Whether a version is that one or a later one. */
function atLeast(version: string, least: string): boolean {
  const difference = [0, 1, 2].map((at) => Number(version.split('.')[at]) - Number(least.split('.')[at]))
  return (difference.find((part) => part !== 0) ?? 0) >= 0
}
