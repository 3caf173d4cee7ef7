/** The fields of the form, and the wish they make. Pure. */
import type { CreateWorkspace } from '../../../main/core/api.ts'
import { messages } from '../../messages.ts'

export interface CreateFields {
  readonly name: string
  readonly image: string
  readonly cpus: string
  readonly memory: string
  readonly sudo: boolean
}

export type CreateErrors = { readonly [F in keyof CreateFields]?: string }

export const BLANK: CreateFields = { name: '', image: '', cpus: '', memory: '', sudo: false }

const GIB = 2 ** 30

/** What can be told without asking the server; it has the last word. */
export function check(fields: CreateFields): CreateErrors {
  const name = fields.name.trim()
  const image = fields.image.trim()
  return {
    ...(name === '' && { name: messages.create.nameMissing }),
    ...(name.length > 100 && { name: messages.create.nameTooLong }),
    ...(image !== '' && !isImage(image) && { image: messages.create.imageWrong }),
    ...(outside(fields.cpus, 0.1, 256) && { cpus: messages.create.cpusWrong }),
    ...(outside(fields.memory, 0.25, 1024) && { memory: messages.create.memoryWrong }),
  }
}

/** Only what was filled in; the server knows the defaults. */
export function toWish(fields: CreateFields): CreateWorkspace {
  return {
    name: fields.name.trim(),
    ...(fields.image.trim() !== '' && { image_ref: fields.image.trim() }),
    ...(fields.cpus.trim() !== '' && { cpus: number(fields.cpus) }),
    ...(fields.memory.trim() !== '' && { memory_bytes: Math.round(number(fields.memory) * GIB) }),
    ...(fields.sudo && { sudo: true }),
  }
}

/** As the API has it; a test keeps the two alike. */
export function isImage(text: string): boolean {
  return /^[a-zA-Z0-9][a-zA-Z0-9._:/@-]{0,299}$/.test(text)
}

export function outside(text: string, least: number, most: number): boolean {
  if (text.trim() === '') return false
  const value = number(text)
  return !(value >= least && value <= most)
}

/** Half of Europe types "1,5". */
export function number(text: string): number {
  return Number(text.trim().replace(',', '.'))
}
