import { RedisOAuthDatabase, RedisOAuthDatabaseError } from '@atxp/redis'
import {
  type FinishedMcpLogin,
  finishMcpLogin,
  type McpClientInformation,
  type McpOAuthProvider,
  mcpOAuthProvider,
} from '@atxp/redis/mcp'

const db = new RedisOAuthDatabase()

export const provider: McpOAuthProvider = mcpOAuthProvider({
  db,
  userId: 'user_123',
  serverUrl: new URL('https://server.example/mcp'),
  redirectUrl: 'https://app.example/callback',
  clientMetadata: { client_name: 'My app' },
  onRedirect: ({ href }) => {
    throw new Error(`Log in at ${href}`)
  },
})

export async function answerCallback(callbackUrl: string): Promise<FinishedMcpLogin | undefined> {
  try {
    return await finishMcpLogin({ db, callbackUrl, userId: 'user_123' })
  } catch (error) {
    if (error instanceof RedisOAuthDatabaseError && error.code === 'LOGIN_NOT_FOUND') return
    throw error
  }
}

export async function clientAt(issuer: string): Promise<McpClientInformation | undefined> {
  return await provider.clientInformation({ issuer })
}
