import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { removePartitions } from './partitions.ts'

const GONE = '01kaaaaaaaaaaaaaaaaaaaaaaa'
const HERE = '01kbbbbbbbbbbbbbbbbbbbbbbb'

it('X3: removes what is left of workspaces that are gone, and nothing else', async () => {
  const userData = mkdtempSync(join(tmpdir(), 'berth-test-'))
  onTestFinished(() => rmSync(userData, { recursive: true }))
  const kept = ['dashboard', `workspace-${HERE}`, 'workspace-', 'workspace-other', `x-workspace-${GONE}`]
  for (const name of [...kept, `workspace-${GONE}`]) {
    const dir = join(userData, 'Partitions', name, 'Local Storage')
    mkdirSync(dir, { recursive: true })
    writeFileSync(join(dir, 'log'), 'x')
  }
  await removePartitions(userData, (id) => id !== HERE)
  expect(readdirSync(join(userData, 'Partitions')).toSorted()).toEqual(kept.toSorted())
  await removePartitions(userData, () => false)
  expect(readdirSync(join(userData, 'Partitions'))).toHaveLength(kept.length)
})

it('has nothing to remove at the first start', async () => {
  await expect(removePartitions(join(tmpdir(), 'berth-nowhere'), () => true)).resolves.toBeUndefined()
})
