import type { McpAuthorizationServer, McpClientInformation } from './shapes.js'

// `@ai-sdk/mcp` binds what a client registers by stamps. A client that was registered beforehand has none, so its provider says them.

type Stamps = Pick<McpClientInformation, 'issuer' | 'authorization_server' | 'token_endpoint'>

export function stampsOf(server: McpAuthorizationServer): Stamps {
  const { issuer, authorizationServerUrl, tokenEndpoint } = server
  return {
    ...(issuer !== undefined && { issuer }),
    authorization_server: authorizationServerUrl,
    token_endpoint: tokenEndpoint,
  }
}

/** Undefined without its stamps. */
export function serverOf(stamps: Stamps | undefined): McpAuthorizationServer | undefined {
  const { issuer, authorization_server, token_endpoint } = stamps ?? {}
  if (authorization_server === undefined || token_endpoint === undefined) return undefined
  return {
    ...(issuer !== undefined && { issuer }),
    authorizationServerUrl: authorization_server,
    tokenEndpoint: token_endpoint,
  }
}
