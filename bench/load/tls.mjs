import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as x509 from '@peculiar/x509'
import { Redis } from 'ioredis'
import { temporaryFolder } from '../../scripts/cleanup.mjs'

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
const DAY_MS = 24 * 60 * 60 * 1000

/** Has a server speak TLS, and nothing else, on its port; gives the certificate to trust. */
export async function enableTls(redis) {
  const directory = await temporaryFolder()
  const { cert, key } = await makeCertificate()
  const files = { cert: join(directory, 'server.crt'), key: join(directory, 'server.key') }
  await writeFile(files.cert, cert)
  await writeFile(files.key, key, { mode: 0o600 })
  const client = new Redis(redis.url)
  try {
    await client.config('SET', 'tls-cert-file', files.cert, 'tls-key-file', files.key)
    await client.config('SET', 'tls-ca-cert-file', files.cert, 'tls-auth-clients', 'no')
    await client.config('SET', 'port', 0)
    await client.config('SET', 'tls-port', redis.port)
    return { ca: cert }
  } finally {
    client.disconnect()
  }
}

async function makeCertificate() {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: 'CN=bench',
      keys,
      signingAlgorithm: ALGORITHM,
      notBefore: new Date(Date.now() - DAY_MS),
      notAfter: new Date(Date.now() + DAY_MS),
      extensions: [
        new x509.BasicConstraintsExtension(true, undefined, true),
        new x509.SubjectAlternativeNameExtension([{ type: 'ip', value: '127.0.0.1' }]),
      ],
    },
    webcrypto,
  )
  const key = await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)
  return { cert: certificate.toString('pem'), key: x509.PemConverter.encode(key, 'PRIVATE KEY') }
}
