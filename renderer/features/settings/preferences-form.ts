/** The fields of Berth's settings, and what changing them asks for. Pure. */
import type { PatchSettings, Settings } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'
import { fromSeconds, short, toSeconds } from '../details/settings-form.ts'
import { isImage, number, outside } from '../workspaces/create-form.ts'

export interface PreferenceFields {
  readonly image: string
  readonly cpus: string
  /** In GB. */
  readonly memory: string
  /** In minutes. */
  readonly sleepAfter: string
  /** In hours. */
  readonly archiveAfter: string
  readonly keepArchives: string
  readonly trashDays: string
  /** Empty for none. */
  readonly address: string
}

export type FieldName = keyof PreferenceFields
export type PreferenceErrors = { readonly [F in FieldName]?: string | undefined }

/** What of the settings a field shows. */
export const SETTING = {
  image: 'image',
  cpus: 'cpus',
  memory: 'memory_bytes',
  sleepAfter: 'standby_ttl_seconds',
  archiveAfter: 'archive_ttl_seconds',
  keepArchives: 'keep_archives',
  trashDays: 'trash_days',
  address: 'share_address',
} as const satisfies Record<FieldName, keyof PatchSettings>

const MINUTE = 60
const HOUR = 3_600
const GIB = 2 ** 30
const IPV4 = /^((25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)(\.(?!$)|$)){4}$/

export function fieldsOf(settings: Settings): PreferenceFields {
  return {
    image: settings.image,
    cpus: short(settings.cpus),
    memory: short(settings.memory_bytes / GIB),
    sleepAfter: fromSeconds(settings.standby_ttl_seconds, MINUTE),
    archiveAfter: fromSeconds(settings.archive_ttl_seconds, HOUR),
    keepArchives: short(settings.keep_archives),
    trashDays: short(settings.trash_days),
    address: settings.share_address ?? '',
  }
}

/** What can be told of the changed ones without asking the server; it has the last word. */
export function check(fields: PreferenceFields, before: PreferenceFields): PreferenceErrors {
  const words = messages.preferences
  const ttlWrong = messages.settings.ttlWrong
  const wrong = (field: FieldName, isWrong: boolean) => fields[field] !== before[field] && isWrong
  const beyond = (text: string, least: number, most: number) =>
    text.trim() === '' || outside(text, least, most)
  const address = fields.address.trim()
  const { image, cpus, memory, sleepAfter, archiveAfter, keepArchives, trashDays } = fields
  return {
    ...(wrong('image', !isImage(image.trim())) && { image: messages.create.imageWrong }),
    ...(wrong('cpus', beyond(cpus, 0.1, 256)) && { cpus: messages.create.cpusWrong }),
    ...(wrong('memory', beyond(memory, 0.25, 1024)) && { memory: messages.create.memoryWrong }),
    ...(wrong('sleepAfter', toSeconds(sleepAfter, MINUTE) === null) && { sleepAfter: ttlWrong }),
    ...(wrong('archiveAfter', toSeconds(archiveAfter, HOUR) === null) && { archiveAfter: ttlWrong }),
    ...(wrong('keepArchives', beyond(keepArchives, 1, 100) || !Number.isInteger(number(keepArchives))) && {
      keepArchives: words.keepArchivesWrong,
    }),
    ...(wrong('trashDays', beyond(trashDays, 0, 3_650)) && { trashDays: words.trashDaysWrong }),
    ...(wrong('address', address !== '' && !IPV4.test(address)) && { address: words.addressWrong }),
  }
}

/** Only what was changed: the rest may have another value by now, and was rounded for the eye. */
export function toPatch(fields: PreferenceFields, before: PreferenceFields): PatchSettings {
  const changed = (field: FieldName) => fields[field] !== before[field]
  const seconds = (text: string, unit: number) => toSeconds(text, unit) ?? 0
  return {
    ...(changed('image') && { image: fields.image.trim() }),
    ...(changed('cpus') && { cpus: number(fields.cpus) }),
    ...(changed('memory') && { memory_bytes: Math.round(number(fields.memory) * GIB) }),
    ...(changed('sleepAfter') && { standby_ttl_seconds: seconds(fields.sleepAfter, MINUTE) }),
    ...(changed('archiveAfter') && { archive_ttl_seconds: seconds(fields.archiveAfter, HOUR) }),
    ...(changed('keepArchives') && { keep_archives: number(fields.keepArchives) }),
    ...(changed('trashDays') && { trash_days: number(fields.trashDays) }),
    ...(changed('address') && { share_address: fields.address.trim() || null }),
  }
}
