import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { identityOf, listen, startControlPlane } from './app.ts'
import { readConfig } from './config.ts'
import { tempDir } from './testing/temp-dir.ts'

test('an instance runs as the person on Linux, never as root, and as the engine says elsewhere', () => {
  expect(identityOf('linux', 501, 20)).toEqual({ uid: 501, gid: 20 })
  expect(identityOf('linux', 0, 0)).toEqual({ uid: 1000, gid: 1000 })
  expect(identityOf('darwin', 501, 20)).toBeUndefined()
  expect(identityOf('win32', undefined, undefined)).toBeUndefined()
})

test('the port that was asked for is taken or refused; without one the last, or any', async () => {
  const only =
    (...free: number[]) =>
    (port: number): Promise<number> =>
      free.includes(port)
        ? Promise.resolve(port || 50_000)
        : Promise.reject(Object.assign(new Error(), { code: 'EACCES' }))
  expect(await listen(only(80), 80, 0)).toBe(80)
  await expect(listen(only(0), 80, 0)).rejects.toMatchObject({ code: 'PORT_UNAVAILABLE' })
  expect(await listen(only(0, 7_000), undefined, 7_000)).toBe(7_000)
  expect(await listen(only(0), undefined, 80)).toBe(50_000)
  await expect(listen(only(), undefined, 80)).rejects.toMatchObject({ code: 'PORT_UNAVAILABLE' })
})

test('a home store that cannot be one and an unknown failpoint are wrong settings', async () => {
  const dir = tempDir()
  writeFileSync(join(dir, 'file'), '')
  const start = (...flags: string[]) =>
    startControlPlane(readConfig(['--data-dir', dir, '--port', '0', ...flags], {}), dir)
  await expect(start('--home-store', join(dir, 'file', 'homes'))).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    hint: expect.stringContaining('--home-store') as string,
  })
  await expect(start('--failpoints', 'nowhere=kill')).rejects.toMatchObject({
    code: 'INVALID_INPUT',
    message: expect.stringContaining('nowhere') as string,
  })
})
