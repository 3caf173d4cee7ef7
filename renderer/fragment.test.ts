import { expect, it } from 'vitest'
import { readFragment, without } from './fragment.ts'

it('reads what the address bar asks for', () => {
  expect(readFragment('#code=a%2Bb')).toEqual({ code: 'a+b', open: null })
  expect(readFragment('#open=01a&next=%2Fw%2F01a%2F%3Ffolder%3D%2Fhome')).toEqual({
    code: null,
    open: { id: '01a', path: '/w/01a/?folder=/home' },
  })
  expect(readFragment('#open=01a')).toEqual({ code: null, open: { id: '01a', path: undefined } })
  expect(readFragment('')).toEqual({ code: null, open: null })
})

it('takes fields out and leaves the rest', () => {
  expect(without('#code=x', 'code')).toBe('')
  expect(without('#code=x&open=01a', 'code')).toBe('#open=01a')
  expect(without('', 'code')).toBe('')
})
