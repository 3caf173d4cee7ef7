import { expect, it } from 'vitest'
import { createWorkspace, patchWorkspace } from '../../../main/core/api.ts'
import { aWorkspace } from '../../testing.ts'
import { check, fieldsOf, toPatch, type SettingsFields } from './settings-form.ts'

const BEFORE = fieldsOf(aWorkspace({ description: 'boats', memory_bytes: 1.5 * 2 ** 30 }))
const patchOf = (part: Partial<SettingsFields>) => toPatch({ ...BEFORE, ...part }, BEFORE)

it('shows what is set, in units of a person', () => {
  expect(BEFORE).toEqual({
    name: 'demo',
    description: 'boats',
    sleepAfter: '5',
    archiveAfter: '24',
    shield: true,
    cap: '12',
    image: 'codercom/code-server:latest',
    cpus: '2',
    memory: '1.5',
    sudo: false,
    env: [],
  })
  expect(fieldsOf(aWorkspace({ standby_ttl_seconds: 0, archive_ttl_seconds: 5_400 }))).toMatchObject({
    sleepAfter: 'never',
    archiveAfter: '1.5',
  })
  expect(check(BEFORE)).toEqual({})
})

it('asks for nothing when nothing was changed, however it was rounded', () => {
  expect(patchOf({})).toEqual({})
  const odd = fieldsOf(aWorkspace({ standby_ttl_seconds: 10, memory_bytes: 2 ** 30 + 1 }))
  expect(toPatch({ ...odd, name: 'other' }, odd)).toEqual({ name: 'other' })
})

it('asks for what was changed, in a way that the server accepts', () => {
  const patch = patchOf({
    name: ' other ',
    description: '',
    sleepAfter: '0,5',
    archiveAfter: 'Never',
    shield: false,
    cap: '1.5',
    image: ' node ',
    cpus: '0.5',
    memory: '2',
    sudo: true,
    env: [
      { key: 0, name: ' GREETING ', value: ' a = b ' },
      { key: 1, name: '', value: '' },
    ],
  })
  expect(patch).toEqual({
    name: 'other',
    description: '',
    standby_ttl_seconds: 30,
    archive_ttl_seconds: 0,
    busy_shield: false,
    busy_cap_seconds: 5_400,
    image_ref: 'node',
    cpus: 0.5,
    memory_bytes: 2 ** 31,
    sudo: true,
    env: { GREETING: ' a = b ' },
  })
  expect(patchWorkspace.parse(patch)).toEqual(patch)
})

it('takes 0 for never, and nothing else', () => {
  expect(patchOf({ sleepAfter: '0' })).toEqual({ standby_ttl_seconds: 0 })
  expect(patchOf({ sleepAfter: '0.001' })).toEqual({ standby_ttl_seconds: 1 })
})

it.each<[keyof SettingsFields, string]>([
  ['name', ' '],
  ['name', 'x'.repeat(101)],
  ['description', 'x'.repeat(1_001)],
  ['sleepAfter', ''],
  ['sleepAfter', '-1'],
  ['sleepAfter', 'soon'],
  ['archiveAfter', '87601'],
  ['archiveAfter', 'Infinity'],
  ['cap', 'never'],
  ['cap', '0.01'],
  ['image', ''],
  ['image', '--rm'],
  ['cpus', ''],
  ['cpus', '257'],
  ['memory', ''],
  ['memory', '0.1'],
])('refuses for %s: %j', (field, text) => {
  expect(Object.keys(check({ ...BEFORE, [field]: text }))).toEqual([field])
})

it.each<[string, { name: string; value: string }[]]>([
  ['no name', [{ name: ' ', value: 'x' }]],
  ['what is no name', [{ name: '1X', value: '' }]],
  ['a name that Berth needs', [{ name: 'HOME', value: '/' }]],
  ['a name that would become something else', [{ name: '__proto__', value: '' }]],
  ['a value without an end', [{ name: 'A', value: 'x'.repeat(8_193) }]],
  [
    'the same twice',
    [
      { name: 'A', value: '' },
      { name: 'A ', value: '' },
    ],
  ],
  ['too many', Array.from({ length: 101 }, (_, n) => ({ name: `V${n}`, value: '' }))],
])('refuses variables: %s', (_, rows) => {
  const env = rows.map((row, key) => ({ ...row, key }))
  expect(Object.keys(check({ ...BEFORE, env }))).toEqual(['env'])
})

it('takes variables away, and says nothing of those that stay', () => {
  const before = fieldsOf(aWorkspace({ env: { A: '1', B: '2\n3' } }))
  expect(toPatch(before, before)).toEqual({})
  expect(toPatch({ ...before, env: before.env.slice(1) }, before)).toEqual({ env: { B: '2\n3' } })
  expect(toPatch({ ...before, env: [] }, before)).toEqual({ env: {} })
})

it('refuses as long a time as the server does', () => {
  const longest = { ...BEFORE, archiveAfter: '87600' }
  expect(check(longest)).toEqual({})
  const patch = toPatch(longest, BEFORE)
  expect(patchWorkspace.parse(patch)).toEqual(patch)
  expect(createWorkspace.safeParse({ name: 'x', archive_ttl_seconds: 87_601 * 3_600 }).success).toBe(false)
})
