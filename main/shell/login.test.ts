import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { loginEntry, setLoginEntry } from './login.ts'

it('writes and removes its own entry, and no other', () => {
  const config = mkdtempSync(join(tmpdir(), 'berth-login-'))
  onTestFinished(() => rmSync(config, { recursive: true }))
  const dir = join(config, 'autostart')
  const item = (dataDir: string) => ({ dir, dataDir, command: ['/opt/berth', '--data-dir', dataDir] })
  setLoginEntry(item('/a'), false) // where there is no such folder
  setLoginEntry(item('/a'), true)
  setLoginEntry(item('/a'), true)
  setLoginEntry(item('/b'), true)
  writeFileSync(join(dir, 'berth.desktop'), 'of somebody else')
  expect(readdirSync(dir)).toHaveLength(3)
  setLoginEntry(item('/a'), false)
  const left = readdirSync(dir).map((name) => readFileSync(join(dir, name), 'utf8'))
  expect(left.toSorted()).toEqual([loginEntry(item('/b').command), 'of somebody else'])
})

it('runs the very words of a command', () => {
  expect(loginEntry(['/opt/My Berth', 'a"b', '50%', '$x', '\\'])).toContain(
    String.raw`Exec="/opt/My Berth" "a\\"b" "50%%" "\\$x" "\\\\"`,
  )
})
