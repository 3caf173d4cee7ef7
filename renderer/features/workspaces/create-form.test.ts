import { expect, it } from 'vitest'
import { createWorkspace } from '../../../main/core/api.ts'
import { BLANK, check, toWish } from './create-form.ts'

it('needs a name and nothing else', () => {
  expect(check(BLANK)).toEqual({ name: 'Give it a name.' })
  expect(check({ ...BLANK, name: '  ' })).toEqual({ name: 'Give it a name.' })
  expect(check({ ...BLANK, name: 'x'.repeat(101) })).toHaveProperty('name')
  expect(check({ ...BLANK, name: 'demo' })).toEqual({})
})

it('refuses numbers that are none or out of range', () => {
  for (const cpus of ['x', '0', '257', 'Infinity'])
    expect(check({ ...BLANK, name: 'demo', cpus })).toHaveProperty('cpus')
  for (const memory of ['x', '0.1', '1025'])
    expect(check({ ...BLANK, name: 'demo', memory })).toHaveProperty('memory')
})

it('takes for an image what the server takes', () => {
  const images = [
    'node',
    'a.b:5000/c/d:1-2@sha256:00',
    '--rm',
    'a b',
    'a;b',
    'x'.repeat(300),
    'x'.repeat(301),
  ]
  for (const image of images) {
    const accepted = createWorkspace.safeParse({ name: 'demo', image_ref: image }).success
    expect('image' in check({ ...BLANK, name: 'demo', image }), image).toBe(!accepted)
  }
})

it('asks only for what was filled in', () => {
  expect(toWish({ ...BLANK, name: ' demo ' })).toEqual({ name: 'demo' })
})

it('makes a wish that the server accepts', () => {
  const wish = toWish({
    name: 'demo',
    image: 'codercom/code-server:latest',
    cpus: '1,5',
    memory: '2.5',
    sudo: true,
  })
  expect(wish).toEqual({
    name: 'demo',
    image_ref: 'codercom/code-server:latest',
    cpus: 1.5,
    memory_bytes: 2_684_354_560,
    sudo: true,
  })
  expect(createWorkspace.parse(wish)).toEqual(wish)
})
