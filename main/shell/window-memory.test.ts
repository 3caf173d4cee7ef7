import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { createWindowMemory, fit } from './window-memory.ts'

const ID = '01jgaz00000000000000000000'
const PLACE = { x: 10, y: 20, width: 900, height: 600, maximized: false }
let dir: string
const path = (): string => join(dir, 'windows.json')

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'berth-windows-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

it('remembers a place, a zoom level and what was open', () => {
  const first = createWindowMemory(path())
  expect([first.of(ID), first.last]).toEqual([{}, []])
  first.note(ID, { place: PLACE })
  first.note(ID, { zoom: 1.5 })
  first.setOpen([{ id: ID, port: null, path: '/?folder=/home/coder' }])
  const second = createWindowMemory(path())
  expect(second.of(ID)).toEqual({ place: PLACE, zoom: 1.5 })
  expect(second.last).toEqual([{ id: ID, port: null, path: '/?folder=/home/coder' }])
  second.setOpen([])
  expect(second.last).toHaveLength(1)
})

it('forgets a workspace that is gone', () => {
  const memory = createWindowMemory(path())
  memory.note(ID, { zoom: 1 })
  memory.forget(ID)
  expect(memory.of(ID)).toEqual({})
  expect(readFileSync(path(), 'utf8')).not.toContain(ID)
})

it.each([
  'no JSON',
  '{"workspaces":{},"open":[{"id":"../..","port":null,"path":"/"}]}',
  '{"workspaces":{"a":{"zoom":1e9}},"open":[]}',
])('takes a file that somebody edited for none: %s', (text) => {
  writeFileSync(path(), text)
  expect(createWindowMemory(path()).last).toEqual([])
})

it('goes on where the file cannot be written', () => {
  const memory = createWindowMemory(join(dir, 'none', 'windows.json'))
  memory.note(ID, { zoom: 1 })
  expect(memory.of(ID)).toEqual({ zoom: 1 })
})

it.each([
  ['inside', { x: 10, y: 10, width: 50, height: 50 }, { x: 10, y: 10, width: 50, height: 50 }],
  ['beyond the right', { x: 5000, y: 10, width: 50, height: 50 }, { x: 150, y: 10, width: 50, height: 50 }],
  ['above and left', { x: -40, y: -40, width: 50, height: 50 }, { x: 0, y: 0, width: 50, height: 50 }],
  ['too large', { x: 10, y: 10, width: 900, height: 900 }, { x: 0, y: 0, width: 200, height: 100 }],
])('fits a window to its screen: %s', (_case, bounds, fitted) => {
  expect(fit(bounds, { x: 0, y: 0, width: 200, height: 100 })).toEqual(fitted)
})
