import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { z } from 'zod'
import { THEMES } from './core/api.ts'
import { AppError, errnoOf } from './core/errors.ts'

const GIB = 2 ** 30

/** A flag and a variable are words. */
const yesOrNo = z.union([z.boolean(), z.stringbool()])

/** Everything configurable: flag (`--home-store`), then environment (`BERTH_HOME_STORE`), then `settings.json` (`home_store`), then default. */
const settings = z.strictObject({
  port: z.coerce.number().int().min(0).max(65_535).optional().describe('0: any free one.'),
  home_store: z.string().min(1).optional(),
  image: z.string().min(1).default('codercom/code-server:4.139.1'),
  cpus: z.coerce.number().min(0.1).max(256).default(2),
  memory_bytes: z.coerce
    .number()
    .int()
    .min(GIB / 4)
    .default(4 * GIB),
  standby_ttl_seconds: z.coerce.number().int().min(0).default(300),
  archive_ttl_seconds: z.coerce.number().int().min(0).default(86_400),
  keep_archives: z.coerce.number().int().min(1).max(100).default(3),
  trash_days: z.coerce.number().min(0).max(3_650).default(7),
  theme: z.enum(THEMES).default('system'),
  notify_will_sleep: yesOrNo.default(true),
  notify_stopped: yesOrNo.default(true),
  notify_failed: yesOrNo.default(true),
  notify_guest_rings: yesOrNo.default(true),
  close_to_tray: yesOrNo.default(false),
  start_at_login: yesOrNo.default(false),
  start_hidden: yesOrNo.default(false),
  share_address: z
    .ipv4()
    .optional()
    .describe('The address of this machine on which shares are served; left out: the one that leads out.'),
  upstream: z.enum(['auto', 'port']).default('auto'),
  label: z
    .string()
    .regex(/^[a-z0-9-]+$/)
    .default('berth')
    .describe('The value of the label io.berth.label.'),
  log_level: z.enum(['debug', 'info', 'warn', 'error']).default('info'),
  failpoints: z.string().default('').describe('For crash tests only.'),
})
/** What a `settings.json` comes to, with a default for what it leaves out. */
export type FileSettings = z.infer<typeof settings>

export interface Config extends Omit<FileSettings, 'home_store'> {
  data_dir: string
  home_store: string
  /** Settings that a flag or a variable has set, whatever the file says. */
  fixed: readonly string[]
}

const NAMES = Object.keys(settings.shape) as (keyof FileSettings)[]
const flagOf = (name: string): string => name.replaceAll('_', '-')

const DEFAULT_DATA_DIR = join(homedir(), '.berth')

/**
 * Reads the configuration, once. `args` are the flags after the program's name.
 * @throws {AppError} INVALID_INPUT naming the flag, variable or file that is wrong.
 */
export function readConfig(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  defaultDataDir = DEFAULT_DATA_DIR,
): Config {
  const flags = readFlags(args)
  const dataDir = resolve(flags['data-dir'] || env['BERTH_DATA_DIR'] || defaultDataDir)
  const path = settingsFile(dataDir)
  const given: Record<string, unknown> = {}
  for (const name of NAMES) {
    const value = flags[flagOf(name)] ?? env[`BERTH_${name.toUpperCase()}`]
    if (value !== undefined && value !== '') given[name] = value
  }
  const read = checkSettings({ ...readSettingsFile(path), ...given }, path)
  const homeStore = resolve(read.home_store ?? join(dataDir, 'home-store'))
  return Object.freeze({
    ...read,
    data_dir: dataDir,
    home_store: homeStore,
    fixed: Object.freeze(Object.keys(given)),
  })
}

/** Where a person, or Berth, writes settings. */
export const settingsFile = (dataDir: string): string => join(dataDir, 'settings.json')

/**
 * What settings come to; `path` is the file that may have to do with what is wrong.
 * @throws {AppError} INVALID_INPUT naming each setting that is wrong.
 */
export function checkSettings(merged: Readonly<Record<string, unknown>>, path: string): FileSettings {
  const result = settings.safeParse(merged)
  if (result.success) return result.data
  const problems = result.error.issues.map(
    ({ path, message }) => `${path.join('.') || 'settings.json'}: ${message}`,
  )
  throw new AppError('INVALID_INPUT', `The configuration is not valid: ${problems.join('; ')}`, {
    hint: `Look at the flags, the BERTH_… variables and ${path}.`,
  })
}

function readFlags(args: readonly string[]): Record<string, string | undefined> {
  const names = ['data_dir', ...NAMES].map(flagOf)
  const options = Object.fromEntries(names.map((name) => [name, { type: 'string' as const }]))
  try {
    return parseArgs({ args: [...args], options, strict: true }).values
  } catch (error) {
    throw new AppError('INVALID_INPUT', (error as Error).message, {
      hint: `The flags are: ${names.map((name) => `--${name}`).join(' ')}`,
    })
  }
}

/**
 * The settings in the file as they stand there; none where there is no file.
 * @throws {AppError} INVALID_INPUT when it is not a JSON object.
 */
export function readSettingsFile(path: string): Record<string, unknown> {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return {}
    throw error
  }
  try {
    return z.record(z.string(), z.unknown()).parse(JSON.parse(text))
  } catch (error) {
    throw new AppError('INVALID_INPUT', `${path} is not a JSON object: ${(error as Error).message}`)
  }
}
