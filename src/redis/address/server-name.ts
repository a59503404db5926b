import { isIP } from 'node:net'
import type { ConnectionOptions } from 'node:tls'

/**
 * Node verifies the certificate against the host, but sends its name (SNI) only where `servername` says one, and hosted
 * services route by that name. An address has none (RFC 6066 section 3).
 */
export function withServerName(tls: ConnectionOptions, host: string): ConnectionOptions {
  return isIP(host) === 0 && tls.servername === undefined ? { ...tls, servername: host } : tls
}
