/** The fields of a workspace's settings, and what changing them asks for. Pure. */
import type { PatchWorkspace, Workspace } from '../../../main/core/api.ts'
import { isValue, MAX_VARIABLES, nameFault } from '../../../main/core/environment.ts'
import { messages } from '../../messages.ts'
import { isImage, number, outside } from '../workspaces/create-form.ts'

/** One environment variable, as it is being written. */
export interface Variable {
  /** Another in each row. */
  readonly key: number
  readonly name: string
  readonly value: string
  /** Added just now. */
  readonly fresh?: boolean
}

export interface SettingsFields {
  readonly name: string
  readonly description: string
  /** In minutes. */
  readonly sleepAfter: string
  /** In hours. */
  readonly archiveAfter: string
  readonly shield: boolean
  /** In hours. */
  readonly cap: string
  readonly image: string
  readonly cpus: string
  readonly memory: string
  readonly sudo: boolean
  readonly env: readonly Variable[]
}

export type SettingsErrors = { readonly [F in keyof SettingsFields]?: string | undefined }

const MINUTE = 60
const HOUR = 3_600
const GIB = 2 ** 30
const MOST_SECONDS = 10 * 365 * 86_400

export function fieldsOf(workspace: Workspace): SettingsFields {
  return {
    name: workspace.name,
    description: workspace.description,
    sleepAfter: fromSeconds(workspace.standby_ttl_seconds, MINUTE),
    archiveAfter: fromSeconds(workspace.archive_ttl_seconds, HOUR),
    shield: workspace.busy_shield,
    cap: short(workspace.busy_cap_seconds / HOUR),
    image: workspace.image_ref,
    cpus: short(workspace.cpus),
    memory: short(workspace.memory_bytes / GIB),
    sudo: workspace.sudo,
    env: Object.entries(workspace.env).map(([name, value], key) => ({ key, name, value })),
  }
}

/** What can be told without asking the server; it has the last word. */
export function check(fields: SettingsFields): SettingsErrors {
  const words = messages.settings
  const name = fields.name.trim()
  const cap = toSeconds(fields.cap, HOUR)
  const empty = (text: string) => text.trim() === ''
  const env = envFault(fields.env)
  return {
    ...(name === '' && { name: messages.create.nameMissing }),
    ...(name.length > 100 && { name: messages.create.nameTooLong }),
    ...(fields.description.length > 1_000 && { description: words.descriptionTooLong }),
    ...(toSeconds(fields.sleepAfter, MINUTE) === null && { sleepAfter: words.ttlWrong }),
    ...(toSeconds(fields.archiveAfter, HOUR) === null && { archiveAfter: words.ttlWrong }),
    ...((cap === null || cap < MINUTE) && { cap: words.capWrong }),
    ...(!isImage(fields.image.trim()) && { image: messages.create.imageWrong }),
    ...(outside(fields.cpus, 0.1, 256) && { cpus: messages.create.cpusWrong }),
    ...(empty(fields.cpus) && { cpus: words.missing }),
    ...(outside(fields.memory, 0.25, 1024) && { memory: messages.create.memoryWrong }),
    ...(empty(fields.memory) && { memory: words.missing }),
    ...(env !== null && { env }),
  }
}

/** Only what was changed: the rest may have another value by now, and was rounded for the eye. */
export function toPatch(fields: SettingsFields, before: SettingsFields): PatchWorkspace {
  const changed = (field: keyof SettingsFields) => fields[field] !== before[field]
  const env = toEnv(fields.env)
  const seconds = (text: string, unit: number) => toSeconds(text, unit) ?? 0
  return {
    ...(changed('name') && { name: fields.name.trim() }),
    ...(changed('description') && { description: fields.description }),
    ...(changed('sleepAfter') && { standby_ttl_seconds: seconds(fields.sleepAfter, MINUTE) }),
    ...(changed('archiveAfter') && { archive_ttl_seconds: seconds(fields.archiveAfter, HOUR) }),
    ...(changed('shield') && { busy_shield: fields.shield }),
    ...(changed('cap') && { busy_cap_seconds: seconds(fields.cap, HOUR) }),
    ...(changed('image') && { image_ref: fields.image.trim() }),
    ...(changed('cpus') && { cpus: number(fields.cpus) }),
    ...(changed('memory') && { memory_bytes: Math.round(number(fields.memory) * GIB) }),
    ...(changed('sudo') && { sudo: fields.sudo }),
    ...(JSON.stringify(env) !== JSON.stringify(toEnv(before.env)) && { env }),
  }
}

/** Rows in which nothing is written do not count. */
const written = (rows: readonly Variable[]): Variable[] =>
  rows.filter(({ name, value }) => name.trim() !== '' || value !== '')

const toEnv = (rows: readonly Variable[]): Record<string, string> =>
  Object.fromEntries(written(rows).map(({ name, value }) => [name.trim(), value]))

function envFault(rows: readonly Variable[]): string | null {
  const words = messages.variables
  const names = new Set<string>()
  for (const { name: typed, value } of written(rows)) {
    const name = typed.trim()
    const fault = nameFault(name)
    if (fault !== null) return words.fault[fault](name)
    if (names.has(name)) return words.twice(name)
    if (!isValue(value)) return words.valueWrong(name)
    names.add(name)
  }
  return names.size > MAX_VARIABLES ? words.tooMany(MAX_VARIABLES) : null
}

export function fromSeconds(seconds: number, unit: number): string {
  return seconds === 0 ? messages.settings.never : short(seconds / unit)
}

/** 0 for "never"; null when it is nothing that can be waited for. */
export function toSeconds(text: string, unit: number): number | null {
  const word = text.trim().toLowerCase()
  if (word === messages.settings.never) return 0
  const amount = word === '' ? NaN : number(word)
  if (!(amount >= 0 && amount * unit <= MOST_SECONDS)) return null
  // However little was asked for, it is not "never".
  return amount === 0 ? 0 : Math.max(1, Math.round(amount * unit))
}

/** To two decimals, with none where there are none. */
export function short(value: number): string {
  return String(Math.round(value * 100) / 100)
}
