import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { makeDirectory } from '../processes/lifeline.js'

const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 24 * 60 * 60 * 1000

const crypto = webcrypto as unknown as Crypto

/** A certificate and its private key, as PEM text and as files. */
export interface Certificate {
  cert: string
  key: string
  certFile: string
  keyFile: string
}

export interface Certificates {
  /** The authority that the tests trust. */
  ca: Certificate
  /** For a server: by `ca`, for `localhost`, `127.0.0.1` and `::1`. */
  server: Certificate
  /** For a client: by `ca`. */
  client: Certificate
  /** As `server`, and out of date since yesterday. */
  expired: Certificate
  /** As `server`, by an authority that nobody trusts. */
  foreign: Certificate
  /** As `server`, for another name and no address. */
  wrongName: Certificate
}

export type ServerCertificateName = 'server' | 'expired' | 'foreign' | 'wrongName'

let made: Promise<Certificates> | undefined

/** The certificates of this process, made on the first call. No private key is ever committed. */
export function certificates(): Promise<Certificates> {
  made ??= makeCertificates()
  return made
}

interface Issuer {
  name: string
  keys: CryptoKeyPair
}

interface Subject {
  name: string
  issuer?: Issuer
  altNames?: x509.JsonGeneralNames
  notAfter?: Date
}

async function makeCertificates(): Promise<Certificates> {
  const directory = makeDirectory()

  async function make(file: string, subject: Subject): Promise<Certificate & { issuer: Issuer }> {
    const keys = (await crypto.subtle.generateKey(KEY_ALGORITHM, true, [
      'sign',
      'verify',
    ])) as CryptoKeyPair
    const cert = (await sign(subject, keys)).toString('pem')
    const pkcs8 = await crypto.subtle.exportKey('pkcs8', keys.privateKey)
    const key = x509.PemConverter.encode(pkcs8, 'PRIVATE KEY')
    const certFile = join(directory, `${file}.crt`)
    const keyFile = join(directory, `${file}.key`)
    writeFileSync(certFile, cert)
    writeFileSync(keyFile, key, { mode: 0o600 })
    return { cert, key, certFile, keyFile, issuer: { name: subject.name, keys } }
  }

  const ca = await make('ca', { name: 'Test CA' })
  const otherCa = await make('other-ca', { name: 'Other CA' })
  const altNames: x509.JsonGeneralNames = [
    { type: 'dns', value: 'localhost' },
    { type: 'ip', value: '127.0.0.1' },
    { type: 'ip', value: '::1' },
  ]
  const byCa = { name: 'localhost', issuer: ca.issuer, altNames }
  const notAfter = new Date(Date.now() - DAY_MS)
  return {
    ca,
    server: await make('server', byCa),
    client: await make('client', { name: 'client', issuer: ca.issuer }),
    expired: await make('expired', { ...byCa, notAfter }),
    foreign: await make('foreign', { ...byCa, issuer: otherCa.issuer }),
    wrongName: await make('wrong-name', {
      name: 'elsewhere.example',
      issuer: ca.issuer,
      altNames: [{ type: 'dns', value: 'elsewhere.example' }],
    }),
  }
}

function sign(subject: Subject, keys: CryptoKeyPair): Promise<x509.X509Certificate> {
  const { name, issuer, altNames, notAfter = new Date(Date.now() + 30 * DAY_MS) } = subject
  const isCa = issuer === undefined
  const extensions: x509.Extension[] = [new x509.BasicConstraintsExtension(isCa, undefined, true)]
  if (altNames !== undefined) extensions.push(new x509.SubjectAlternativeNameExtension(altNames))
  return x509.X509CertificateGenerator.create(
    {
      subject: `CN=${name}`,
      issuer: `CN=${issuer?.name ?? name}`,
      publicKey: keys.publicKey,
      signingKey: (issuer?.keys ?? keys).privateKey,
      signingAlgorithm: KEY_ALGORITHM,
      notBefore: new Date(notAfter.getTime() - 60 * DAY_MS),
      notAfter,
      extensions,
    },
    crypto,
  )
}
