/** A home with files of all kinds, and what it looks like to the last bit. None of it uses code of the product. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  lchownSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { createRandom } from './random.ts'

const FILES = 1_450
const DIRECTORIES = 160
const SYMLINKS = 150
const HARD_LINKS = 120
const PIPES = 20
const SPARSE = 20
const ATTRIBUTED = 60

/** Names that are easily mangled. */
const ODD_NAMES = [
  ' leading and trailing ',
  'new\nline',
  'tab\tand\rreturn',
  '-rf',
  '--checkpoint-action=exec=sh',
  '*',
  'back\\slash',
  '\\n',
  '\\101',
  'quo"te\'s',
  '$(touch owned)',
  'über-größe',
  'u\u0308ber', // the same letter in two signs
  '日本語',
  '🚢⚓',
  'a -> b',
  'a link to b',
  '.hidden',
  '...',
  '~',
  '#emacs#',
  'x'.repeat(255),
  '界'.repeat(85),
].map((name) => Buffer.from(name))
const NO_TEXT = [[0x66, 0xff, 0xfe], [0x80], [0xc3, 0x28], [0x01, 0x7f], [0xed, 0xa0, 0x80]].map((bytes) =>
  Buffer.from(bytes),
)

/** Times in seconds: of ordinary files, and others. */
const TIMES = [
  1_700_000_000.123456,
  1_234_567_890.5,
  0,
  1.000001,
  -86_400.25,
  4_102_444_800.75,
  2 ** 31 + 0.5,
]
const FILE_MODES = [0o644, 0o600, 0o755, 0o000, 0o444, 0o4755, 0o2755, 0o6711, 0o1644, 0o7777, 0o222, 0o111]
const DIRECTORY_MODES = [0o755, 0o700, 0o555, 0o000, 0o1777, 0o2775, 0o3777, 0o7777, 0o311]
/** As root alone: owners of whom this machine may know nothing. */
const OWNERS = [1000, 1000, 1000, 0, 65_534, 123_456]

type Bytes = Buffer<ArrayBuffer>

/** Fills the directory `root` with some 2,000 files of all kinds. */
export function makeTree(root: string, seed: number): void {
  const random = createRandom(seed)
  const at = (dir: Bytes, name: Bytes | string): Bytes =>
    Buffer.concat([dir, Buffer.from('/'), Buffer.from(name)])
  const top = Buffer.from(root)
  const directories = [top]
  const files: Bytes[] = []
  const made: { path: Bytes; kind: 'file' | 'directory' | 'other' }[] = []

  const directory = (path: Bytes): Bytes => {
    mkdirSync(path)
    directories.push(path)
    made.push({ path, kind: 'directory' })
    return path
  }
  const file = (path: Bytes, content: Buffer | string): void => {
    writeFileSync(path, content, { flag: 'wx' })
    files.push(path)
    made.push({ path, kind: 'file' })
  }

  const odd = directory(at(top, 'odd names'))
  for (const name of [...ODD_NAMES, ...NO_TEXT]) {
    file(at(odd, name), name)
    file(at(directory(at(directory(at(odd, `in directory ${made.length}`)), name)), 'x'), 'x')
  }
  let deep = directory(at(top, 'deep'))
  for (let depth = 0; depth < 30; depth++) deep = directory(at(deep, `${depth}-`.padEnd(90, 'd')))
  file(at(deep, 'bottom'), 'the deepest')

  for (let n = 0; n < DIRECTORIES; n++)
    directory(at(random.pick(directories.filter((path) => path.length < 500)), `directory ${n}`))
  for (let n = 0; n < FILES; n++) {
    const size = random.chance(0.1) ? 0 : random.chance(0.02) ? 200_000 : random.below(3_000)
    // Half of it compresses well.
    const content = n % 2 === 0 ? random.bytes(size) : Buffer.alloc(size, `line ${n}\n`)
    file(at(random.pick(directories), `file-${n}`), content)
  }
  for (let n = 0; n < SPARSE; n++) {
    const path = at(random.pick(directories), `sparse-${n}`)
    const fd = openSync(path, 'wx')
    ftruncateSync(fd, random.below(8 * 2 ** 20))
    for (let hole = random.below(3); hole > 0; hole--) writeSync(fd, `island ${n}`, random.below(8 * 2 ** 20))
    closeSync(fd)
    made.push({ path, kind: 'file' })
  }
  for (let n = 0; n < HARD_LINKS; n++) {
    const path = at(random.pick(directories), `hard-${n}`)
    linkSync(random.pick(files), path)
  }
  const targets = [
    '/etc/passwd',
    '/usr/bin/python3',
    '../../../../../etc/shadow',
    'nowhere',
    '.',
    '..',
    'a\nb',
  ]
  for (let n = 0; n < SYMLINKS; n++) {
    const path = at(random.pick(directories), `link-${n}`)
    const target = random.chance(0.4) ? random.pick(targets) : random.pick([...files, ...NO_TEXT])
    symlinkSync(target, path)
    made.push({ path, kind: 'other' })
  }
  for (let n = 0; n < PIPES; n++) {
    const path = `${root}/pipe-${n}`
    execFileSync('mkfifo', [path])
    made.push({ path: Buffer.from(path), kind: 'other' })
  }
  setAttributes(random.shuffled(files).slice(0, ATTRIBUTED))

  // What is below comes before what is above it, whose times it would change.
  for (const { path, kind } of made.reverse()) {
    if (process.getuid?.() === 0) lchownSync(path, random.pick(OWNERS), random.pick(OWNERS))
    const odds = random.chance(0.5)
    if (kind === 'file') chmodSync(path, odds ? random.pick(FILE_MODES) : 0o644)
    // A directory that nobody may enter can be archived by root alone.
    if (kind === 'directory') chmodSync(path, odds ? random.pick(DIRECTORY_MODES) : 0o755)
    const time = random.chance(0.3) ? random.pick(TIMES) : 1_600_000_000 + random.next() * 1e8
    lutimesSync(path, time, time)
  }
}

