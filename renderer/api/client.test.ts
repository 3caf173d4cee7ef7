import { expect, it, vi } from 'vitest'
import { ApiError, createClient, toApiError } from './client.ts'

function clientFor(answer: () => Promise<Response>, token: string | null = 'secret') {
  const fetch = vi.fn<typeof globalThis.fetch>(answer)
  const onUnauthorized = vi.fn()
  return { fetch, onUnauthorized, client: createClient({ token: () => token, onUnauthorized, fetch }) }
}

const problem = (status: number) =>
  Promise.resolve(
    Response.json(
      { title: 'The disk is full', detail: '2 GB needed', hint: 'Free some space', code: 'DISK_FULL' },
      { status },
    ),
  )

it('sends JSON with the bearer token, a body even where there is nothing to say', async () => {
  const { client, fetch } = clientFor(() => Promise.resolve(new Response(null, { status: 202 })))
  await client.command('01a', 'stop')
  expect(fetch).toHaveBeenCalledWith(
    '/api/v1/workspaces/01a:stop',
    expect.objectContaining({
      method: 'POST',
      body: '{}',
      headers: {
        Accept: 'application/json',
        Authorization: 'Bearer secret',
        'Content-Type': 'application/json',
      },
    }),
  )
})

it('turns a problem document into words', async () => {
  const { client } = clientFor(() => problem(507))
  const error = await client.create({ name: 'x' }).catch((caught: unknown) => caught)
  expect(error).toMatchObject({
    status: 507,
    message: 'The disk is full',
    code: 'DISK_FULL',
    detail: '2 GB needed',
    hint: 'Free some space',
  })
})

it('has words for an answer that is no problem document, and for no answer', async () => {
  const strange = clientFor(() => Promise.resolve(new Response('<html>', { status: 502 })))
  await expect(strange.client.remove('01a')).rejects.toMatchObject({
    status: 502,
    detail: 'The answer was HTTP 502.',
  })
  const silent = clientFor(() => Promise.reject(new TypeError('Failed to fetch')))
  await expect(silent.client.remove('01a')).rejects.toMatchObject({
    status: 0,
    message: 'Berth does not answer',
  })
})

it('tells which token was refused, but not for a failed sign-in', async () => {
  const { client, onUnauthorized } = clientFor(() => problem(401))
  await expect(client.login({ token: 'wrong' })).rejects.toThrow(ApiError)
  expect(onUnauthorized).not.toHaveBeenCalled()
  await expect(client.system()).rejects.toThrow(ApiError)
  expect(onUnauthorized).toHaveBeenCalledWith('secret')
})

it('opens the editor, a path of it, or a port', async () => {
  const { client, fetch } = clientFor(() => Promise.resolve(Response.json({ url: 'http://x.localhost/' })))
  await expect(client.open('01a')).resolves.toBe('http://x.localhost/')
  await client.open('01a', { path: '/w/01a/?folder=/home' })
  await client.open('01a', { path: undefined })
  await client.open('01a', { port: 3000 })
  expect(fetch.mock.calls.map(([, init]) => init?.body)).toEqual([
    '{}',
    '{"path":"/w/01a/?folder=/home"}',
    '{}',
    '{"port":3000}',
  ])
})

it('asks for each part of sharing at its address', async () => {
  const shared = { share: {}, link: 'https://192.168.1.2:43111/w/01a/#secret' }
  const { client, fetch } = clientFor(() => Promise.resolve(Response.json({ items: [], ...shared })))
  await expect(client.share('01a', { mode: 'DOORBELL', expires_in_seconds: null })).resolves.toMatchObject(
    shared,
  )
  await client.patchShare('01b', { wakes: true })
  await client.stopShare('01b')
  await client.allowGuest('01c')
  await client.removeGuest('01c')
  await expect(client.ports('01a')).resolves.toEqual([])
  const asked = fetch.mock.calls.map(([url, init]) => [init?.method, url, init?.body])
  expect(asked).toEqual([
    ['POST', '/api/v1/workspaces/01a/shares', '{"mode":"DOORBELL","expires_in_seconds":null}'],
    ['PATCH', '/api/v1/shares/01b', '{"wakes":true}'],
    ['DELETE', '/api/v1/shares/01b', undefined],
    ['POST', '/api/v1/guests/01c:allow', '{}'],
    ['DELETE', '/api/v1/guests/01c', undefined],
    ['GET', '/api/v1/workspaces/01a/ports', undefined],
  ])
})

