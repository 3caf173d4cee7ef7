import { describe, expect, test } from 'vitest'
import { renumber } from './name-user.ts'

const ME = { uid: 501, gid: 20 }
const PASSWD = `root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
coder:x:1000:1000:,,,:/home/coder:/bin/zsh
`
const GROUP = `root:x:0:
dialout:x:20:
coder:x:1000:
`

/** Who a system takes a number for: the first line that has it. */
const whoIs = (content: string, number: number): string | undefined =>
  content.split('\n').find((line) => line.split(':')[2] === String(number))

describe('passwd', () => {
  test('has coder under the new numbers, with the shell that it had, and everybody else as before', () => {
    expect(renumber('passwd', PASSWD, ME).split('\n')).toEqual([
      'coder:x:501:20::/home/coder:/bin/zsh',
      'root:x:0:0:root:/root:/bin/bash',
      'daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin',
      '',
    ])
  })

  test('has coder first where another has its number already', () => {
    expect(whoIs(renumber('passwd', PASSWD, { uid: 1, gid: 1 }), 1)).toMatch(/^coder:/)
  })

  test('of an image that knows no coder, or nobody at all, gets one with a shell', () => {
    expect(renumber('passwd', 'root:x:0:0::/root:/bin/sh\n', ME)).toMatch(
      /^coder:x:501:20::\/home\/coder:\/bin\/sh\n/,
    )
    expect(renumber('passwd', '', ME)).toBe('coder:x:501:20::/home/coder:/bin/sh\n')
  })

  test('does not take a name that begins like coder for coder', () => {
    const other = 'coderanger:x:7:7::/home/coderanger:/bin/sh'
    expect(renumber('passwd', `${other}\n`, ME)).toContain(other)
  })

  test('is the same when it is done twice', () => {
    const once = renumber('passwd', PASSWD, ME)
    expect(renumber('passwd', once, ME)).toBe(once)
  })
})

test('group has coder first under its number, and the others as before', () => {
  expect(renumber('group', GROUP, ME)).toBe('coder:x:20:\nroot:x:0:\ndialout:x:20:\n')
  expect(whoIs(renumber('group', GROUP, ME), 20)).toMatch(/^coder:/)
})
