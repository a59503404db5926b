export {
  type FinishedMcpLogin,
  type FinishMcpLoginOptions,
  finishMcpLogin,
} from './mcp/login/finish-login.js'
export type { McpOAuthProviderOptions } from './mcp/options.js'
export { mcpOAuthProvider } from './mcp/provider.js'
export type {
  McpAuthorizationServer,
  McpClientInformation,
  McpClientMetadata,
  McpCredentialsScope,
  McpDiscoveryState,
  McpFetch,
  McpOAuthProvider,
  McpTokens,
} from './mcp/shapes.js'
