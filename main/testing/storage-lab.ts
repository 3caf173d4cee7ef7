import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { PassThrough } from 'node:stream'
import type Docker from 'dockerode'
import { NODE } from './containers.ts'
import type * as lab from './storage-lab.mjs'

type Lab = typeof lab

/**
 * Runs one of the functions of storage-lab.mjs as root in a container of its own, in which `/t` is `dir`, and `/small` a
 * disk of 160 MB. `path`: where that container looks for programs.
 */
export async function inLab<Name extends keyof Lab>(
  {
    docker,
    image,
    labels,
    dir,
    path,
  }: { docker: Docker; image: string; labels: Record<string, string>; dir: string; path?: string },
  name: Name,
  argument?: Parameters<Lab[Name]>[0],
): Promise<Awaited<ReturnType<Lab[Name]>>> {
  const program = `
    import { readFileSync } from 'node:fs'
    const lab = await import('/main/testing/storage-lab.mjs')
    process.stdout.write(JSON.stringify(await lab[${JSON.stringify(name)}](JSON.parse(readFileSync(0, 'utf8')))) ?? 'null')`
  const container = await docker.createContainer({
    Image: image,
    Labels: labels,
    User: '0:0',
    WorkingDir: '/',
    ...(path !== undefined && { Env: [`PATH=${path}`] }),
    OpenStdin: true,
    StdinOnce: true,
    Entrypoint: ['/bin/sh', '-c', `exec ${NODE} --input-type=module -e "$0"`],
    Cmd: [program],
    HostConfig: {
      NetworkMode: 'none',
      Tmpfs: { '/small': 'size=160m' },
      Mounts: [
        { Type: 'bind', Source: dir, Target: '/t' },
        { Type: 'bind', Source: join(import.meta.dirname, '..'), Target: '/main', ReadOnly: true },
      ],
    },
  })
  try {
    const attached = await container.attach({
      stream: true,
      hijack: true,
      stdin: true,
      stdout: true,
      stderr: true,
    })
    const [stdout, stderr] = [new PassThrough(), new PassThrough()]
    docker.modem.demuxStream(attached, stdout, stderr)
    attached.on('close', () => (stdout.end(), stderr.end()))
    await container.start()
    attached.end(JSON.stringify(argument ?? null))
    const [said, words] = await Promise.all([text(stdout), text(stderr)])
    if (said === '') throw new Error(`the lab failed: ${words}`)
    return JSON.parse(said) as Awaited<ReturnType<Lab[Name]>>
  } finally {
    await container.remove({ force: true, v: true })
  }
}
