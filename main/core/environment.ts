/** Which environment variables a person may give a workspace. */

export const MAX_VARIABLES = 100
/** Characters of a value. */
export const MAX_VALUE = 8_192

const NAME = /^[A-Za-z_][A-Za-z0-9_]{0,199}$/
/** What Berth sets itself, what the image must find its programs by, and what would have code-server listen elsewhere. */
const RESERVED = /^(HOME|USER|PATH|PORT|PASSWORD|HASHED_PASSWORD|VSCODE_PROXY_URI|CODE_SERVER_.*|__proto__)$/

/** What is wrong with a name; null for one that may be used. */
export function nameFault(name: string): 'malformed' | 'reserved' | null {
  if (!NAME.test(name)) return 'malformed'
  return RESERVED.test(name) ? 'reserved' : null
}

/** Whether a value can be one: no NUL, and not too long. */
export const isValue = (value: string): boolean => value.length <= MAX_VALUE && !value.includes('\0')
