import { realpath } from 'node:fs/promises'
import { isAbsolute, join, relative, resolve } from 'node:path'
import { AppError, errnoOf } from '../core/errors.ts'

/**
 * Gives what refuses to mount anything but what lies below one of `roots`, and there by no link: what a link leads to may be
 * any place of this machine. A root itself may be one.
 */
export function createSourceCheck(roots: readonly string[]): (source: string) => Promise<void> {
  /** @throws {AppError} NOT_SUPPORTED; DOCKER_FAILED when nothing is there. */
  return async (source) => {
    const root = roots.find((one) => isBelow(one, source))
    if (root === undefined)
      throw new AppError('NOT_SUPPORTED', `${source} is no directory of Berth's, and is not mounted`)
    const [found, wanted] = await Promise.all([
      realOf(source),
      realOf(root).then((real) => join(real, relative(root, source))),
    ])
    if (found !== wanted)
      throw new AppError('NOT_SUPPORTED', `${source} leads elsewhere by a link, and is not mounted`, {
        hint: 'Put the directory itself there in place of the link, then retry.',
      })
  }
}

function isBelow(root: string, path: string): boolean {
  const way = relative(root, path)
  return resolve(path) === path && way !== '' && !/^\.\.([/\\]|$)/.test(way) && !isAbsolute(way)
}

async function realOf(path: string): Promise<string> {
  try {
    return await realpath(path)
  } catch (error) {
    throw new AppError('DOCKER_FAILED', `${path} cannot be mounted (${errnoOf(error)})`, { cause: error })
  }
}
