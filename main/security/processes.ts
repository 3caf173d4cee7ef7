import { readFileSync, readdirSync, readlinkSync } from 'node:fs'

const LISTENS = '0A'

/** Where a process listens for TCP, by the kernel's own tables: `127.0.0.1:8080`, `[::]:80`. */
export function listenersOf(pid: number): string[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap(
      (fd) => /^socket:\[(\d+)\]$/.exec(targetOf(`/proc/${pid}/fd/${fd}`))?.[1] ?? [],
    ),
  )
  return ['tcp', 'tcp6'].flatMap((table) =>
    readFileSync(`/proc/${pid}/net/${table}`, 'utf8')
      .split('\n')
      .slice(1)
      .map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[3] === LISTENS && inodes.has(fields[9] ?? ''))
      .map((fields) => inWords(fields[1]!)),
  )
}

function targetOf(link: string): string {
  try {
    return readlinkSync(link)
  } catch {
    return '' // closed in the meantime
  }
}

/** The kernel writes each four bytes of an address as a number of this machine's, in hexadecimal. */
function inWords(local: string): string {
  const [address = '', port = ''] = local.split(':')
  const bytes = [...address.matchAll(/../g)].map(([pair]) => Number.parseInt(pair, 16))
  const ordered = Array.from({ length: bytes.length / 4 }, (_, n) =>
    bytes.slice(n * 4, n * 4 + 4).reverse(),
  ).flat()
  const host =
    ordered.length === 4
      ? ordered.join('.')
      : `[${ordered.every((byte) => byte === 0) ? '::' : ordered.join('.')}]`
  return `${host}:${Number.parseInt(port, 16)}`
}

/** The command line of every process there is. */
export function commandLines(): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
      } catch {
        return [] // it has ended in the meantime
      }
    })
}
