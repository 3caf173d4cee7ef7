import type { Readable } from 'node:stream'
import type { Manifest } from '../core/manifest.ts'

/** What lies where homes are and describes itself. */
export interface FoundHome {
  /** Where its home is, or would be. */
  key: string
  manifest: Manifest
  home: 'absent' | 'present' | 'trashed'
}

/** Where homes live. A key is `users/<user_id>/workspaces/<workspace_id>/home`; never an absolute path. */
export interface HomeStore {
  /**
   * `trashed`: it was deleted and can be taken back. One that is there counts before one in the trash.
   * @throws {AppError} HOME_STORE_UNAVAILABLE: then nothing is known about any home.
   */
  observe(key: string): Promise<'absent' | 'present' | 'trashed'>
  /** Where the home is on this machine. */
  pathOf(key: string): string
  /** True while anything of the workspace is left here: manifest, trash and half-removed homes included. */
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
  /** Makes a home of what `fill` puts into an empty directory beside its place: whole or not at all; one that is there stays as it is. */
  restore(key: string, opId: string, fill: (dir: string) => Promise<void>): Promise<void>
  /**
   * Removes a home for which an archive stands, unless anything in it has a ctime after `newestChangeMs` (since the epoch).
   * Its manifest stays.
   * @throws {AppError} HOME_CHANGED: then it is as it was.
   */
  discard(key: string, opId: string, newestChangeMs: number): Promise<void>
  /** Ends a `discard` that was cut off, with its `opId`, and removes what other attempts left; a home that is there stays. */
  sweep(key: string, opId: string, newestChangeMs: number): Promise<void>
  /** Puts a home in the trash, in one rename; what an earlier deletion left there goes. */
  trash(key: string): Promise<void>
  /** Takes a home back from the trash, in one rename. */
  untrash(key: string): Promise<void>
  /** Removes all there is of a workspace, for good. */
  purge(key: string, opId: string): Promise<void>
  /** Writes the manifest beside the home, unless it says the same already or nothing was ever made for this workspace. */
  describe(key: string, manifest: Manifest): Promise<void>
  /** What stands beside the home, or where it was; undefined when there is nothing, or nothing that can be understood. */
  manifest(key: string): Promise<Manifest | undefined>
  /** All that describes itself. */
  found(): Promise<FoundHome[]>
  /** Gives what lies under `from`, of a user that another database knew, the place `to`. */
  adopt(from: string, to: string): Promise<void>
}
