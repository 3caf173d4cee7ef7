import { expect, it } from 'vitest'
import { patchSettings, type Settings } from '../../../main/core/api.ts'
import { check, fieldsOf, toPatch, type PreferenceFields } from './preferences-form.ts'

const SETTINGS: Settings = {
  image: 'codercom/code-server:latest',
  cpus: 2,
  memory_bytes: 1.5 * 2 ** 30,
  standby_ttl_seconds: 300,
  archive_ttl_seconds: 0,
  keep_archives: 3,
  trash_days: 7,
  theme: 'system',
  notify_will_sleep: true,
  notify_stopped: true,
  notify_failed: true,
  notify_guest_rings: true,
  close_to_tray: false,
  start_at_login: false,
  start_hidden: false,
  share_address: null,
  fixed: [],
}
const BEFORE = fieldsOf(SETTINGS)
const checked = (part: Partial<PreferenceFields>) => check({ ...BEFORE, ...part }, BEFORE)
const patchOf = (part: Partial<PreferenceFields>) => toPatch({ ...BEFORE, ...part }, BEFORE)

it('shows what is set, in units of a person', () => {
  expect(BEFORE).toEqual({
    image: 'codercom/code-server:latest',
    cpus: '2',
    memory: '1.5',
    sleepAfter: '5',
    archiveAfter: 'never',
    keepArchives: '3',
    trashDays: '7',
    address: '',
  })
  expect(fieldsOf({ ...SETTINGS, share_address: '192.168.7.9' }).address).toBe('192.168.7.9')
})

it('asks for nothing when nothing was changed, however it was rounded', () => {
  const odd = fieldsOf({ ...SETTINGS, memory_bytes: 2 ** 30 + 1, trash_days: 1 / 3 })
  expect(toPatch({ ...odd, cpus: '3' }, odd)).toEqual({ cpus: 3 })
  expect(patchOf({})).toEqual({})
})

it('asks for what was changed, in a way that the server accepts', () => {
  const fields = {
    image: ' node ',
    cpus: '0,5',
    memory: '2',
    sleepAfter: 'Never',
    archiveAfter: '1.5',
    keepArchives: ' 9',
    trashDays: '0.5',
    address: ' 10.0.0.7 ',
  }
  expect(checked(fields)).toEqual({})
  expect(patchSettings.parse(patchOf(fields))).toEqual({
    image: 'node',
    cpus: 0.5,
    memory_bytes: 2 ** 31,
    standby_ttl_seconds: 0,
    archive_ttl_seconds: 5_400,
    keep_archives: 9,
    trash_days: 0.5,
    share_address: '10.0.0.7',
  })
  const chosen = { ...BEFORE, address: '10.0.0.7' }
  expect(toPatch(BEFORE, chosen)).toEqual({ share_address: null })
})

it.each<[keyof PreferenceFields, ...string[]]>([
  ['image', '', '-x', 'a b'],
  ['cpus', '', 'x', '0', '257'],
  ['memory', ' ', '0.1', '1025'],
  ['sleepAfter', '', '-1', 'soon'],
  ['archiveAfter', '', '-1', '99999999'],
  ['keepArchives', '', '0', '1.5', '101'],
  ['trashDays', '', '-1', '3651'],
  ['address', '10.0.0', '10.0.0.256', '10.0.0.1.', '::1', 'here', '01.0.0.1', '10.0.0.1.2'],
])('takes no %s that the server would refuse', (name, ...texts) => {
  for (const text of texts) {
    expect(Object.keys(checked({ [name]: text })), text).toEqual([name])
    if (name === 'address') expect(patchSettings.safeParse({ share_address: text }).success, text).toBe(false)
  }
})

it('says nothing of what was wrong before and is as it was', () => {
  const odd = { ...BEFORE, image: '-x' }
  expect(check({ ...odd, cpus: '3' }, odd)).toEqual({})
})