it('asks for each part of the lifecycle at its address', async () => {
  const { client, fetch } = clientFor(() => Promise.resolve(Response.json({ items: [], text: 'log' })))
  await client.workspace('01a')
  await client.command('01a', 'archive')
  await client.restoreFrom('01a', '01a/op/home.tar.zst')
  await client.patch('01a', { keep_awake_until: null })
  await expect(client.archives('01a')).resolves.toEqual([])
  await client.history('01a')
  await expect(client.log('01a')).resolves.toBe('log')
  await client.trash()
  await client.putBack('01a')
  await client.purge('01a')
  await client.found()
  await client.adopt(['01a'])
  await client.removeFound('01a')
  const asked = fetch.mock.calls.map(([url, init]) => [init?.method, url, init?.body])
  expect(asked).toEqual([
    ['GET', '/api/v1/workspaces/01a', undefined],
    ['POST', '/api/v1/workspaces/01a:archive', '{}'],
    ['POST', '/api/v1/workspaces/01a:restore', '{"archive_key":"01a/op/home.tar.zst"}'],
    ['PATCH', '/api/v1/workspaces/01a', '{"keep_awake_until":null}'],
    ['GET', '/api/v1/workspaces/01a/archives', undefined],
    ['GET', '/api/v1/workspaces/01a/history', undefined],
    ['GET', '/api/v1/workspaces/01a/logs?lines=200', undefined],
    ['GET', '/api/v1/trash', undefined],
    ['POST', '/api/v1/trash/01a:restore', '{}'],
    ['DELETE', '/api/v1/trash/01a', undefined],
    ['GET', '/api/v1/found', undefined],
    ['POST', '/api/v1/found:adopt', '{"ids":["01a"]}'],
    ['DELETE', '/api/v1/found/01a', undefined],
  ])
})

it('asks for accounts and sessions at their addresses', async () => {
  const { client, fetch } = clientFor(() =>
    Promise.resolve(Response.json({ items: [], user: { name: 'ada' } })),
  )
  await client.login({ name: 'ada', password: 'correct horse' })
  await client.renew('kept')
  await expect(client.user()).resolves.toEqual({ name: 'ada' })
  await client.user('of another tab')
  await client.accounts()
  await client.addAccount('bob', 'battery staple')
  await client.patchAccount('01a', { password: 'battery staple' })
  await client.removeAccount('01a')
  await client.rotate()
  await client.logout()
  const asked = fetch.mock.calls.map(([url, init]) => [
    init?.method,
    url,
    (init?.headers as Record<string, string>)['Authorization'],
    init?.body,
  ])
  expect(asked).toEqual([
    ['POST', '/api/v1/login', undefined, '{"name":"ada","password":"correct horse"}'],
    ['POST', '/api/v1/session:renew', 'Bearer kept', '{}'],
    ['GET', '/api/v1/session', 'Bearer secret', undefined],
    ['GET', '/api/v1/session', 'Bearer of another tab', undefined],
    ['GET', '/api/v1/accounts', 'Bearer secret', undefined],
    ['POST', '/api/v1/accounts', 'Bearer secret', '{"name":"bob","password":"battery staple"}'],
    ['PATCH', '/api/v1/accounts/01a', 'Bearer secret', '{"password":"battery staple"}'],
    ['DELETE', '/api/v1/accounts/01a', 'Bearer secret', undefined],
    ['POST', '/api/v1/secrets:rotate', 'Bearer secret', '{}'],
    ['POST', '/api/v1/logout', 'Bearer secret', '{}'],
  ])
})

it('does not take a wrong password for the end of the session', async () => {
  const { client, onUnauthorized } = clientFor(() =>
    Promise.resolve(Response.json({ title: 'Wrong', code: 'WRONG_PASSWORD' }, { status: 401 })),
  )
  await expect(client.patchAccount('01a', {})).rejects.toMatchObject({ code: 'WRONG_PASSWORD' })
  expect(onUnauthorized).not.toHaveBeenCalled()
})

it('takes off what Electron puts around an error', () => {
  const error = new Error("Error invoking remote method 'open': AppError: Docker is not reachable")
  expect(toApiError(error).detail).toBe('Docker is not reachable')
})
