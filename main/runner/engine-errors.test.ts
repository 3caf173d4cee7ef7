import { connect } from 'node:net'
import { join } from 'node:path'
import Docker from 'dockerode'
import { describe, expect, test } from 'vitest'
import { AppError } from '../core/errors.ts'
import { tempDir } from '../testing/temp-dir.ts'
import { startRawCanary } from '../testing/canary.ts'
import { engineError, messageOf, statusOf } from './engine-errors.ts'

/** An engine that answers everything with this status and message. */
async function refusal(status: number, message: string): Promise<unknown> {
  const body = JSON.stringify({ message })
  const head = `HTTP/1.1 ${status} Whatever\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  const upstream = await startRawCanary(head + body)
  const docker = new Docker({ socketPath: (upstream as { socketPath: string }).socketPath })
  return docker
    .getContainer('x')
    .start()
    .catch((error: unknown) => error)
}
const withErrno = (code: string): Error => Object.assign(new Error(`connect ${code}`), { code })

describe('an engine that is not there', () => {
  test('is unreachable, and so is one that ends in the middle of a call', async () => {
    const nowhere = new Docker({ socketPath: join(tempDir(), 'none') })
    const error = await nowhere.version().catch((thrown: unknown) => thrown)
    expect(engineError(error)).toMatchObject({ code: 'DOCKER_UNREACHABLE', cause: error })
    expect(engineError(error).message, 'where it was looked for').toMatch(/berth-unit-.*none/)

    const cutOff = await startRawCanary('', (socket) => void socket.destroy())
    const docker = new Docker({ socketPath: (cutOff as { socketPath: string }).socketPath })
    expect(engineError(await docker.version().catch((thrown: unknown) => thrown))).toMatchObject({
      code: 'DOCKER_UNREACHABLE',
    })
  })

  test('that says nothing for as long as it is waited for is unreachable', async () => {
    const mute = await startRawCanary('', () => undefined)
    const docker = new Docker({ socketPath: (mute as { socketPath: string }).socketPath })
    const error = await docker
      .listContainers({ abortSignal: AbortSignal.timeout(50) })
      .catch((thrown: unknown) => thrown)
    expect(engineError(error)).toMatchObject({
      code: 'DOCKER_UNREACHABLE',
      message: 'Docker does not answer',
    })
  })

  test('on a port is unreachable too', async () => {
    const error = await new Promise((resolve) => connect(1, '127.0.0.1').on('error', resolve))
    expect(engineError(error)).toMatchObject({ code: 'DOCKER_UNREACHABLE' })
  })

  test.each(['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENOTFOUND'])(
    'is what %s means',
    (code) => {
      expect(engineError(withErrno(code)).code).toBe('DOCKER_UNREACHABLE')
    },
  )

  test.each(['EACCES', 'EPERM'])('to this user (%s) says how to be let in', (code) => {
    const known = engineError(withErrno(code))
    expect(known.code).toBe('DOCKER_UNREACHABLE')
    expect(known.hint).toContain('usermod -aG docker')
  })
})

test('trouble of our own is not taken for an engine that is not there', () => {
  for (const code of ['EMFILE', 'ENOMEM', 'ERR_INVALID_ARG_TYPE'])
    expect(engineError(withErrno(code)).code).toBe('DOCKER_FAILED')
})

describe('an engine that refuses', () => {
  test('is quoted in its own words, without those of the library', async () => {
    const error = await refusal(500, 'driver failed programming external connectivity')
    const known = engineError(error)
    expect(known).toMatchObject({
      code: 'DOCKER_FAILED',
      message: 'driver failed programming external connectivity',
      cause: error,
    })
    expect(statusOf(error)).toBe(500)
  })

  test('for want of space says that the disk is full', async () => {
    const message = 'write /var/lib/docker/tmp/x: no space left on device'
    expect(engineError(await refusal(500, message))).toMatchObject({ code: 'DISK_FULL', message })
  })

  test.each([404, 409])('with %i can be told from any other refusal', async (status) => {
    const error = await refusal(status, 'x')
    expect(statusOf(error)).toBe(status)
  })
})

test('what is known already stays as it is', () => {
  const known = new AppError('IMAGE_NOT_FOUND')
  expect(engineError(known)).toBe(known)
})

test('what is no error of an engine has no status, and speaks for itself', () => {
  for (const thrown of [new Error('x'), 'x', null, undefined, { statusCode: 'x' }])
    expect(statusOf(thrown)).toBeUndefined()
  expect(messageOf(new Error('x'))).toBe('x')
  expect(messageOf('x')).toBe('x')
  expect(engineError(new TypeError('x is undefined'))).toMatchObject({
    code: 'DOCKER_FAILED',
    message: 'x is undefined',
  })
})
