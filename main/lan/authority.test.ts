import { spawnSync } from 'node:child_process'
import { X509Certificate, createPrivateKey } from 'node:crypto'
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { connect, createServer, type ConnectionOptions } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { tempDir } from '../testing/temp-dir.ts'
import { createAuthority, type AuthorityDeps } from './authority.ts'

const DAY_MS = 86_400_000
const NAMES = { addresses: ['192.168.7.9', '127.0.0.1'], hosts: ['desk', 'desk.local'] }

function bench(change: Partial<AuthorityDeps> = {}) {
  const dir = change.dir ?? join(tempDir(), 'tls')
  const deps = { dir, hostname: 'desk', addresses: () => [], now: Date.now, ...change }
  return { dir, authority: createAuthority(deps) }
}

/** Runs openssl, a verifier that is not Node's; what it said, and whether it agreed. */
function openssl(...args: string[]): { ok: boolean; said: string } {
  const { status, stdout, stderr, error } = spawnSync('openssl', args, { encoding: 'utf8' })
  if (error) throw error
  return { ok: status === 0, said: stdout + stderr }
}

/** Has openssl sign a certificate with the authority's own key, as somebody would who has stolen it. */
function forge(dir: string, san: string): { key: string; cert: string; path: string } {
  const made = tempDir()
  const at = (name: string): string => join(made, name)
  writeFileSync(at('ext'), `subjectAltName=${san}\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n`)
  for (const args of [
    ['ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', at('key')],
    ['req', '-new', '-key', at('key'), '-subj', '/CN=forged by us', '-out', at('csr')],
    [
      ...['x509', '-req', '-in', at('csr'), '-CA', join(dir, 'ca.crt'), '-CAkey', join(dir, 'ca.key')],
      ...['-set_serial', '7', '-days', '10', '-extfile', at('ext'), '-out', at('crt')],
    ],
  ])
    expect(openssl(...args)).toMatchObject({ ok: true })
  return { key: readFileSync(at('key'), 'utf8'), cert: readFileSync(at('crt'), 'utf8'), path: at('crt') }
}

/** A real handshake: 'ok', or why the client refused. */
async function handshake(
  { key, cert }: { key: string; cert: string },
  options: ConnectionOptions,
): Promise<string> {
  const server = createServer({ key, cert }, (socket) => socket.on('error', () => undefined).end())
  server.on('tlsClientError', () => undefined)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  const { port } = server.address() as AddressInfo
  return new Promise((resolve) => {
    const client = connect({ host: '127.0.0.1', port, ...options }, () => {
      client.destroy()
      resolve('ok')
    })
    client.on('error', (error: Error) => resolve(error.message))
  })
}

