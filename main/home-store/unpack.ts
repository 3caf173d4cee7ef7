import { createWriteStream } from 'node:fs'
import { lchown, mkdir, symlink } from 'node:fs/promises'
import { join, sep } from 'node:path'
import { pipeline } from 'node:stream/promises'
import type { Readable } from 'node:stream'
import tar from 'tar-stream'

const MAX_BYTES = 2 ** 30
const MAX_ENTRIES = 100_000

/**
 * Unpacks a tar stream whose entries lie under one top folder into `dir`, without that folder. For the skeleton that an
 * image ships in its home: files, directories and symbolic links; what else there may be is left out.
 * Links are made last, so that no name of the stream is ever followed out of `dir`.
 * @throws Error on a name that would leave `dir`, and on more than 1 GiB or 100,000 entries.
 */
export async function unpack(
  stream: Readable,
  dir: string,
  owner: { uid: number; gid: number } | undefined,
): Promise<void> {
  const links: { path: string; target: string }[] = []
  const own = async (path: string): Promise<void> => {
    if (owner) await lchown(path, owner.uid, owner.gid)
  }
  let bytes = 0
  let entries = 0
  const extract = tar.extract()
  stream.on('error', (error) => extract.destroy(error))
  for await (const entry of stream.pipe(extract)) {
    const { name, type, size, mode, linkname } = entry.header
    bytes += size
    if (bytes > MAX_BYTES || ++entries > MAX_ENTRIES) throw new Error("the image's home is too large to copy")
    const path = inside(dir, name)
    if (path !== undefined && type === 'directory') {
      await mkdir(path, { recursive: true, mode: (mode & 0o777) | 0o700 }) // what is in it comes after it
      await own(path)
    } else if (path !== undefined && type === 'file') {
      // wx: a name that is there already (and might be anything) is refused.
      await pipeline(entry, createWriteStream(path, { flags: 'wx', mode: mode & 0o777 }))
      await own(path)
    } else if (path !== undefined && type === 'symlink' && linkname) links.push({ path, target: linkname })
    entry.resume()
  }
  // A link below another would be made where that one leads: the longer name goes first, and finds no folder.
  for (const { path, target } of links.toSorted((a, b) => b.path.length - a.path.length)) {
    await symlink(target, path)
    await own(path)
  }
}

/** The path of an entry below the top folder; undefined for that folder itself. */
function inside(dir: string, name: string): string | undefined {
  const parts = name.split('/').filter((part) => part !== '' && part !== '.')
  if (
    name.startsWith('/') ||
    parts.some((part) => part === '..' || part.includes('\0') || (sep !== '/' && part.includes(sep)))
  )
    throw new Error(`the image's home holds a name that is not allowed: ${JSON.stringify(name)}`)
  return parts.length <= 1 ? undefined : join(dir, ...parts.slice(1))
}
