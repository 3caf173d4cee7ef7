import type { MenuItemConstructorOptions } from 'electron'
import { describe, expect, it, vi } from 'vitest'
import type { Engine, Workspace } from '../core/api.ts'
import { trayMenu, trayState, trayTip, type TrayState } from './tray.ts'

// Only what shows a menu needs Electron; what is in it does not.
vi.mock('electron', () => ({ Menu: {}, Tray: {} }))

const NOW = Date.parse('2026-11-21T10:00:00.000Z')
const ENGINE: Engine = { reachable: true, version: '29.1', message: null, hint: null }
const GONE: Engine = { reachable: false, version: null, message: 'Docker does not answer', hint: null }
const actions = {
  show: vi.fn(),
  open: vi.fn(),
  stop: vi.fn(),
  archive: vi.fn(),
  keepAwake: vi.fn(),
  quit: vi.fn(),
}
const ASLEEP = {
  id: '01a',
  name: 'Dinghy',
  status: 'STANDBY',
  display_status: 'STANDBY',
  desired_state: 'STANDBY',
  operation: 'NONE',
  error_count: 0,
  keep_awake_until: null,
  last_access_at: '2026-11-20T10:00:00.000Z',
}
const RUNNING = { status: 'RUNNING', display_status: 'RUNNING', desired_state: 'RUNNING' } as const
const STUCK = { status: 'ERROR', display_status: 'ERROR', desired_state: 'RUNNING', error_count: 3 } as const

const a = (part: Partial<Workspace>): Workspace => ({ ...ASLEEP, ...part }) as Workspace
const menuOf = (workspaces: Workspace[], engine = ENGINE): MenuItemConstructorOptions[] =>
  trayMenu({ workspaces, engine, now: NOW }, actions)
const labels = (items: MenuItemConstructorOptions[]) => items.map(({ label }) => label ?? '—')
const click = (items: MenuItemConstructorOptions[], label: string): void =>
  (items.find((item) => item.label === label)!.click as () => void)()

it('shows the engine, what runs first, five others at most, and what quitting means', () => {
  const others = [1, 2, 3, 4, 5, 6].map((day) =>
    a({ id: `0${day}`, name: `Raft ${day}`, last_access_at: `2026-11-0${day}T10:00:00.000Z` }),
  )
  const deleting = a({ name: 'Wreck', operation: 'DELETING' })
  const starting = a({ name: 'Gig', desired_state: 'RUNNING', operation: 'STARTING' })
  const menu = menuOf([...others, deleting, starting, a({ name: 'Hull', ...RUNNING })])
  expect(labels(menu)).toEqual([
    'Docker 29.1 is running',
    '—',
    'Hull – Running',
    'Gig – Starting…',
    '—',
    'Open “Raft 6”',
    'Open “Raft 5”',
    'Open “Raft 4”',
    'Open “Raft 3”',
    'Open “Raft 2”',
    '—',
    'Show Berth',
    'New workspace…',
    '—',
    'Quit Berth (running workspaces go on)',
  ])
  click(menu, 'Open “Raft 6”')
  expect(actions.open.mock.calls).toEqual([['06']])
})

it('says that there is nothing yet', () => {
  expect(labels(menuOf([], GONE))).toEqual([
    'Docker does not answer',
    '—',
    'No workspaces yet',
    '—',
    'Show Berth',
    'New workspace…',
    '—',
    'Quit Berth',
  ])
})

describe('what it offers for a workspace that is', () => {
  it.each<[string, Partial<Workspace>, string[]]>([
    ['running', RUNNING, ['Open', 'Stop', 'Archive', 'Keep awake for 1 h']],
    [
      'kept awake',
      { ...RUNNING, keep_awake_until: '2026-11-21T10:30:00.000Z' },
      ['Open', 'Stop', 'Archive', 'Let it sleep'],
    ],
    [
      'no longer kept awake',
      { ...RUNNING, keep_awake_until: '2026-11-21T09:30:00.000Z' },
      ['Open', 'Stop', 'Archive', 'Keep awake for 1 h'],
    ],
    ['on its way down', { ...RUNNING, desired_state: 'STANDBY', operation: 'STOPPING' }, ['Open', 'Archive']],
    ['on its way into the archive', { desired_state: 'PENDING', operation: 'ARCHIVING' }, ['Open']],
    ['in error', STUCK, ['Open', 'Stop']],
  ])('%s', (_name, part, offered) => {
    const items = menuOf([a(part)])[2]!.submenu as MenuItemConstructorOptions[]
    expect(labels(items.filter(({ enabled }) => enabled !== false))).toEqual(offered)
  })
})

it('does it to the workspace it stands beside', () => {
  const items = menuOf([a(RUNNING)])[2]!.submenu as MenuItemConstructorOptions[]
  for (const label of ['Stop', 'Archive', 'Keep awake for 1 h']) click(items, label)
  const { stop, archive, keepAwake } = actions
  expect([stop, archive, keepAwake].map(({ mock }) => mock.calls)).toEqual([
    [['01a']],
    [['01a']],
    [['01a', true]],
  ])
})

it.each<[TrayState, string, Engine, Partial<Workspace>[]]>([
  ['idle', 'Berth – nothing is running', ENGINE, [{}]],
  ['idle', 'Berth – Docker is not there', GONE, []],
  ['running', 'Berth – 1 running', ENGINE, [{}, RUNNING]],
  ['working', 'Berth – 1 at work, 1 running', ENGINE, [RUNNING, { operation: 'ARCHIVING' }]],
  ['working', 'Berth – nothing is running', ENGINE, [{ ...STUCK, error_count: 1 }]],
  ['failed', 'Berth – 1 failed, 1 at work', ENGINE, [{ operation: 'STARTING' }, STUCK]],
])('is %s: %s', (state, tip, engine, parts) => {
  const workspaces = parts.map(a)
  expect(trayState(workspaces)).toBe(state)
  expect(trayTip({ workspaces, engine, now: NOW })).toBe(tip)
})
