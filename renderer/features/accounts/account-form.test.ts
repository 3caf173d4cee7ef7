import { expect, it } from 'vitest'
import { createAccount } from '../../../main/core/api.ts'
import { checkAccount, checkChange } from './account-form.ts'

it.each([
  ['ada', 'correct horse'],
  ['', 'correct horse'],
  ['  ', 'correct horse'],
  [' ada ', '12345678'],
  ['ada', '1234567'],
  ['ada', ''],
  ['ada', 'x'.repeat(200)],
  ['ada', 'x'.repeat(201)],
  ['x'.repeat(64), 'correct horse'],
  ['x'.repeat(65), 'correct horse'],
])('takes for an account what the server takes: %j, %j', (name, password) => {
  const accepted = createAccount.safeParse({ name, password }).success
  expect(Object.keys(checkAccount({ name, password })).length === 0).toBe(accepted)
})

it('asks for a password twice, and for the one before it where that is needed', () => {
  const right = { current: '', password: 'correct horse', again: 'correct horse' }
  expect(checkChange(right, false)).toEqual({})
  expect(Object.keys(checkChange(right, true))).toEqual(['current'])
  expect(checkChange({ ...right, current: 'x' }, true)).toEqual({})
  expect(Object.keys(checkChange({ ...right, again: 'Correct horse' }, false))).toEqual(['again'])
})
