import { hash, verify } from '@node-rs/argon2'
import { expect, test } from 'vitest'
import { createPasswords } from './passwords.ts'

const passwords = createPasswords()

test('a password is kept as argon2id with its own salt, and known again', async () => {
  const [one, two] = await Promise.all([passwords.hash('correct horse'), passwords.hash('correct horse')])
  expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$[\w+/]{22}\$[\w+/]{43}$/)
  expect(one).not.toBe(two)
  expect(await passwords.verify('correct horse', one)).toBe(true)
  for (const wrong of ['', 'correct hors', 'correct horse ', 'Correct horse'])
    expect(await passwords.verify(wrong, one), wrong).toBe(false)
})

test('it is the same however its letters are made up', async () => {
  expect(await passwords.verify('cafe\u0301 noir', await passwords.hash('caf\u00e9 noir'))).toBe(true)
})

test('where there is none nothing is right, and the same work is done', async () => {
  let hashed = 0
  const counting = createPasswords({
    hash: (...args) => (hashed++, hash(...args)),
    verify: (...args) => (hashed++, verify(...args)),
  })
  expect(await counting.verify('anything', null)).toBe(false)
  expect(hashed).toBe(1)
})

test('two are at work at most, and the event loop goes on', async () => {
  let atWork = 0
  let most = 0
  let turns = 0
  async function watched<T>(work: Promise<T>): Promise<T> {
    most = Math.max(most, ++atWork)
    return work.finally(() => atWork--)
  }
  const busy = createPasswords({
    hash: (...args) => watched(hash(...args)),
    verify: (...args) => watched(verify(...args)),
  })
  const turn = setInterval(() => turns++, 1)
  const hashed = await Promise.all(Array.from({ length: 6 }, (_, n) => busy.hash(`password ${n}`)))
  const right = await Promise.all(hashed.map((hash, n) => busy.verify(`password ${n}`, hash)))
  clearInterval(turn)
  expect(right).toEqual(Array(6).fill(true))
  expect(most).toBe(2)
  expect(turns).toBeGreaterThan(5)
})

test('a failure takes nobody’s place', async () => {
  for (let n = 0; n < 3; n++) await expect(passwords.verify('x', 'no hash')).rejects.toThrow()
  expect(await passwords.verify('password', await passwords.hash('password'))).toBe(true)
})
