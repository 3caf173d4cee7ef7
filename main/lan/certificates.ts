import 'reflect-metadata' // before x509, which needs it
import { BlockList, isIP, isIPv4 } from 'node:net'
import { AsnConvert } from '@peculiar/asn1-schema'
import {
  GeneralName,
  GeneralSubtree,
  GeneralSubtrees,
  NameConstraints,
  id_ce_nameConstraints,
} from '@peculiar/asn1-x509'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'

const DAY_MS = 86_400_000
const EC = { name: 'ECDSA', namedCurve: 'P-256' } as const
const SIGNING = { name: 'ECDSA', hash: 'SHA-256' } as const

/** What is only ever a machine nearby: who trusts the authority trusts it for nothing else. */
// prettier-ignore
const NEARBY = [
  '10.0.0.0/8', '172.16.0.0/12', '192.168.0.0/16', '169.254.0.0/16', '100.64.0.0/10', '127.0.0.0/8',
  'fc00::/7', 'fe80::/10', '::1/128',
]

const nearby = new BlockList()
for (const range of NEARBY) {
  const [net = '', bits] = range.split('/')
  nearby.addSubnet(net, Number(bits), isIPv4(net) ? 'ipv4' : 'ipv6')
}

/** A certificate and its key, both PEM. */
export interface Pair {
  key: string
  cert: string
}

export interface Names {
  addresses: readonly string[]
  hosts: readonly string[]
}

/** A new authority for machines nearby, and for what else this machine is called now. */
export async function makeAuthority(
  hostname: string,
  addresses: readonly string[],
  life: Life,
): Promise<Pair> {
  const keys = await newKeys()
  const cert = await X509CertificateGenerator.createSelfSigned({
    name: [{ CN: [`Berth on ${hostname.slice(0, 40)} (local)`] }],
    ...validity(life),
    keys,
    signingAlgorithm: SIGNING,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      constraints(hostname, addresses),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { key: await pemOf(keys.privateKey), cert: cert.toString('pem') }
}

/**
 * A certificate of an authority for a server at these addresses and names. Names beyond the authority's constraints are
 * left out, as one of them would spoil the rest.
 */
export async function makeCertificate(
  authority: Pair,
  { addresses, hosts }: Names,
  life: Life,
): Promise<Pair> {
  const issuer = new X509Certificate(authority.cert)
  const der = PemConverter.decodeFirst(authority.key)
  const signingKey = await crypto.subtle.importKey('pkcs8', der, EC, false, ['sign'])
  const permitted = permittedNames(issuer)
  const isPermitted = (host: string): boolean =>
    permitted.some((name) => host === name || host.endsWith(`.${name}`))
  const keys = await newKeys()
  const cert = await X509CertificateGenerator.create({
    subject: [{ CN: ['Berth share'] }], // no name of a host: those are in the extension, where constraints look
    issuer: issuer.subjectName,
    ...validity(life),
    publicKey: keys.publicKey,
    signingKey,
    signingAlgorithm: SIGNING,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension([
        ...addresses.map((value) => ({ type: 'ip' as const, value })),
        ...hosts.filter(isPermitted).map((value) => ({ type: 'dns' as const, value })),
      ]),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  })
  return { key: await pemOf(keys.privateKey), cert: cert.toString('pem') }
}

/** Milliseconds since the epoch. */
interface Life {
  now: number
  until: number
}

/** From a day ago, as the guests' clocks are not ours. */
const validity = ({ now, until }: Life) => ({
  notBefore: new Date(now - DAY_MS),
  notAfter: new Date(until),
})

const newKeys = (): Promise<CryptoKeyPair> => crypto.subtle.generateKey(EC, true, ['sign', 'verify'])

const pemOf = async (key: CryptoKey): Promise<string> =>
  `${PemConverter.encode(await crypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY')}\n`

function constraints(hostname: string, addresses: readonly string[]): Extension {
  const beyond = addresses.filter((address) => isIPv4(address) && !nearby.check(address, 'ipv4'))
  const ranges = [...NEARBY, ...beyond.map((address) => `${address}/32`)]
  const names = new Set(['local', 'localhost', ...(isName(hostname) ? [hostname] : [])])
  const permitted = [
    ...ranges.map((iPAddress) => ({ iPAddress })),
    ...[...names].map((dNSName) => ({ dNSName })),
  ].map((name) => new GeneralSubtree({ base: new GeneralName(name) }))
  const value = new NameConstraints({ permittedSubtrees: new GeneralSubtrees(permitted) })
  return new Extension(id_ce_nameConstraints, true, AsnConvert.serialize(value))
}

function permittedNames(cert: X509Certificate): string[] {
  const extension = cert.getExtension(id_ce_nameConstraints)
  if (!extension) return []
  const { permittedSubtrees } = AsnConvert.parse(extension.value, NameConstraints)
  return (permittedSubtrees ?? []).flatMap(({ base }) => base.dNSName ?? [])
}

/** What a certificate may call a DNS name. */
const isName = (text: string): boolean => /^[a-z0-9-]+(\.[a-z0-9-]+)*$/.test(text) && isIP(text) === 0
