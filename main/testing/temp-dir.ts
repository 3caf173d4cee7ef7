import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'

/** A fresh directory, removed when the test has ended. */
export function tempDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'berth-unit-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}
