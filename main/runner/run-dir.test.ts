import { mkdirSync, renameSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { tempDir } from '../testing/temp-dir.ts'
import { answers } from './probe.ts'
import { createRunDirs, type RunDirs } from './run-dir.ts'

const servers: Server[] = []

/** A server on the Unix socket at `path`. */
async function listen(path: string): Promise<Server> {
  const server = createServer((_, response) => response.end())
  servers.push(server)
  await new Promise<void>((resolve) => server.listen(path, resolve))
  return server
}

let root: string
let dirs: RunDirs
beforeEach(() => {
  root = tempDir()
  dirs = createRunDirs(root, undefined)
})
afterEach(() => {
  for (const server of servers.splice(0)) server.close()
})

const reaches = async (socketPath: string | undefined): Promise<boolean> =>
  socketPath !== undefined && (await answers({ socketPath }, 1_000))

describe.runIf(process.platform === 'linux')('the socket', () => {
  beforeEach(() => dirs.prepare('a', false))
  const socket = (): string => join(dirs.socketDir('a'), 's')

  test('is none before the instance has made it', () => {
    expect(dirs.socketPath('a')).toBeUndefined()
  })

  test('is reached by a path that stays the same while the socket does', async () => {
    await listen(socket())
    const path = dirs.socketPath('a')
    expect(await reaches(path)).toBe(true)
    expect(dirs.socketPath('a')).toBe(path)
  })

  test('is reached however long the path of the data directory is', async () => {
    const long = join(root, 'x'.repeat(120))
    const deep = createRunDirs(long, undefined)
    await deep.prepare('a', false)
    await listen(join(root, 's'))
    renameSync(join(root, 's'), join(deep.socketDir('a'), 's'))
    expect(await reaches(deep.socketPath('a'))).toBe(true)
  })

  test('is not what a link stands for, such as Docker’s socket', async () => {
    await listen(join(root, 'docker.sock'))
    symlinkSync(join(root, 'docker.sock'), socket())
    expect(dirs.socketPath('a')).toBeUndefined()
  })

  test('is not exchanged for another by a link that takes its name later', async () => {
    await listen(join(root, 'docker.sock'))
    const own = await listen(socket())
    const path = dirs.socketPath('a')
    rmSync(socket())
    symlinkSync(join(root, 'docker.sock'), socket())
    expect(await reaches(path)).toBe(true)
    await new Promise((resolve) => own.close(resolve))
    expect(await reaches(path)).toBe(false)
    expect(dirs.socketPath('a')).toBeUndefined()
  })

  test('is no file, directory or FIFO', () => {
    writeFileSync(socket(), '')
    expect(dirs.socketPath('a')).toBeUndefined()
    rmSync(socket())
    mkdirSync(socket())
    expect(dirs.socketPath('a')).toBeUndefined()
  })

  test('that an instance makes anew is the one that is reached from then on', async () => {
    await listen(socket())
    expect(await reaches(dirs.socketPath('a'))).toBe(true)
    rmSync(socket())
    await listen(join(root, 'new'))
    renameSync(join(root, 'new'), socket())
    expect(await reaches(dirs.socketPath('a'))).toBe(true)
  })
})

describe('the secret', () => {
  test('is there for a published port alone, new at each start, and for its user alone', async () => {
    await dirs.prepare('a', true)
    const first = await dirs.secret('a')
    expect(first).toMatch(/^\$argon2id\$[0-9a-f]{64}$/)
    expect(statSync(join(dirs.configDir('a'), 'config.yaml')).mode & 0o777).toBe(0o600)
    await dirs.prepare('a', true)
    expect(await dirs.secret('a')).not.toBe(first)
    await dirs.prepare('a', false)
    expect(await dirs.secret('a')).toBeUndefined()
  })

  test('is none when its file is gone', async () => {
    await dirs.prepare('a', true)
    await dirs.remove('a')
    expect(await dirs.secret('a')).toBeUndefined()
  })
})