/** Makes a copy of the content of a directory in another, with all that belongs to it. */
export function copyTree(from: string, to: string): void {
  execFileSync('cp', ['-a', `${from}/.`, to])
}

export interface Look {
  digest: string
  entries: number
  /** One for each entry, for telling what differs. */
  lines: string[]
}

/** All there is to say of a directory: names as bytes, types, modes, owners, sizes, times, targets, hard links, attributes, contents. */
export function lookAt(root: string): Look {
  const lines: string[] = []
  const links = new Map<string, string>()
  const attributes = readAttributes(root)

  function visit(path: string): void {
    const at = Buffer.from(path, 'latin1')
    const stat = lstatSync(at, { bigint: true })
    const shown = JSON.stringify(path.slice(root.length))
    const facts = [stat.mode.toString(8), stat.uid, stat.gid, stat.mtimeNs].map(String)
    if (stat.isSymbolicLink()) facts.push(JSON.stringify(readlinkSync(at, 'latin1')))
    if (stat.isFile()) facts.push(String(stat.size), sumOf(readFileSync(at)))
    if (!stat.isDirectory() && stat.nlink > 1n) {
      const inode = `${stat.dev}:${stat.ino}`
      const first = links.get(inode)
      if (first === undefined) links.set(inode, shown)
      facts.push(`${stat.nlink} names, the first is ${first ?? shown}`)
    }
    facts.push(attributes.get(path.slice(root.length + 1)) ?? '')
    lines.push(`${shown} ${facts.join(' ')}`)
    if (stat.isDirectory())
      for (const name of readdirSync(at, { encoding: 'latin1' }).sort()) visit(`${path}/${name}`)
  }
  visit(root)
  return { digest: sumOf(Buffer.from(lines.join('\n'))), entries: lines.length, lines }
}

const sumOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex').slice(0, 32)

/** What of `before` is not in `after`, and the other way round; the first few. */
export function differences(before: Look, after: Look): string[] {
  const [was, is] = [new Set(before.lines), new Set(after.lines)]
  return [
    ...before.lines.filter((line) => !is.has(line)).map((line) => `- ${line}`),
    ...after.lines.filter((line) => !was.has(line)).map((line) => `+ ${line}`),
  ]
    .map((line) => line.replace(/d{80,}/g, '…'))
    .slice(0, 12)
}

const PYTHON_SET = `
import os, sys
for path in sys.stdin.buffer.read().split(b'\\0'):
    os.setxattr(path, b'user.berth', b'\\0\\xff' + path[-20:], follow_symlinks=False)`
const PYTHON_READ = `
import os, sys
root = os.fsencode(sys.argv[1])
for dir, dirs, files in os.walk(root):
    for name in dirs + files:
        path = os.path.join(dir, name)
        for key in sorted(os.listxattr(path, follow_symlinks=False)):
            value = os.getxattr(path, key, follow_symlinks=False)
            sys.stdout.write(path[len(root) + 1:].hex() + ' ' + key + '=' + value.hex() + '\\n')`

/** Node knows nothing of extended attributes; where there is no Python either, files have none. */
function setAttributes(files: Buffer[]): void {
  const input = Buffer.concat(files.flatMap((path, n) => (n === 0 ? [path] : [Buffer.of(0), path])))
  python([PYTHON_SET], input)
}

function readAttributes(root: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of python([PYTHON_READ, root]).split('\n').filter(Boolean)) {
    const [path = '', attribute = ''] = line.split(' ')
    const name = Buffer.from(path, 'hex').toString('latin1')
    found.set(name, `${found.get(name) ?? ''}${attribute} `)
  }
  return found
}

let hasPython: boolean | undefined
function python([program = '', ...args]: string[], input?: Buffer): string {
  hasPython ??= succeeds(() => execFileSync('python3', ['-c', 'import os; os.setxattr'], { stdio: 'ignore' }))
  if (!hasPython) return ''
  return execFileSync('python3', ['-c', program, ...args], {
    ...(input && { input }),
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
}

function succeeds(work: () => unknown): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}
