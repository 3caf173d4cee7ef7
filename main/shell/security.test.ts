import { beforeEach, describe, expect, it, vi } from 'vitest'
import { isOurs, openExternal } from './security.ts'

const opened = vi.hoisted(() => vi.fn<(url: string) => Promise<void>>(() => Promise.resolve()))
vi.mock('electron', () => ({ shell: { openExternal: opened } }))
beforeEach(() => void opened.mockClear())

describe('X5: what the browser is handed', () => {
  it.each(['https://example.com/', 'http://localhost:8080/x?y#z'])('%s', (url) => {
    openExternal(url)
    expect(opened.mock.calls).toEqual([[url]])
  })

  it.each([
    'file:///etc/passwd',
    'smb://host/share',
    'javascript:alert(1)',
    'nothing',
    // Who else is on this machine reads the command line of the browser.
    'http://3000--01k.localhost:4000/?berth-code=secret',
    'http://01k.localhost:4000/w/01k/?a=b&berth-code=secret#c',
    'https://example.com/?next=http%3A%2F%2F01k.localhost%2F%3Fberth-code%3Dsecret',
  ])('never %s', (url) => {
    openExternal(url)
    expect(opened).not.toHaveBeenCalled()
  })
})

it.each<[string, boolean]>([
  ['http://127.0.0.1:4000/', true],
  ['http://127.1:4000/', true],
  ['http://localhost:4000/#open=01k', true],
  ['http://localhost.:4000/', true],
  ['http://LOCALHOST:4000/', true],
  ['http://01k.localhost:4000/w/01k/', true],
  ['http://3000--01k.localhost:4000/', true],
  ['http://user@01k.localhost:4000/', true],
  ['https://01k.localhost:4000/', true],
  ['http://localhost:4001/', false],
  ['http://localhost/', false],
  ['http://localhost.example:4000/', false],
  ['http://notlocalhost:4000/', false],
  ['https://example.com/', false],
])('knows whether %s is its own: %s', (url, ours) => {
  expect(isOurs(new URL(url), 4000)).toBe(ours)
})
