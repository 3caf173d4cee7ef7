import { describe, expect, test } from 'vitest'
import { idOf, rowOf } from '../testing/rows.ts'
import { codeServerConfig, containerSpec, seedSpec } from './container-spec.ts'

const spec = {
  ...{ id: idOf(1), imageRef: 'image:1', homePath: '/store/home' },
  ...{ cpus: 1.5, memoryBytes: 2 ** 30, sudo: false, env: {} },
}
const context = {
  labels: { 'io.berth.installation': 'i' },
  network: 'berth-i',
  configDir: '/data/run/x/config',
  socketDir: '/data/run/x/socket',
  identity: { uid: 501, gid: 20 },
  published: false,
  proxyUri: 'http://{{port}}--x.localhost:1/',
}

describe('C1: an instance', () => {
  const made = containerSpec(spec, context)
  const host = made.HostConfig!

  test('has no privilege, and can get none', () => {
    expect(host).toMatchObject({ CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] })
    for (const name of [
      'Privileged',
      'CapAdd',
      'Devices',
      'PidMode',
      'UsernsMode',
      'VolumesFrom',
      'GroupAdd',
    ])
      expect(host, name).not.toHaveProperty(name)
    expect(host.IpcMode).toBe('private')
  })

  test('can become root of its container only where the person wants that, and is else the same', () => {
    const withSudo = containerSpec({ ...spec, sudo: true }, context)
    const { CapAdd, ...rest } = withSudo.HostConfig!
    const { SecurityOpt, ...others } = host
    expect({ ...withSudo, HostConfig: rest }).toEqual({ ...made, HostConfig: others })
    expect(SecurityOpt).toEqual(['no-new-privileges'])
    expect(CapAdd).toEqual(expect.arrayContaining(['SETUID', 'SETGID', 'DAC_OVERRIDE', 'CHOWN']))
    for (const name of [
      'ALL',
      'NET_RAW',
      'NET_ADMIN',
      'MKNOD',
      'SYS_PTRACE',
      'SYS_ADMIN',
      'SETFCAP',
      'DAC_READ_SEARCH',
    ])
      expect(CapAdd).not.toContain(name)
  })

  test('says nothing of the engine’s filter of system calls, which so holds', () => {
    for (const sudo of [false, true])
      expect(JSON.stringify(containerSpec({ ...spec, sudo }, context))).not.toMatch(
        /seccomp|apparmor|unconfined/,
      )
  })

  test('has a limit on everything that it could use up', () => {
    expect(host).toMatchObject({ Memory: 2 ** 30, MemorySwap: 2 ** 30, NanoCpus: 1_500_000_000 })
    expect(host.PidsLimit).toBeGreaterThan(0)
    expect(host.LogConfig).toEqual({ Type: 'json-file', Config: { 'max-size': '5m', 'max-file': '2' } })
  })

  test('runs as the person, or as the image’s user where the engine maps owners, and never as root', () => {
    expect(made.User).toBe('501:20')
    expect(containerSpec(spec, { ...context, identity: undefined }).User).toBe('coder')
  })

  test('C4: sees of the host its home, its configuration (to read) and its socket’s place, which must be there, and nothing else', () => {
    expect(host.Mounts).toEqual([
      { Type: 'bind', Source: '/store/home', Target: '/home/coder' },
      { Type: 'bind', Source: '/data/run/x/config', Target: '/run/berth', ReadOnly: true },
      { Type: 'bind', Source: '/data/run/x/socket', Target: '/run/berth-socket' },
    ])
    expect(host).not.toHaveProperty('Binds')
    expect(JSON.stringify(made)).not.toContain('docker.sock')
  })

  test('C3: opens no port, or one on 127.0.0.1', () => {
    expect(host).not.toHaveProperty('PortBindings')
    expect(made).not.toHaveProperty('ExposedPorts')
    const published = containerSpec(spec, { ...context, published: true })
    expect(published.HostConfig!.PortBindings).toEqual({
      '8080/tcp': [{ HostIp: '127.0.0.1', HostPort: '' }],
    })
  })

  test('is on Berth’s own network, under its own name and labels, and is not started again by the engine', () => {
    expect(made.name).toBe(`ws-${spec.id}`)
    expect(made.Labels).toEqual({
      'io.berth.installation': 'i',
      'io.berth.workspace': spec.id,
      'io.berth.purpose': 'instance',
    })
    expect(host).toMatchObject({ NetworkMode: 'berth-i', RestartPolicy: { Name: 'no' } })
  })
})

test('C1: what a home is seeded from has neither a network nor a privilege', () => {
  expect(seedSpec('image:1', context.labels)).toEqual({
    Image: 'image:1',
    Cmd: ['code-server'],
    Labels: { 'io.berth.installation': 'i', 'io.berth.purpose': 'seed' },
    HostConfig: {
      ...{ CapDrop: ['ALL'], SecurityOpt: ['no-new-privileges'] },
      ...{ IpcMode: 'private', NetworkMode: 'none', RestartPolicy: { Name: 'no' } },
    },
  })
})

test('what runs in an instance has the variables that the person gave it, beside Berth’s own', () => {
  const { Env = [] } = containerSpec({ ...spec, env: { GREETING: 'a = b', EMPTY: '' } }, context)
  expect(Env).toEqual(expect.arrayContaining(['GREETING=a = b', 'EMPTY=', 'HOME=/home/coder']))
})

describe('code-server is told', () => {
  test('where a port inside is reached', () => {
    expect(containerSpec(spec, context).Env).toContain('VSCODE_PROXY_URI=http://{{port}}--x.localhost:1/')
  })

  test('to keep terminals for longer than work in them holds off an idle stop', () => {
    const { Env = [] } = containerSpec(spec, context)
    const [, seconds] = /^CODE_SERVER_RECONNECTION_GRACE_TIME=(\d+)$/m.exec(Env.join('\n'))!
    expect(Number(seconds)).toBeGreaterThan(rowOf(spec.id).busyCapSeconds)
  })

  test('to listen on its socket alone, which is its user’s alone', () => {
    expect(JSON.parse(codeServerConfig(undefined))).toMatchObject({
      socket: '/run/berth-socket/s',
      'socket-mode': '600',
      auth: 'none',
    })
    expect(codeServerConfig(undefined)).not.toContain('bind-addr')
  })

  test('E14: its secret in a file, and in nothing that the engine shows', () => {
    const config = JSON.parse(codeServerConfig('$argon2id$secret'))
    expect(config).toMatchObject({ auth: 'password', 'hashed-password': '$argon2id$secret' })
    expect(JSON.stringify(containerSpec(spec, { ...context, published: true }))).not.toMatch(
      /secret|password/i,
    )
  })
})
