import { type Issuers, issuerKey, metadataUrl } from '../oauth/trust/issuers.js'
import type { McpDiscoveryState } from './shapes.js'

/**
 * Has the endpoints of an authorization server known that an SDK found earlier, or in another process. An SDK asks the server whose URL
 * that is for its metadata, so they count if they name that very server as their issuer (RFC 8414 section 3.3).
 */
export function learnServer(
  issuers: Issuers,
  { authorizationServerUrl, authorizationServerMetadata: metadata }: McpDiscoveryState,
): void {
  const issuer: unknown = metadata?.issuer
  if (typeof issuer !== 'string') return
  const key = issuerKey(issuer)
  if (key === undefined || key !== issuerKey(authorizationServerUrl)) return
  issuers.learn(metadataUrl(issuer), metadata)
}
