import { mkdir, readFile, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { isDebian } from './debian.mjs'
import { npmConfig } from './npm.mjs'
import { versions } from './paths.mjs'
import { ask } from './processes.mjs'

/**
 * What this machine knows about its network, for a build inside a container: whom to trust, which mirror and which registry to ask.
 * @param {string} dir
 */
export async function writeHostFiles(dir) {
  const certificates = path.join(dir, 'certificates')
  const sources = path.join(dir, 'apt', 'sources.list.d')
  for (const folder of [certificates, sources]) await mkdir(folder, { recursive: true })
  for (const [index, certificate] of (await trusted()).entries())
    await writeFile(path.join(certificates, `host-${index}.crt`), `${certificate}\n`)
  const mirror = await aptMirror()
  // Takes the place of the file that Debian's own image has under this name.
  if (mirror) await writeFile(path.join(sources, 'debian.sources'), aptSources(mirror))
  await writeFile(path.join(dir, 'npmrc'), await npmrc())
}

/** The certificate authorities of this machine, a company's own among them, each one once. */
async function trusted() {
  const { env } = process
  const files = [
    env.NODE_EXTRA_CA_CERTS,
    env.SSL_CERT_FILE,
    env.CURL_CA_BUNDLE,
    await npmConfig('cafile'),
    '/etc/ssl/certs/ca-certificates.crt',
    '/etc/pki/tls/certs/ca-bundle.crt',
    '/etc/ssl/cert.pem',
  ]
  const texts = await Promise.all(files.map((file) => (file ? readFile(file, 'utf8').catch(() => '') : '')))
  return [...new Set(texts.join('\n').match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g))]
}

/**
 * The Debian mirror this machine uses.
 * @returns {Promise<{ main: string, security: string | undefined } | undefined>}
 */
export async function aptMirror() {
  if (!isDebian) return undefined
  const format = ['--format', '$(ORIGIN) $(LABEL) $(REPO_URI)', 'Created-By: Packages']
  const listed = (await ask('apt-get', ['indextargets', ...format])) ?? ''
  const uri = (/** @type {string} */ label) => new RegExp(`^Debian ${label} (\\S+)$`, 'm').exec(listed)?.[1]
  const main = uri('Debian')
  return main ? { main, security: uri('Debian-Security') } : undefined
}

/** @param {{ main: string, security: string | undefined }} mirror */
function aptSources({ main, security }) {
  const { suite } = versions.workspaceImage
  const stanza = (/** @type {string} */ uri, /** @type {string} */ suites) =>
    `Types: deb\nURIs: ${uri}\nSuites: ${suites}\nComponents: main\nSigned-By: /usr/share/keyrings/debian-archive-keyring.gpg\n`
  const stanzas = [stanza(main, `${suite} ${suite}-updates`)]
  if (security) stanzas.push(stanza(security, `${suite}-security`))
  return stanzas.join('\n')
}

/** The part of this machine's npm settings that says where packages come from. */
async function npmrc() {
  const files = await Promise.all(['globalconfig', 'userconfig'].map(npmConfig))
  const texts = await Promise.all(files.map((file) => (file ? readFile(file, 'utf8').catch(() => '') : '')))
  const lines = texts
    .join('\n')
    .split('\n')
    .filter((line) => /^\s*(\/\/|@[^:]+:registry|(https?-)?proxy|noproxy|strict-ssl)/.test(line))
  const registry = `registry=${await npmConfig('registry')}`
  // Such a file may refer to the environment, which stays behind.
  return [...lines, registry, ''].join('\n').replace(/\$\{(\w+)\}/g, (all, name) => process.env[name] ?? all)
}
