import type { Composition } from '../database/composition.js'
import { issuerKey } from '../oauth/trust/issuers.js'
import type { McpDiscoveryState } from './shapes.js'

/** Whether both name one issuer, with a slash at the end or without. */
export function isSameIssuer(one: unknown, other: unknown): boolean {
  if (typeof one !== 'string' || typeof other !== 'string') return false
  const key = issuerKey(one)
  return key !== undefined && key === issuerKey(other)
}

/**
 * The same without metadata of another issuer than was asked (RFC 8414 section 3.3). Not every SDK compares, and one that does takes
 * what is handed to it for compared.
 */
export function withOwnMetadata(server: McpDiscoveryState): McpDiscoveryState {
  const { authorizationServerMetadata: metadata, ...others } = server
  return isSameIssuer(metadata?.issuer, server.authorizationServerUrl) ? server : others
}

/**
 * Has the endpoints of an authorization server known that an SDK found earlier, or in another process. An SDK asks the server whose URL
 * that is for its metadata, so they count if they name that very server as their issuer (RFC 8414 section 3.3).
 * @param client - what its `fetch` was given as options
 */
export function learnServer(
  coordination: Composition['coordination'],
  client: object,
  server: McpDiscoveryState,
): void {
  if (server.authorizationServerMetadata === undefined) return
  coordination.learnFor(client, withOwnMetadata(server).authorizationServerMetadata)
}
