import type { Readable } from 'node:stream'

/** Where homes live. A key is `users/<user_id>/workspaces/<workspace_id>/home`; never an absolute path. */
export interface HomeStore {
  /** @throws {AppError} HOME_STORE_UNAVAILABLE: then nothing is known about any home. */
  observe(key: string): Promise<'absent' | 'present'>
  /** Where the home is on this machine. */
  pathOf(key: string): string
  /** True while anything of the workspace is left here, a half-removed home included. */
  remains(key: string): Promise<boolean>
  /** Makes an empty home; one that is there stays as it is. */
  create(key: string, opId: string): Promise<void>
  /**
   * Gives a home that is still empty its first content, whole or not at all. `fill` is handed a function that unpacks
   * a tar stream of `/home/coder`; it is not called when the home holds anything.
   */
  seed(
    key: string,
    opId: string,
    fill: (unpack: (tar: Readable) => Promise<void>) => Promise<void>,
  ): Promise<void>
  /** Removes a home and what attempts to make it left. */
  remove(key: string, opId: string): Promise<void>
}
