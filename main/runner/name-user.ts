import type Docker from 'dockerode'
import { buffer, text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import tar from 'tar-stream'

export interface Identity {
  uid: number
  gid: number
}

/** The text of `/etc/passwd` or `/etc/group` in which `coder` has these numbers and is found first under them. */
export function renumber(file: 'passwd' | 'group', content: string, { uid, gid }: Identity): string {
  const lines = content.split('\n').filter((line) => line !== '')
  const fields = lines.find((line) => line.startsWith('coder:'))?.split(':')
  const coder =
    file === 'passwd'
      ? ['coder', 'x', uid, gid, '', '/home/coder', fields?.[6] ?? '/bin/sh'].join(':')
      : ['coder', 'x', gid, ''].join(':')
  return [coder, ...lines.filter((line) => !line.startsWith('coder:')), ''].join('\n')
}

/** Makes `coder` of a created container the user `identity`, so that files made inside belong to the person outside. */
export async function nameUser(container: Docker.Container, identity: Identity): Promise<void> {
  const pack = tar.pack()
  for (const file of ['passwd', 'group'] as const) {
    const archive = await container.getArchive({ path: `/etc/${file}` })
    const content = renumber(file, await onlyFile(archive as Readable), identity)
    pack.entry({ name: file, mode: 0o644 }, content)
  }
  pack.finalize()
  await container.putArchive(await buffer(pack), { path: '/etc' })
}

async function onlyFile(archive: Readable): Promise<string> {
  for await (const entry of archive.pipe(tar.extract())) return text(entry)
  throw new Error('the engine sent an empty archive')
}
