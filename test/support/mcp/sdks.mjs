import { auth as authAi, createMCPClient } from '@ai-sdk/mcp'
import {
  Client as ClientV2,
  StreamableHTTPClientTransport as TransportV2,
} from '@modelcontextprotocol/client'
import { Client as ClientV1 } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport as TransportV1 } from '@modelcontextprotocol/sdk/client/streamableHttp.js'

/**
 * @typedef {{ fetch?: typeof fetch } & Record<string, any>} Provider
 * @typedef {object} Session
 * @property {() => Promise<string>} whoami calls the one tool of the MCP server
 * @property {(callback: URL) => Promise<void>} finishAuth as a callback that only the SDK itself hears of
 * @property {() => Promise<void>} close
 */

const INFO = { name: 'test', version: '1.0.0' }
const CALL = { name: 'whoami', arguments: {} }
const TIMEOUT = { timeout: 30_000 }

/**
 * A client of each SDK at one MCP server. `connect` rejects as the SDK does where the user has to log in.
 * @type {Record<'v1' | 'v2' | 'ai', (serverUrl: string, provider: Provider) => { connect(): Promise<Session>, finishAuth(callback: URL): Promise<void> }>}
 */
export const SDKS = {
  v1: (serverUrl, provider) => ofOfficial(ClientV1, TransportV1, serverUrl, provider),
  v2: (serverUrl, provider) => ofOfficial(ClientV2, TransportV2, serverUrl, provider),
  ai: (serverUrl, provider) => {
    const finishAuth = async (/** @type {URL} */ { searchParams }) => {
      await authAi(/** @type {any} */ (provider), {
        serverUrl,
        authorizationCode: searchParams.get('code') ?? '',
        callbackState: searchParams.get('state') ?? '',
        callbackIssuer: searchParams.get('iss') ?? '',
        fetchFn: provider.fetch,
      })
    }
    return {
      finishAuth,
      async connect() {
        const transport = {
          type: 'http',
          url: serverUrl,
          authProvider: provider,
          fetch: provider.fetch,
        }
        const client = await createMCPClient({ transport: /** @type {any} */ (transport) })
        return {
          finishAuth,
          async whoami() {
            const { tools } = await client.listTools()
            const { whoami } = client.toolsFromDefinitions(/** @type {any} */ ({ tools }))
            const answer = await whoami.execute({}, { messages: [], toolCallId: '1' })
            return answer.content[0].text
          },
          close: () => client.close(),
        }
      },
    }
  },
}

/**
 * @param {any} Client
 * @param {any} Transport
 * @param {string} serverUrl
 * @param {Provider} provider
 */
function ofOfficial(Client, Transport, serverUrl, provider) {
  const newTransport = () =>
    new Transport(new URL(serverUrl), { authProvider: provider, fetch: provider.fetch })
  const finishAuth = (/** @type {URL} */ { searchParams }) =>
    newTransport().finishAuth(Client === ClientV1 ? searchParams.get('code') : searchParams)
  return {
    finishAuth,
    async connect() {
      const client = new Client(INFO)
      await client.connect(newTransport())
      return {
        finishAuth,
        async whoami() {
          // v1 has a result schema between.
          const args = Client === ClientV1 ? [CALL, undefined, TIMEOUT] : [CALL, TIMEOUT]
          const answer = await client.callTool(...args)
          return answer.content[0].text
        },
        close: () => client.close(),
      }
    },
  }
}
