import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

export interface LoginItem {
  /** Where the desktop looks for what starts with it: `~/.config/autostart`. */
  dir: string
  /** Berth has an entry of its own for each. */
  dataDir: string
  /** The program and its arguments. */
  command: readonly string[]
}

/**
 * Has a Linux desktop start Berth at login, or no longer.
 * @throws what the file system says.
 */
export function setLoginEntry({ dir, dataDir, command }: LoginItem, wanted: boolean): void {
  const file = join(dir, `berth-${createHash('sha256').update(dataDir).digest('hex').slice(0, 12)}.desktop`)
  if (!wanted) return rmSync(file, { force: true })
  mkdirSync(dir, { recursive: true })
  writeFileSync(file, loginEntry(command))
}

/** The desktop entry that runs a command. */
export function loginEntry(command: readonly string[]): string {
  // Quoted for the command line of an entry, and that once more as a string of the file.
  const quoted = command.map((word) => `"${word.replace(/["`$\\]/g, '\\$&').replaceAll('%', '%%')}"`)
  return [
    '[Desktop Entry]',
    'Type=Application',
    'Name=Berth',
    `Exec=${quoted.join(' ').replaceAll('\\', '\\\\')}`,
    'Terminal=false',
    '',
  ].join('\n')
}
