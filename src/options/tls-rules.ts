import { type ConnectionOptions, createSecureContext, type SecureContextOptions } from 'node:tls'
import { types } from 'node:util'
import {
  type Check,
  didYouMean,
  flag,
  isRecord,
  secretText,
  shownName,
  text,
  value,
} from './checks.js'

/** What `tls.connect` takes beside the address, in Node 16. */
const NAMES = [
  'allowPartialTrustChain',
  'ALPNProtocols',
  'ca',
  'cert',
  'checkServerIdentity',
  'ciphers',
  'clientCertEngine',
  'crl',
  'dhparam',
  'ecdhCurve',
  'enableTrace',
  'honorCipherOrder',
  'key',
  'lookup',
  'maxVersion',
  'minDHSize',
  'minVersion',
  'passphrase',
  'pfx',
  'privateKeyEngine',
  'privateKeyIdentifier',
  'pskCallback',
  'rejectUnauthorized',
  'requestCert',
  'requestOCSP',
  'secureContext',
  'secureOptions',
  'secureProtocol',
  'servername',
  'session',
  'sessionIdContext',
  'sessionTimeout',
  'sigalgs',
  'SNICallback',
  'ticketKeys',
  'timeout',
] as const satisfies readonly (keyof ConnectionOptions | 'allowPartialTrustChain' | 'requestOCSP')[]

/** Of sockets, which Node hands on. */
const SOCKET_NAMES = [
  'autoSelectFamily',
  'autoSelectFamilyAttemptTimeout',
  'blockList',
  'family',
  'highWaterMark',
  'hints',
  'keepAlive',
  'keepAliveInitialDelay',
  'localAddress',
  'localPort',
  'noDelay',
  'signal',
]

const KNOWN: readonly string[] = [...NAMES, ...SOCKET_NAMES]

/** They would lead the connection past what the other options say. */
const ADDRESS_NAMES = ['host', 'path', 'port', 'socket']

const MEMBERS: Readonly<Record<string, Check>> = {
  ca: value(
    'certificates in PEM as text or Buffer, or a list of them. Read a file with readFileSync(path)',
    (given) => (Array.isArray(given) ? given : [given]).every(isPem),
    { isSecret: true },
  ),
  rejectUnauthorized: flag,
  servername: text('a host name'),
  passphrase: secretText('a string'),
  checkServerIdentity: value('a function', (given) => typeof given === 'function'),
}

const isTlsObject = value("an object of Node's TLS options", isRecord, { isSecret: true })

/** Node itself looks at them only when it connects, and takes a CA that is no certificate for none. */
export const tls: Check = (given, name) => {
  isTlsObject(given, name)
  const options = given as Readonly<Record<string, unknown>>
  for (const [member, one] of Object.entries(options)) {
    checkName(member, name)
    if (one !== undefined) MEMBERS[member]?.(one, `${name}.${member}`)
  }
  if (isAccepted(options)) return
  const { passphrase } = options as { passphrase?: unknown }
  const culprit = Object.keys(options).find(
    (member) => !isAccepted({ [member]: options[member], passphrase }),
  )
  throw new TypeError(
    culprit === undefined
      ? `${name} must be options that Node's TLS takes together: cert and key must belong to each other`
      : `${name}.${culprit} must be what Node's TLS takes: certificates and keys in PEM, not the path of a file`,
  )
}

function checkName(member: string, name: string): void {
  if (ADDRESS_NAMES.includes(member)) {
    throw new TypeError(`${name}.${member} is not an option: say outside of tls where Redis is`)
  }
  if (!KNOWN.includes(member)) {
    throw new TypeError(
      `${name}.${shownName(member)} is not an option of Node's tls.connect${didYouMean(member, KNOWN)}`,
    )
  }
}

function isPem(given: unknown): boolean {
  const pem = types.isUint8Array(given) ? Buffer.from(given).toString('latin1') : given
  return typeof pem === 'string' && pem.includes('-----BEGIN ')
}

function isAccepted(options: object): boolean {
  try {
    createSecureContext(options as SecureContextOptions)
    return true
  } catch {
    return false
  }
}
