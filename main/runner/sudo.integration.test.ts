import { beforeAll, describe, expect, test } from 'vitest'
import { confinementFaults, containerOf, exec } from '../testing/containers.ts'
import { useBench } from '../testing/harness.ts'
import { idOf } from '../testing/rows.ts'

const bench = useBench()
const { docker } = bench

type TestRunner = Awaited<ReturnType<typeof bench.runner>>
/** As root the tests can run workspaces as anybody: as the image's own user, and as one that it does not know. */
const identities =
  process.getuid?.() === 0
    ? [
        { uid: 1000, gid: 1000 },
        { uid: 1234, gid: 1235 },
      ]
    : [{ uid: process.getuid!(), gid: process.getgid!() }]
/** AUDIT_WRITE, SYS_CHROOT, NET_BIND_SERVICE, SETUID, SETGID, KILL, FSETID, FOWNER, DAC_OVERRIDE and CHOWN (linux/capability.h). */
const ROOT_MAY = '00000000200404fb'
const NONE = '0'.repeat(16)

const random = (): string => idOf(Math.floor(Math.random() * 2 ** 48))
const [plain, first] = [random(), random()]
let runner: TestRunner
beforeAll(async () => {
  runner = await bench.runner({ identity: identities[0]! })
  await Promise.all([runner.start(plain), runner.start(first, { sudo: true })])
})

/** What the kernel says of a program that `command` runs. */
async function statusOf(id: string, command = ''): Promise<Record<string, string>> {
  const { stdout } = await exec(
    docker,
    id,
    `${command} grep -E "^(Cap|NoNewPrivs|Seccomp:)" /proc/self/status`,
  )
  return Object.fromEntries(stdout.split('\n').map((line) => line.split(/:\s+/) as [string, string]))
}

describe.each(identities)('C1: with sudo, as $uid:$gid,', ({ uid, gid }) => {
  let id: string
  beforeAll(async () => {
    if (uid === identities[0]!.uid) return void (id = first)
    id = random()
    const another = await bench.runner({ identity: { uid, gid } })
    await another.start(id, { sudo: true })
  })

  test('programs become root by asking', async () => {
    expect((await exec(docker, id, 'id -un; id -u; id -g')).stdout).toBe(`coder\n${uid}\n${gid}`)
    expect(await exec(docker, id, 'sudo -n true')).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await exec(docker, id, "sudo -n sh -c 'id -u'")).stdout).toBe('0')
    expect((await exec(docker, id, 'sudo -n -u coder id -u')).stdout).toBe(`${uid}`)
  })

  test('root can do what installing and serving need', async () => {
    const works = [
      'sudo -n useradd somebody && sudo -n passwd -d somebody',
      'sudo -n su somebody -s /bin/sh -c id',
      'sudo -n install -D -o somebody -m 4755 /bin/true /opt/made/true && /opt/made/true',
      'sudo -n chown somebody /etc/hostname && sudo -n chmod 600 /opt/made',
      'sudo -n chroot / true',
      'sudo -n sh -c "sleep 60 & kill \\$!"',
      'sudo -n dpkg --configure -a && sudo -n apt-get check',
      'touch mine && sudo -n cat mine && sudo -n touch theirs && sudo -n chown coder theirs && rm mine theirs',
    ]
    for (const command of works) {
      const { code, stderr } = await exec(docker, id, command)
      expect([command, code, stderr]).toEqual([command, 0, expect.any(String)])
    }
  })

  test('the rest of its confinement is what it was', async () => {
    expect(confinementFaults((await containerOf(docker, id))!, true)).toEqual([])
  })

  test('the kernel gives programs nothing until they ask, and root no more than that', async () => {
    const alike = { CapInh: NONE, CapAmb: NONE, CapBnd: ROOT_MAY, NoNewPrivs: '0', Seccomp: '2' }
    expect(await statusOf(id)).toEqual({ ...alike, CapPrm: NONE, CapEff: NONE })
    expect(await statusOf(id, 'sudo -n')).toEqual({ ...alike, CapPrm: ROOT_MAY, CapEff: ROOT_MAY })
  })

  test.each([
    'mknod /tmp/disk b 8 0',
    'mknod /tmp/null c 1 3',
    'mount -t tmpfs none /mnt',
    'mount --bind / /mnt',
    'mount -o remount,rw /sys/fs/cgroup',
    'umount /proc/sys',
    'unshare -m true',
    'unshare -Ur true',
    'nsenter -t 1 -m true',
    'echo x > /proc/sys/kernel/core_pattern',
    'echo b > /proc/sysrq-trigger',
    'echo 1 > /proc/sys/net/ipv4/ip_forward',
    'echo -1 > $(find /sys/fs/cgroup -maxdepth 2 -name memory.limit_in_bytes -o -maxdepth 2 -name memory.max)',
    'dmesg',
    'chroot /proc/1/root/../../.. ls /var/lib/docker/containers',
    'ls /var/run/docker.sock /run/docker.sock /run/containerd',
    'curl -sm 2 --unix-socket /var/run/docker.sock http://x/_ping',
    'echo x > /run/berth/config.yaml',
    'rm -f /run/berth/config.yaml',
    'hostname another',
  ])('even root cannot: %s', async (command) => {
    // That sudo runs it is what makes its failure mean something.
    const { code, stdout } = await exec(docker, id, `sudo -n sh -c 'echo asked as $(id -u); ${command}'`)
    expect([stdout.split('\n')[0], code]).not.toEqual(['asked as 0', 0])
    expect(stdout).toMatch(/^asked as 0/)
  })
})

test('C1: without it nothing becomes root', async () => {
  for (const command of [
    'sudo -n true',
    "sudo -n sh -c 'id -u'",
    'su -c id < /dev/null',
    '/usr/bin/sudo -n -u coder true',
  ])
    expect([command, (await exec(docker, plain, command)).code]).not.toEqual([command, 0])
  expect((await exec(docker, plain, 'sudo -n true')).stderr).toContain('no new privileges')
  expect(confinementFaults((await containerOf(docker, plain))!, false)).toEqual([])
  const none = { CapInh: NONE, CapAmb: NONE, CapBnd: NONE, CapPrm: NONE, CapEff: NONE }
  expect(await statusOf(plain)).toEqual({ ...none, NoNewPrivs: '1', Seccomp: '2' })
})

test('a root that says endless things of where servers listen is not listened to for ever', async () => {
  const liar = '#!/bin/sh\nexec yes "   0: 00000000:0BB8 00000000:0000 0A "\n'
  const put = await exec(
    docker,
    first,
    `printf '%s' '${liar}' > cat && sudo -n install -m 755 cat "$(command -v cat)"`,
  )
  expect(put).toMatchObject({ code: 0 })
  expect(await runner.listening(first)).toEqual([{ port: 3000, exposed: true }])
})