describe('the authority', () => {
  test('is one, for ten years, and says whose it is', async () => {
    const { authority } = bench()
    const opened = await authority.open()
    const cert = new X509Certificate(opened.certificate)
    expect(cert.ca).toBe(true)
    expect(cert.verify(cert.publicKey)).toBe(true)
    expect(cert.subject).toBe('CN=Berth on desk (local)')
    expect(cert.publicKey.asymmetricKeyDetails).toMatchObject({ namedCurve: 'prime256v1' })
    const years = (Date.parse(cert.validTo) - Date.now()) / (365 * DAY_MS)
    expect(years).toBeCloseTo(10, 1)
    expect(opened.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/)
    expect(opened.fingerprint).toBe(cert.fingerprint256)
  })

  test('has its limits marked as critical', async () => {
    const { dir, authority } = bench({ addresses: () => ['8.8.4.4', '192.168.7.9', '2001:db8::1'] })
    await authority.open()
    const { said } = openssl('x509', '-in', join(dir, 'ca.crt'), '-noout', '-text')
    expect(said).toMatch(/Basic Constraints: critical\s+CA:TRUE, pathlen:0/)
    expect(said).toMatch(/Key Usage: critical\s+Certificate Sign\n/)
    expect(said).toMatch(/Name Constraints: critical\s+Permitted:/)
    for (const name of [
      'IP:10.0.0.0/255.0.0.0',
      'IP:172.16.0.0/255.240.0.0',
      'IP:192.168.0.0/255.255.0.0',
      'IP:169.254.0.0/255.255.0.0',
      'IP:100.64.0.0/255.192.0.0',
      'IP:127.0.0.0/255.0.0.0',
      'IP:8.8.4.4/255.255.255.255',
      'DNS:local',
      'DNS:localhost',
      'DNS:desk',
    ])
      expect(said).toContain(`${name}\n`)
    expect(said.match(/IP:/g)).toHaveLength(10)
  })

  test('is the same after a restart', async () => {
    const { dir, authority } = bench()
    const first = await authority.open()
    const again = await bench({ dir }).authority.open()
    expect(again.certificate).toBe(first.certificate)
    expect(again.fingerprint).toBe(first.fingerprint)
    expect(await authority.open()).toBe(first)
  })

  test('is another after it was renewed, and the old key is gone', async () => {
    const { dir, authority } = bench()
    const first = await authority.open()
    const key = readFileSync(join(dir, 'ca.key'), 'utf8')
    authority.renew()
    expect(authority.current()).toBeUndefined()
    expect(readdirSync(dir)).toEqual([])
    const next = await authority.open()
    expect(next.fingerprint).not.toBe(first.fingerprint)
    expect(readFileSync(join(dir, 'ca.key'), 'utf8')).not.toBe(key)
  })

  test('is made anew when it ends before a certificate of it would', async () => {
    const { dir, authority } = bench()
    const first = await authority.open()
    const later = Date.now() + 3_600 * DAY_MS
    const next = await bench({ dir, now: () => later }).authority.open()
    expect(next.fingerprint).not.toBe(first.fingerprint)
    const soon = await bench({ dir, now: () => later + 3_000 * DAY_MS }).authority.open()
    expect(soon.fingerprint).toBe(next.fingerprint)
  })

  test('is made anew when a crash left half of one', async () => {
    for (const file of ['ca.key', 'ca.crt']) {
      const { dir, authority } = bench()
      const first = await authority.open()
      rmSync(join(dir, file))
      const next = await bench({ dir }).authority.open()
      expect(next.fingerprint).not.toBe(first.fingerprint)
      expect(new X509Certificate(next.certificate).checkPrivateKey(keyIn(dir))).toBe(true)
    }
  })

  const keyIn = (dir: string) => createPrivateKey(readFileSync(join(dir, 'ca.key')))

  test('is refused when others may read its key, until that is put right', async () => {
    const { dir, authority } = bench()
    const { fingerprint } = await authority.open()
    const key = join(dir, 'ca.key')
    expect(readFileSync(key, 'utf8')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
    expect(statSync(key).mode & 0o777).toBe(0o600)
    expect(statSync(dir).mode & 0o777).toBe(0o700)
    for (const mode of [0o644, 0o640, 0o604]) {
      chmodSync(key, mode)
      const { authority: next } = bench({ dir })
      await expect(next.open()).rejects.toMatchObject({
        code: 'INVALID_INPUT',
        message: 'The key of the certificate authority may be read by others',
        cause: expect.objectContaining({ message: `${key} may be read by others` }) as Error,
      })
      chmodSync(key, 0o600)
      expect((await next.open()).fingerprint).toBe(fingerprint)
    }
  })

  test('is refused, and left as it is, when its files are something else', async () => {
    const { dir, authority } = bench()
    await authority.open()
    const other = bench()
    await other.authority.open()
    const cert = join(dir, 'ca.crt')
    for (const text of ['', 'nothing', readFileSync(join(other.dir, 'ca.crt'), 'utf8')]) {
      writeFileSync(cert, text)
      await expect(bench({ dir }).authority.open()).rejects.toMatchObject({ code: 'INVALID_INPUT' })
      expect(readFileSync(cert, 'utf8')).toBe(text)
    }
  })

  test('says so when it cannot be written', async () => {
    const dir = join(tempDir(), 'file')
    writeFileSync(dir, '')
    await expect(bench({ dir }).authority.open()).rejects.toMatchObject({
      code: 'INVALID_INPUT',
      message: 'A certificate authority cannot be kept',
      cause: expect.objectContaining({ message: expect.stringContaining(dir) as string }) as Error,
    })
  })
})

describe('a certificate of it', () => {
  test('is for these addresses and names, for 90 days, and signs nothing', async () => {
    const { authority } = bench()
    const { certificate, issue } = await authority.open()
    const issued = await issue(NAMES)
    const leaf = new X509Certificate(issued.cert)
    const ca = new X509Certificate(certificate)
    expect(leaf.ca).toBe(false)
    expect(leaf.checkIssued(ca)).toBe(true)
    expect(leaf.verify(ca.publicKey)).toBe(true)
    for (const address of NAMES.addresses) expect(leaf.checkIP(address)).toBe(address)
    for (const host of NAMES.hosts) expect(leaf.checkHost(host)).toBe(host)
    expect(leaf.checkIP('192.168.7.10')).toBeUndefined()
    expect(leaf.checkHost('example.com')).toBeUndefined()
    expect(leaf.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1'])
    expect(Date.parse(leaf.validTo)).toBe(issued.expiresAt)
    expect(Math.round((issued.expiresAt - Date.now()) / DAY_MS)).toBe(90)
    expect(Date.parse(leaf.validFrom)).toBeLessThan(Date.now())
    expect(leaf.checkPrivateKey(createPrivateKey(issued.key))).toBe(true)
  })

  test('has a key that no file holds, and that no other has', async () => {
    const { dir, authority } = bench()
    const { issue } = await authority.open()
    const [one, two] = [await issue(NAMES), await issue(NAMES)]
    expect(one.key).not.toBe(two.key)
    expect(new X509Certificate(one.cert).serialNumber).not.toBe(new X509Certificate(two.cert).serialNumber)
    expect(readdirSync(dir).sort()).toEqual(['ca.crt', 'ca.key'])
    expect(readFileSync(join(dir, 'ca.key'), 'utf8')).not.toBe(one.key)
  })

  test('is accepted by who trusts the authority, and by nobody else', async () => {
    const { dir, authority } = bench()
    const { certificate, issue } = await authority.open()
    const issued = await issue(NAMES)
    expect(await handshake(issued, { ca: certificate })).toBe('ok')
    expect(await handshake(issued, { ca: certificate, servername: 'desk.local' })).toBe('ok')
    expect(await handshake(issued, { ca: certificate, servername: 'other.local' })).toContain(
      "does not match certificate's altnames",
    )
    expect(await handshake(issued, {})).toContain('unable to verify the first certificate')

    const path = join(tempDir(), 'leaf')
    writeFileSync(path, issued.cert)
    const verify = (...args: string[]) =>
      openssl(
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-CAfile',
        join(dir, 'ca.crt'),
        ...args,
        path,
      )
    expect(verify('-verify_ip', '192.168.7.9')).toMatchObject({ ok: true })
    expect(verify('-verify_hostname', 'desk.local')).toMatchObject({ ok: true })
    expect(verify('-verify_ip', '192.168.7.10')).toMatchObject({ ok: false })
    expect(openssl('verify', path)).toMatchObject({ ok: false })
  })

  test('leaves out a name that the authority may not vouch for, and is good for the rest', async () => {
    const { authority } = bench()
    const { certificate, issue } = await authority.open()
    const issued = await issue({ addresses: ['127.0.0.1'], hosts: ['renamed', 'renamed.local', 'undesk'] })
    const leaf = new X509Certificate(issued.cert)
    expect(leaf.subjectAltName).toBe('IP Address:127.0.0.1, DNS:renamed.local')
    expect(await handshake(issued, { ca: certificate })).toBe('ok')
  })

  test('is made for any address, though nobody trusts it beyond the constraints', async () => {
    const { authority } = bench({ addresses: () => ['8.8.4.4'] })
    const { certificate, issue } = await authority.open()
    const at = async (address: string): Promise<string> =>
      handshake(await issue({ addresses: [address], hosts: [] }), { ca: certificate, servername: address })
    expect(
      new X509Certificate((await issue({ addresses: ['9.9.9.9'], hosts: [] })).cert).checkIP('9.9.9.9'),
    ).toBe('9.9.9.9')
    expect(await at('9.9.9.9')).toBe('permitted subtree violation')
    expect(await at('8.8.4.4')).not.toBe('permitted subtree violation')
  })
})

describe('a stolen key of the authority', () => {
  test.each([
    'DNS:example.com',
    'DNS:login.example.com',
    'DNS:desk.evil.com',
    'IP:9.9.9.9',
    'IP:2001:db8::1',
  ])('is worth nothing for %s', async (san) => {
    const { dir, authority } = bench()
    const { certificate } = await authority.open()
    const forged = forge(dir, san)
    const verdict = openssl('verify', '-CAfile', join(dir, 'ca.crt'), forged.path)
    expect(verdict.ok).toBe(false)
    expect(verdict.said).toContain('permitted subtree violation')
    expect(await handshake(forged, { ca: certificate, servername: 'example.com' })).toBe(
      'permitted subtree violation',
    )
  })

  test('is refused for its constraints, and for nothing else', async () => {
    const { dir, authority } = bench()
    await authority.open()
    const forged = forge(dir, 'DNS:desk.local,IP:192.168.1.1,IP:fd00::1')
    expect(openssl('verify', '-CAfile', join(dir, 'ca.crt'), forged.path)).toMatchObject({ ok: true })
  })
})

test('an authority that was never needed has no files', () => {
  const { dir, authority } = bench()
  expect(authority.current()).toBeUndefined()
  authority.renew()
  expect(existsSync(dir)).toBe(false)
})
