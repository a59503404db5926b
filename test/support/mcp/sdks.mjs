import { loadSdk } from './load-sdk.mjs'

/**
 * @typedef {{ fetch?: typeof fetch } & Record<string, any>} Provider
 * @typedef {'v1' | 'v2' | 'ai'} SdkName
 * @typedef {object} Session
 * @property {() => Promise<string>} whoami calls the one tool of the MCP server
 * @property {() => Promise<void>} close
 * @typedef {object} Sdk
 * @property {() => Promise<Session>} connect rejects as the SDK does where the user has to log in
 * @property {(callback: URL) => Promise<void>} finishAuth as a callback that only the SDK itself hears of
 */

const INFO = { name: 'test', version: '1.0.0' }
const CALL = { name: 'whoami', arguments: {} }
const TIMEOUT = { timeout: 30_000 }

/**
 * A client of each SDK at one MCP server. An SDK is loaded by who asks for it.
 * @type {Record<SdkName, (serverUrl: string, provider: Provider) => Promise<Sdk>>}
 */
export const SDKS = {
  async v1(serverUrl, provider) {
    const { Client, StreamableHTTPClientTransport: Transport } = await loadSdk('v1')
    const transportTo = transports(Transport, serverUrl, provider)
    return {
      connect: () =>
        connected(Client, transportTo(), (client) => client.callTool(CALL, undefined, TIMEOUT)),
      finishAuth: ({ searchParams }) => transportTo().finishAuth(searchParams.get('code')),
    }
  },
  async v2(serverUrl, provider) {
    const { Client, StreamableHTTPClientTransport: Transport } = await loadSdk('v2')
    const transportTo = transports(Transport, serverUrl, provider)
    return {
      connect: () => connected(Client, transportTo(), (client) => client.callTool(CALL, TIMEOUT)),
      finishAuth: ({ searchParams }) => transportTo().finishAuth(searchParams),
    }
  },
  async ai(serverUrl, provider) {
    const { auth, createMCPClient } = await import('@ai-sdk/mcp')
    const { fetch } = provider
    return {
      async connect() {
        const transport = { type: 'http', url: serverUrl, authProvider: provider, fetch }
        const client = await createMCPClient({ transport: /** @type {any} */ (transport) })
        return {
          async whoami() {
            const { whoami } = /** @type {any} */ (await client.tools())
            return (await whoami.execute({}, { messages: [], toolCallId: '1' })).content[0].text
          },
          close: () => client.close(),
        }
      },
      async finishAuth({ searchParams }) {
        const parameter = (/** @type {string} */ name) => searchParams.get(name) ?? ''
        await auth(/** @type {any} */ (provider), {
          serverUrl,
          authorizationCode: parameter('code'),
          callbackState: parameter('state'),
          callbackIssuer: parameter('iss'),
          fetchFn: fetch,
        })
      },
    }
  },
}

/**
 * @param {any} Transport
 * @param {string} serverUrl
 * @param {Provider} provider
 */
function transports(Transport, serverUrl, provider) {
  return () => new Transport(new URL(serverUrl), { authProvider: provider, fetch: provider.fetch })
}

/**
 * @param {any} Client
 * @param {any} transport
 * @param {(client: any) => Promise<any>} call
 * @returns {Promise<Session>}
 */
async function connected(Client, transport, call) {
  const client = new Client(INFO)
  await client.connect(transport)
  return {
    whoami: async () => (await call(client)).content[0].text,
    close: () => client.close(),
  }
}
