import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import type Docker from 'dockerode'
import tar from 'tar-stream'
import { NODE } from './containers.ts'

const TINY = `exec ${NODE} /usr/local/lib/tiny-code-server.mjs "$@"`

/** Images made from the workspace image, in which `code-server` is something that starts (or fails) quickly. */
const VARIANTS = {
  /** Answers, and that is all. */
  tiny: TINY,
  /** Ends two seconds after it has first answered. */
  mortal: `TINY_LIFETIME_MS=2000 ${TINY}`,
  /** Does not listen to a friendly word. */
  stubborn: `TINY_STUBBORN=1 ${TINY}`,
  /** Ends at once. */
  broken: 'echo "the editor finds no place to stand" >&2; exit 3',
}
export type Variant = keyof typeof VARIANTS

/** Builds a variant of `base` and gives it `ref` and `labels`. */
export async function buildImage(
  docker: Docker,
  {
    base,
    variant,
    ref,
    labels,
  }: { base: string; variant: Variant; ref: string; labels: Record<string, string> },
): Promise<void> {
  const context = tar.pack()
  // Before everything else in the search path.
  context.entry({ name: 'code-server', mode: 0o755 }, `#!/bin/sh\n${VARIANTS[variant]}\n`)
  context.entry(
    { name: 'tiny-code-server.mjs', mode: 0o644 },
    await readFile(join(import.meta.dirname, 'tiny-code-server.mjs')),
  )
  context.entry({ name: 'modules/x', type: 'directory', mode: 0o555 })
  context.entry({ name: 'modules/x/x.go', mode: 0o444 }, 'package x\n')
  context.entry(
    { name: 'Dockerfile' },
    [
      `FROM ${base}`,
      // As images do that come with their Go modules.
      'COPY --chown=1000:1000 modules /home/coder/go/pkg/mod/',
      'COPY code-server /usr/local/sbin/code-server',
      'COPY tiny-code-server.mjs /usr/local/lib/tiny-code-server.mjs',
    ].join('\n'),
  )
  context.finalize()
  await finished(docker, await docker.buildImage(Readable.from(context), { t: ref, labels, forcerm: true }))
}

/** Waits for the end of an engine call that tells its progress. */
export function finished(docker: Docker, stream: NodeJS.ReadableStream): Promise<void> {
  return new Promise((resolve, reject) => {
    docker.modem.followProgress(
      stream,
      (error) => (error ? reject(error) : resolve()),
      (event: { error?: string }) => {
        if (event.error !== undefined) reject(new Error(event.error))
      },
    )
  })
}

/**
 * Writes the few files of a tiny image to `dir` as the tar of a file system, and returns its path: for an engine into
 * which the full image would take long to load. No two are the same, so that no engine has its layer already.
 */
export async function slimFileSystem(
  docker: Docker,
  { ref, dir, labels }: { ref: string; dir: string; labels: Record<string, string> },
): Promise<string> {
  const container = await docker.createContainer({
    Image: ref,
    Labels: labels,
    User: '0',
    Entrypoint: ['sh', '-c'],
    Cmd: [
      `tools="/bin/sh ${NODE} $(for tool in tar zstd sync; do command -v $tool; done)"; head -c 16 /dev/urandom > /etc/unique
      libraries=$(for tool in $tools; do ldd "$tool"; done | grep -o '/[^ ]*' | sort -u)
      tar -chf /out/slim.tar -C / /etc/unique /etc/passwd /etc/group /home/coder $tools $libraries \
        /usr/local/sbin/code-server /usr/local/lib/tiny-code-server.mjs`,
    ],
    HostConfig: { NetworkMode: 'none', Mounts: [{ Type: 'bind', Source: dir, Target: '/out' }] },
  })
  try {
    await container.start()
    const { StatusCode } = (await container.wait()) as { StatusCode: number }
    if (StatusCode !== 0) throw new Error(`tar ended with ${StatusCode}`)
  } finally {
    await container.remove({ force: true })
  }
  return join(dir, 'slim.tar')
}
