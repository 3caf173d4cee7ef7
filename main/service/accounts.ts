import type * as api from '../core/api.ts'
import { AppError } from '../core/errors.ts'
import type { Account, AccountTable, User } from '../db/accounts.ts'
import type { WorkspaceTable } from '../db/workspaces.ts'
import { createLimiter } from './limiter.ts'
import type { Passwords } from './passwords.ts'
import type { Issued, Principal, Sessions } from './sessions.ts'

const WINDOW_MS = 15 * 60_000
/** So many wrong passwords within the window are taken for one name, and for all together. */
const MAX_OF_NAME = 5
const MAX_IN_ALL = 30

export interface AccountsDeps {
  table: AccountTable
  workspaces: Pick<WorkspaceTable, 'living'>
  sessions: Pick<Sessions, 'beginFor' | 'endAll' | 'endOthers' | 'rotations'>
  passwords: Passwords
  /** The desktop's own user, who keeps the accounts. */
  owner: User
  newId: () => string
  now: () => number
  /** Milliseconds of a clock that nobody sets. */
  monotonic: () => number
}

export type Accounts = ReturnType<typeof createAccounts>

/** The people of this machine: who they are, and how they sign in with a password. */
export function createAccounts(deps: AccountsDeps) {
  const { table, sessions, passwords, owner } = deps
  const [windowMs, clock] = [WINDOW_MS, deps.monotonic]
  const ofName = createLimiter({ max: MAX_OF_NAME, windowMs, now: clock })
  const inAll = createLimiter({ max: MAX_IN_ALL, windowMs, now: clock })
  let last: Promise<unknown> = Promise.resolve()

  /** One password after the other: who asks much at once gets no more tries, and none is right that is being changed. */
  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const mine = last.then(work)
    last = mine.catch(() => undefined)
    return mine
  }

  const isKeeper = (user: Pick<User, 'id'>): boolean => user.id === owner.id
  const named = (name: string): Account | undefined =>
    table.accounts().find((account) => folded(account.name) === folded(name))

  function find(id: string): Account {
    const account = table.accounts().find((account) => account.id === id)
    if (!account) throw new AppError('NOT_FOUND', 'There is no such account')
    return account
  }

  function requireKeeper(user: User): void {
    if (!isKeeper(user)) throw forbidden("Only the desktop's own user keeps the accounts")
  }

  function requireFree(name: string, but?: string): void {
    const taken = named(name)
    if (taken && taken.id !== but) throw new AppError('NAME_TAKEN', `There is an account "${taken.name}"`)
  }

  /** The same for a name that nobody has. @throws {AppError} TOO_MANY_TRIES, WRONG_PASSWORD */
  async function verify(name: string, password: string): Promise<Account> {
    const key = folded(name)
    ofName.check(key)
    inAll.check('')
    const account = named(name)
    const isRight = await passwords.verify(password, account?.passwordHash ?? null)
    // It may be over by now.
    const now = table.accounts().find(({ id }) => id === account?.id)
    if (!account || !isRight || now?.passwordHash !== account.passwordHash) {
      ofName.fail(key)
      inAll.fail('')
      throw new AppError('WRONG_PASSWORD')
    }
    ofName.forget(key)
    return account
  }

  const workspacesOf = (id: string): number =>
    deps.workspaces.living().filter(({ ownerId }) => ownerId === id).length

  const user = ({ id, name }: User): api.User => ({ id, name, desktop: isKeeper({ id }) })

  const view = (account: Account): api.Account => ({
    ...user(account),
    has_password: account.passwordHash !== null,
    workspaces: workspacesOf(account.id),
    created_at: new Date(account.createdAt).toISOString(),
  })

  return {
    isKeeper,

    /** Who it is, as the API tells it. */
    user,

    /** The oldest first. @throws {AppError} FORBIDDEN */
    list(by: User): api.Account[] {
      requireKeeper(by)
      return table.accounts().map(view)
    },

    /** @throws {AppError} FORBIDDEN, NAME_TAKEN */
    async create(by: User, { name, password }: { name: string; password: string }): Promise<api.Account> {
      requireKeeper(by)
      requireFree(name)
      const passwordHash = await passwords.hash(password)
      requireFree(name)
      const account = { id: deps.newId(), name: name.normalize('NFC'), passwordHash, createdAt: deps.now() }
      table.addAccount(account)
      ofName.forget(folded(name))
      return view(account)
    },

    /**
     * The keeper changes everybody's name and password, the others their own password, by the one they have.
     * Another password ends all sessions of the account but the one that asks, and lets its name try again.
     * @throws {AppError} FORBIDDEN, NOT_FOUND, NAME_TAKEN, WRONG_PASSWORD, TOO_MANY_TRIES; UNAUTHENTICATED when all
     * secrets were made anew meanwhile
     */
    change(by: Principal, id: string, change: api.PatchAccount): Promise<api.Account> {
      const rotations = sessions.rotations()
      return inTurn(async () => {
        const { name, password, current_password: current } = change
        if (!isKeeper(by.user) && id !== by.user.id) throw forbidden('This is the account of somebody else')
        if (!isKeeper(by.user) && name !== undefined) requireKeeper(by.user)
        const account = find(id)
        if (name !== undefined) requireFree(name, id)
        if (password !== undefined && !isKeeper(by.user) && account.passwordHash !== null)
          await verify(account.name, current ?? '')
        const passwordHash = password === undefined ? undefined : await passwords.hash(password)
        find(id) // may be gone by now
        if (sessions.rotations() !== rotations) throw new AppError('UNAUTHENTICATED')
        if (name !== undefined) requireFree(name, id)
        table.changeAccount(id, {
          ...(name !== undefined && { name: name.normalize('NFC') }),
          ...(passwordHash !== undefined && { passwordHash }),
        })
        if (passwordHash !== undefined) {
          if (id === by.user.id) sessions.endOthers(by)
          else sessions.endAll(id)
          ofName.forget(folded(find(id).name))
        }
        return view(find(id))
      })
    },

    /** Never one that has anything left, nor the desktop's own. @throws {AppError} FORBIDDEN, NOT_FOUND, ACCOUNT_IN_USE */
    remove(by: User, id: string): void {
      requireKeeper(by)
      if (isKeeper({ id })) throw forbidden("The account of the desktop's own user stays")
      find(id)
      const count = workspacesOf(id)
      if (count > 0) throw new AppError('ACCOUNT_IN_USE', `The account still has ${count} of its workspaces`)
      sessions.endAll(id)
      table.removeAccount(id, owner.id)
    },

    /** A session for whoever knows the password of that name. @throws {AppError} WRONG_PASSWORD, TOO_MANY_TRIES */
    signIn: (name: string, password: string): Promise<Issued> =>
      inTurn(async () => sessions.beginFor((await verify(name, password)).id)),
  }
}

function forbidden(message: string): AppError {
  return new AppError('FORBIDDEN', message, { hint: "Ask the desktop's own user." })
}

/** Names that differ in nothing else are the same. */
const folded = (name: string): string => name.trim().normalize('NFC').toLowerCase()
