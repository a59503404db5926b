// Compiled, never run: the provider is one of each SDK, and its `fetch` one of each transport.
import { type OAuthClientProvider as AiProvider, createMCPClient } from '@ai-sdk/mcp'
import {
  type OAuthClientProvider as ProviderV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client'
import type { OAuthClientProvider as ProviderV1 } from '@modelcontextprotocol/sdk/client/auth.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { RedisOAuthDatabase } from '../../src/index.js'
import {
  finishMcpLogin,
  type McpClientInformation,
  type McpOAuthProvider,
  type McpTokens,
  mcpOAuthProvider,
} from '../../src/mcp.js'

const serverUrl = new URL('https://server.example/mcp')

export function providers(provider: McpOAuthProvider): [ProviderV1, ProviderV2, AiProvider] {
  return [provider, provider, provider]
}

export async function useOfEach(db: RedisOAuthDatabase): Promise<string> {
  const provider = mcpOAuthProvider({
    db,
    userId: 'user_123',
    serverUrl,
    redirectUrl: 'https://app.example/callback',
    clientMetadata: { client_name: 'My app' },
    onRedirect: () => undefined,
  })
  new TransportV1(serverUrl, { authProvider: provider, fetch: provider.fetch })
  new TransportV2(serverUrl, { authProvider: provider, fetch: provider.fetch })
  await createMCPClient({
    transport: {
      type: 'http',
      url: serverUrl.href,
      authProvider: provider,
      fetch: provider.fetch,
    },
  })
  const finished = await finishMcpLogin({ db, callbackUrl: '/callback', userId: 'user_123' })
  return finished.serverUrl
}

/** What each SDK gives to be saved can be saved, and what was saved is what it reads. */
export function saved(
  v1: Parameters<ProviderV1['saveTokens']>[0],
  v2: Parameters<ProviderV2['saveTokens']>[0],
  ai: Parameters<AiProvider['saveTokens']>[0],
): McpTokens[] {
  return [v1, v2, ai]
}

export function clients(
  v1: Parameters<NonNullable<ProviderV1['saveClientInformation']>>[0],
  v2: Parameters<NonNullable<ProviderV2['saveClientInformation']>>[0],
  ai: Parameters<NonNullable<AiProvider['saveClientInformation']>>[0],
): McpClientInformation[] {
  return [v1, v2, ai]
}

export function withHooks(provider: McpOAuthProvider): ProviderV1 {
  return {
    ...provider,
    addClientAuthentication: (headers) => headers.set('authorization', 'Basic ...'),
  }
}
