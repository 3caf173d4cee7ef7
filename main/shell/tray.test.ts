import type { MenuItemConstructorOptions } from 'electron'
import { describe, expect, it, vi } from 'vitest'
import type { Workspace } from '../core/api.ts'
import { trayMenu } from './tray.ts'

// Only what shows a menu needs Electron; what is in it does not.
vi.mock('electron', () => ({ Menu: {}, Tray: {} }))

const actions = { show: vi.fn(), open: vi.fn(), stop: vi.fn(), archive: vi.fn(), quit: vi.fn() }
const ASLEEP = { id: '01a', name: 'Dinghy', status: 'STANDBY', display_status: 'STANDBY', operation: 'NONE' }

function itemsOf(part: Partial<Workspace>): MenuItemConstructorOptions[] {
  const workspace = { ...ASLEEP, desired_state: 'STANDBY', ...part } as Workspace
  return trayMenu([workspace], actions)[2]!.submenu as MenuItemConstructorOptions[]
}
const enabled = (part: Partial<Workspace>) =>
  itemsOf(part).flatMap((item) => (item.enabled === true ? [item.label] : []))

describe('what the tray offers for a workspace that is', () => {
  it.each<[string, Partial<Workspace>, string[]]>([
    ['asleep', {}, ['Open', 'Archive']],
    ['running', { status: 'RUNNING', desired_state: 'RUNNING' }, ['Open', 'Stop', 'Archive']],
    ['on its way into the archive', { desired_state: 'PENDING', operation: 'ARCHIVING' }, ['Open']],
    ['archived', { status: 'PENDING', display_status: 'ARCHIVED', desired_state: 'PENDING' }, ['Open']],
    ['in error', { status: 'ERROR', desired_state: 'RUNNING' }, ['Open', 'Stop']],
    ['being deleted', { operation: 'DELETING' }, []],
  ])('%s', (_name, part, labels) => {
    expect(enabled(part)).toEqual(labels)
  })
})

it('does it to the workspace it stands beside', () => {
  const archive = itemsOf({}).find(({ label }) => label === 'Archive')
  const click = archive?.click as () => void
  click()
  expect(actions.archive.mock.calls).toEqual([['01a']])
})
