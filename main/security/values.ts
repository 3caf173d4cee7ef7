import type { Random } from '../testing/crash/random.ts'

/** JSON Schema, as much of it as the API's own document uses. */
export interface Schema {
  type?: string | string[]
  const?: unknown
  enum?: unknown[]
  anyOf?: Schema[]
  oneOf?: Schema[]
  properties?: Record<string, Schema>
  required?: string[]
  items?: Schema
  pattern?: string
  format?: string
  minimum?: number
  maximum?: number
  minLength?: number
  maxLength?: number
}

/** A string that becomes JSON as it is, without quotes. */
const raw = (text: string): string => `@raw:${text}`
const RAW = /"@raw:([^"]*)"/g
const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth)

/** Words that mean something to somebody: a parser, a file system, a database, a shell, a browser. */
export const HOSTILE_TEXTS = [
  '',
  ' ',
  '\0',
  'a\0b',
  '\ud800',
  '\udc00\ud800',
  '\u202egnp.exe',
  '\ufeff',
  '\r\nSet-Cookie: a=b',
  '__proto__',
  'constructor',
  'toString',
  '../../../../etc/passwd',
  '/etc/passwd',
  'C:\\Windows\\win.ini',
  'file:///etc/passwd',
  '//evil.example/',
  "'; DROP TABLE workspaces; --",
  '%00',
  '%s%n%x',
  '${7*7}',
  '$(id)',
  '--privileged',
  '<img src=x onerror=alert(1)>',
  '</script><script>alert(1)</script>',
  '2026-13-45T99:99:99Z',
  '9999-12-31T23:59:59.999Z',
  '-000001-01-01T00:00:00Z',
  '0',
  'true',
  'null',
  'NaN',
  '😀'.repeat(500),
  'x'.repeat(70_000),
]

const ODD: unknown[] = [
  ...HOSTILE_TEXTS,
  null,
  true,
  false,
  0,
  -1,
  1.5,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  1e308,
  raw('1e400'),
  raw('-0'),
  raw('0.1e-400'),
  raw('9'.repeat(400)),
  raw(nested(2_000)),
  [],
  [null],
  Array.from({ length: 2_000 }, () => 0),
  {},
  { length: -1 },
  { toString: null },
  { toJSON: 'x' },
]

const LETTERS = ['a', 'b', 'X', 'Y', '0', '9', ' ', '-', '_', 'é', '字']
const KEYS = ['id', 'owner_id', 'status', '__proto__', 'constructor', 'prototype', 'hasOwnProperty', '', 'x']

