/** What can be told of a name and a password without asking the server; it has the last word. Pure. */
import { messages } from '../../messages.ts'

const words = messages.account

export interface NewAccount {
  readonly name: string
  readonly password: string
}

export interface NewPassword {
  readonly current: string
  readonly password: string
  readonly again: string
}

export type Errors<Fields> = { readonly [F in keyof Fields]?: string }

export function checkAccount({ name, password }: NewAccount): Errors<NewAccount> {
  const length = name.trim().length
  return {
    ...(length === 0 && { name: words.nameMissing }),
    ...(length > 64 && { name: words.nameTooLong }),
    ...checkPassword(password),
  }
}

/** `asksCurrent`: whoever changes it must know the one that it replaces. */
export function checkChange(fields: NewPassword, asksCurrent: boolean): Errors<NewPassword> {
  return {
    ...(asksCurrent && fields.current === '' && { current: words.currentMissing }),
    ...checkPassword(fields.password),
    ...(fields.again !== fields.password && { again: words.passwordOther }),
  }
}

function checkPassword(password: string): { password?: string } {
  return {
    ...(password.length < 8 && { password: words.passwordShort }),
    ...(password.length > 200 && { password: words.passwordLong }),
  }
}
