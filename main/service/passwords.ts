import { hash, verify, type Options } from '@node-rs/argon2'

/** What OWASP advises for argon2id (the default of the library): 19 MiB, two passes, one lane. */
const OPTIONS: Options = { memoryCost: 19_456, timeCost: 2, parallelism: 1 }
/** More at once would take memory, and threads from the disk. */
const AT_ONCE = 2

export type Passwords = ReturnType<typeof createPasswords>

/** Hashes passwords with argon2id, off the event loop and few at once. */
export function createPasswords(argon2: { hash: typeof hash; verify: typeof verify } = { hash, verify }) {
  const waiting: (() => void)[] = []
  let free = AT_ONCE

  async function inPlace<T>(work: () => Promise<T>): Promise<T> {
    if (free > 0) free--
    else await new Promise<void>((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else free++
    }
  }

  const make = (password: string): Promise<string> => inPlace(() => argon2.hash(composed(password), OPTIONS))

  return {
    hash: make,

    /** Whether it is the one that was hashed. Where there is none it is not, which takes the same time to say. */
    async verify(password: string, hashed: string | null): Promise<boolean> {
      if (hashed !== null) return inPlace(() => argon2.verify(hashed, composed(password)))
      await make(password)
      return false
    },
  }
}

/** Keyboards disagree on how a letter with an accent is made up. */
const composed = (password: string): string => password.normalize('NFC')