/** Values for requests. `ids` (to which more may come) are ids of something; `words` what other texts with a pattern may be. */
export function createValues(random: Random, ids: readonly string[], words: readonly string[]) {
  const { below, chance, pick } = random

  function text({ pattern, format, minLength = 0, maxLength = 40, ...schema }: Schema): string {
    if (pattern !== undefined) {
      const fitting = [...ids, ...words].filter((word) => new RegExp(pattern, 'u').test(word))
      return fitting.length > 0 ? pick(fitting) : 'word'
    }
    if (format === 'date-time') return new Date(Date.now() + below(10 ** 9)).toISOString()
    if (schema.type === 'string' && chance(0.3)) return pick(words)
    const length = Math.max(minLength, below(Math.min(maxLength, 40) + 1), 1)
    return Array.from({ length }, () => pick(LETTERS)).join('')
  }

  function number({ type, minimum = -1_000, maximum = 1_000_000 }: Schema): number {
    if (chance(0.3)) return pick([minimum, maximum])
    const value = minimum + random.next() * (Math.min(maximum, minimum + 10 ** 9) - minimum)
    return type === 'number' ? value : Math.floor(value)
  }

  /** A value that the schema allows. */
  function valid(schema: Schema): unknown {
    const { anyOf, oneOf, properties = {}, required = [], items } = schema
    const choices = anyOf ?? oneOf
    if (choices) return valid(pick(choices))
    if ('const' in schema) return schema.const
    if (schema.enum) return pick(schema.enum)
    const type = Array.isArray(schema.type) ? pick(schema.type) : schema.type
    switch (type) {
      case 'null':
        return null
      case 'boolean':
        return chance(0.5)
      case 'integer':
      case 'number':
        return number({ ...schema, type })
      case 'string':
        return text({ ...schema, type })
      case 'array':
        return Array.from({ length: below(4) }, () => valid(items ?? {}))
      case 'object':
        return Object.fromEntries(
          Object.entries(properties)
            .filter(([name]) => required.includes(name) || chance(0.4))
            .map(([name, property]) => [name, valid(property)]),
        )
      default:
        return pick(ODD)
    }
  }

  /** The value with one place of it wrong. */
  function wrong(value: unknown): unknown {
    if (typeof value !== 'object' || value === null || chance(0.15)) return pick(ODD)
    if (Array.isArray(value)) return [...(value as unknown[]), pick(ODD)]
    const names = Object.keys(value)
    const entries = Object.entries(value) as [string, unknown][]
    const at = below(names.length + 1)
    if (at === names.length) return Object.fromEntries([...entries, [pick(KEYS), pick(ODD)]])
    if (chance(0.2)) return Object.fromEntries(entries.toSpliced(at, 1))
    return Object.fromEntries(entries.map(([name, one], n) => [name, n === at ? wrong(one) : one]))
  }

  const json = (value: unknown): string => JSON.stringify(value).replaceAll(RAW, '$1')

  /** A JSON text with one thing about the text itself that is odd. */
  function garbled(json: string): string {
    const at = below(json.length + 1)
    return pick([
      () => json.slice(0, at),
      () => `${json}${json}`,
      () => `\ufeff${json}`,
      () => json.replace('{', '{"name":"first",'), // a name that may come twice
      () => json.replace('{', '{"__proto__":{"desktop":true,"user":"x"},'),
      () => json.replace(/}$/, ',}'),
      () => `/* */ ${json}`,
      () => json.replaceAll('"', "'"),
      () => `${json.slice(0, at)}\0${json.slice(at)}`,
      () => nested(50_000),
      () => `${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`,
      () => `{"name":"${'x'.repeat(300 * 1_024)}"}`,
      () => 'name=x&memo=y',
      () => '',
    ])()
  }

  return {
    valid,
    /** The text of a body: valid, nearly so, or hostile. */
    body(schema: Schema): Buffer {
      const value = valid(schema)
      if (chance(0.4)) return Buffer.from(json(value))
      if (chance(0.6)) return Buffer.from(json(wrong(value)))
      if (chance(0.1)) return random.bytes(below(200))
      return Buffer.from(garbled(json(chance(0.5) ? value : wrong(value))))
    },
    /** A value in a query: valid, or hostile. */
    inQuery: (schema: Schema): string =>
      encoded(
        chance(0.5)
          ? String(valid(schema))
          : chance(0.5)
            ? pick(HOSTILE_TEXTS)
            : String(pick(ODD.filter((odd) => typeof odd === 'number'))),
      ),
    /** In place of an id. */
    inPath: (): string =>
      chance(0.85)
        ? pick(ids)
        : chance(0.5)
          ? encoded(pick(HOSTILE_TEXTS)).slice(0, 4_000)
          : pick([
              '..',
              '%2e%2e',
              '.',
              '%00',
              'A'.repeat(26),
              '0'.repeat(26),
              '%',
              '%ff',
              'x;y',
              'x%2fy',
              '\\',
            ]),
  }

  /** Percent-encoded, mostly. */
  function encoded(text: string): string {
    const whole = text.toWellFormed().slice(0, 8_000)
    return chance(0.9) ? encodeURIComponent(whole) : whole.replaceAll(/[^\x21-\x7e]/g, '%FF')
  }
}
