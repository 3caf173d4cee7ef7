import init from './0001-init.ts'
import lifecycle from './0002-lifecycle.ts'
import visitors from './0003-visitors.ts'
import environment from './0004-environment.ts'

/** In order and never changed: a database's `user_version` is how many of these it has had. */
export const MIGRATIONS: readonly string[] = [init, lifecycle, visitors, environment]
