import { describe, expect, test } from 'vitest'
import { risksOf, type EngineInfo, type EngineVersion } from './risks.ts'

const INFO: EngineInfo = {
  ...{ NCPU: 2, OperatingSystem: 'Debian GNU/Linux 13 (trixie)', KernelVersion: '6.12.1' },
  ...{ SecurityOptions: ['name=apparmor', 'name=seccomp,profile=builtin', 'name=cgroupns'] },
  ...{ DefaultRuntime: 'runc', MemoryLimit: true, PidsLimit: true, CpuCfsQuota: true },
}
const DESKTOP: EngineInfo = { ...INFO, OperatingSystem: 'Docker Desktop', KernelVersion: '6.10.14-linuxkit' }
const ON_WINDOWS: EngineInfo = { ...DESKTOP, KernelVersion: '6.6.87.2-microsoft-standard-WSL2' }
const of = (parts: Record<string, string>, platform = 'Docker Engine - Community'): EngineVersion => ({
  Platform: { Name: platform },
  Components: Object.entries(parts).map(([Name, Version]) => ({ Name, Version })),
})
const FINE = { Engine: '29.1.0', containerd: 'v2.1.5', runc: '1.3.3' }
const desktop = (version: string): EngineVersion => of(FINE, `Docker Desktop ${version} (202357)`)

interface Case {
  info?: EngineInfo
  version?: EngineVersion
  platform?: NodeJS.Platform
  published?: boolean
}
const risksIn = ({ info = INFO, version = of(FINE), platform = 'linux', published = false }: Case) =>
  risksOf(info, version, platform, published)

const FOUND: [string, RegExp, Case][] = [
  [
    'an old Docker Desktop of a Mac',
    /CVE-2025-9074/,
    { info: DESKTOP, version: desktop('4.44.2'), platform: 'darwin' },
  ],
  [
    'an old Docker Desktop of Windows',
    /Desktop 4\.9\.0 .*CVE-2025-9074/,
    { info: ON_WINDOWS, version: desktop('4.9.0'), platform: 'win32' },
  ],
  [
    'the same, from its Linux',
    /CVE-2025-9074/,
    { info: ON_WINDOWS, version: desktop('4.43.9'), platform: 'linux' },
  ],
  ['runc before 1.2.8', /runc 1\.2\.7 .*CVE-2025-31133/, { version: of({ ...FINE, runc: '1.2.7' }) }],
  ['runc before 1.3.3', /runc 1\.3\.2 /, { version: of({ ...FINE, runc: '1.3.2' }) }],
  ['a candidate of runc 1.3', /runc 1\.3\.0-rc\.1 /, { version: of({ ...FINE, runc: '1.3.0-rc.1' }) }],
  ['a candidate of runc 1.4', /runc 1\.4\.0-rc\.2 /, { version: of({ ...FINE, runc: '1.4.0-rc.2' }) }],
  ['the runc of a distribution', /runc 1\.1\.5\+ds1 /, { version: of({ ...FINE, runc: '1.1.5+ds1' }) }],
  ['no seccomp', /seccomp/, { info: { ...INFO, SecurityOptions: ['name=apparmor'] } }],
  [
    'seccomp that was switched off',
    /seccomp/,
    { info: { ...INFO, SecurityOptions: ['name=seccomp,profile=unconfined'] } },
  ],
  ['limits that are none', /memory, CPU time/, { info: { ...INFO, MemoryLimit: false, CpuCfsQuota: false } }],
  [
    'a rootless engine',
    /rootless/,
    { info: { ...INFO, SecurityOptions: ['name=seccomp', 'name=rootless'] } },
  ],
  ['remapped users', /remapped/, { info: { ...INFO, SecurityOptions: ['name=seccomp', 'name=userns'] } }],
]

const QUIET: [string, Case][] = [
  ['what is new', {}],
  ['what is new, with ports', { published: true }],
  [
    'a new Docker Desktop',
    { info: DESKTOP, version: desktop('4.44.3'), platform: 'darwin', published: true },
  ],
  ['a much newer one', { info: DESKTOP, version: desktop('5.0.0'), platform: 'win32', published: true }],
  [
    'an old Docker Desktop of Linux',
    { info: DESKTOP, version: desktop('4.40.0'), platform: 'linux', published: true },
  ],
  [
    'a Docker Desktop that names no version',
    { info: DESKTOP, version: of(FINE, 'Docker Desktop'), platform: 'darwin' },
  ],
  [
    'ports in the virtual machine of a Docker Desktop',
    {
      info: DESKTOP,
      version: of({ ...FINE, Engine: '27.0.1' }, 'Docker Desktop 4.50.0 (1)'),
      platform: 'darwin',
      published: true,
    },
  ],
  ['an old engine without ports', { version: of({ ...FINE, Engine: '20.10.24+dfsg1' }) }],
  [
    'Podman, whose versions are its own',
    { version: of({ 'Podman Engine': '4.9.3', Conmon: '2.1.10' }), published: true },
  ],
  [
    'versions that cannot be read',
    {
      version: of({ Engine: 'dev', runc: 'unknown' }, 'Docker Desktop latest'),
      platform: 'darwin',
      published: true,
    },
  ],
  ['no versions', { version: {}, published: true }],
  [
    'an engine that says nothing of itself',
    { info: { NCPU: 1, OperatingSystem: '' }, version: {}, platform: 'darwin' },
  ],
  [
    'an old runc that is not used',
    { info: { ...INFO, DefaultRuntime: 'crun' }, version: of({ ...FINE, runc: '1.1.0' }) },
  ],
  ['runc 1.2.8', { version: of({ ...FINE, runc: '1.2.8' }) }],
  ['runc 1.2.9', { version: of({ ...FINE, runc: '1.2.9' }) }],
  ['runc 1.4.0-rc.3', { version: of({ ...FINE, runc: '1.4.0-rc.3' }) }],
  ['runc 1.4.0', { version: of({ ...FINE, runc: 'v1.4.0' }) }],
  [
    'remapped users where the engine maps owners anyway',
    {
      info: { ...DESKTOP, SecurityOptions: ['name=seccomp,profile=builtin', 'name=userns'] },
      version: desktop('4.50.0'),
      platform: 'darwin',
    },
  ],
]

describe('C8: what weakens isolation is told', () => {
  test.each(FOUND)('%s', (_, message, world) => {
    const risks = risksIn(world)
    expect(risks).toEqual([{ message: expect.stringMatching(message), hint: expect.stringMatching(/\w/) }])
  })

  test('all of it at once, one beside the other', () => {
    const info = { ...INFO, SecurityOptions: [] }
    const version = of({ Engine: '20.10.24+dfsg1', runc: '1.1.5+ds1' })
    expect(risksIn({ info, version, published: true })).toHaveLength(3)
  })
})

describe('C8: nothing false is told of', () => {
  test.each(QUIET)('%s', (_, world) => {
    expect(risksIn(world)).toEqual([])
  })
})

test('C3: an engine that shows published ports to the neighbours is told of where there are any', () => {
  for (const Engine of ['27.5.1', '20.10.24+dfsg1', 'v26.0.0', '28.0.0-rc.1']) {
    const version = of({ ...FINE, Engine })
    expect(risksIn({ version, published: true })).toEqual([
      { message: expect.stringContaining(Engine), hint: expect.stringContaining('28.0.0') },
    ])
    expect(risksIn({ version, published: false })).toEqual([])
  }
  expect(risksIn({ version: of({ ...FINE, Engine: '28.0.0' }), published: true })).toEqual([])
})
