// A process for the referee: the client of the MCP SDK, `node mcp-client.mjs v1|v2 memory|file|one-file|redis`.
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'
import { loadSdk } from '../mcp/load-sdk.mjs'

const [version, storage] = process.argv.slice(2)
const { REFEREE_USER, REFEREE_REDIRECT_URL, REFEREE_DIRECTORY, REDIS_URL } = process.env
const load = createRequire(import.meta.url)

const { Client, StreamableHTTPClientTransport, UnauthorizedError } = await loadSdk(version)

const clientMetadata = {
  client_name: 'referee',
  redirect_uris: [REFEREE_REDIRECT_URL],
  token_endpoint_auth_method: 'none',
}

/** What everybody writes first: each part where it was put last. */
class NaiveProvider {
  redirectUrl = REFEREE_REDIRECT_URL
  clientMetadata = clientMetadata

  constructor(store, onRedirect) {
    this.store = store
    this.redirectToAuthorization = onRedirect
  }

  clientInformation = () => this.store.read().client
  saveClientInformation = (client) => this.store.write({ client })
  tokens = () => this.store.read().tokens
  saveTokens = (tokens) => this.store.write({ tokens })
  codeVerifier = () => this.store.read().verifier
  saveCodeVerifier = (verifier) => this.store.write({ verifier })
  discoveryState = () => this.store.read().discovery
  saveDiscoveryState = (discovery) => this.store.write({ discovery })
  invalidateCredentials = (scope) =>
    this.store.write(
      scope === 'all'
        ? { client: undefined, tokens: undefined, verifier: undefined, discovery: undefined }
        : { [scope]: undefined },
    )
}

function memoryStore() {
  let content = {}
  return {
    read: () => content,
    write: (changes) => {
      content = { ...content, ...changes }
    },
  }
}

function fileStore(server) {
  const name = storage === 'one-file' ? 'every-server' : encodeURIComponent(server)
  const file = `${REFEREE_DIRECTORY}/${name}.json`
  const read = () => {
    try {
      return JSON.parse(readFileSync(file, 'utf8'))
    } catch {
      return {}
    }
  }
  return {
    read,
    write: (changes) => writeFileSync(file, JSON.stringify({ ...read(), ...changes })),
  }
}

function openDatabase() {
  const { RedisOAuthDatabase } = load('../../../dist/index.js')
  // The directory is new for each scenario.
  return new RedisOAuthDatabase({ url: REDIS_URL, keyPrefix: `${REFEREE_DIRECTORY}:` })
}

const db = storage === 'redis' ? openDatabase() : undefined

/** What the transport takes. */
function createProvider(server, onRedirect) {
  if (db === undefined) {
    const store = storage === 'memory' ? memoryStore() : fileStore(server)
    return { authProvider: new NaiveProvider(store, onRedirect) }
  }
  const { mcpOAuthProvider } = load('../../../dist/mcp.js')
  const authProvider = mcpOAuthProvider({
    db,
    userId: REFEREE_USER,
    serverUrl: server,
    redirectUrl: REFEREE_REDIRECT_URL,
    clientMetadata,
    onRedirect,
  })
  return { authProvider, fetch: authProvider.fetch }
}

/** One MCP server as this process knows it. */
class Connection {
  loginUrl
  client

  constructor(server) {
    this.url = new URL(server)
    this.options = createProvider(server, (url) => {
      this.loginUrl = url.href
    })
  }

  transport = () => new StreamableHTTPClientTransport(this.url, this.options)

  async call() {
    try {
      this.client ??= await this.connect()
      const { content } = await this.client.callTool({ name: 'whoami', arguments: {} })
      return { answer: content[0].text }
    } catch (error) {
      if (error instanceof UnauthorizedError) return { login: this.loginUrl }
      throw error
    }
  }

  async connect() {
    const client = new Client({ name: 'referee', version: '1.0.0' })
    await client.connect(this.transport())
    return client
  }

  async finish(callback) {
    if (db !== undefined) {
      const { finishMcpLogin } = load('../../../dist/mcp.js')
      await finishMcpLogin({ db, callbackUrl: callback, userId: REFEREE_USER })
      return { answer: 'logged in' }
    }
    const { searchParams } = new URL(callback)
    await this.transport().finishAuth(searchParams.get('code'), searchParams.get('iss'))
    return { answer: 'logged in' }
  }
}

const connections = new Map()

async function answer({ type, server, callback }) {
  const connection = connections.get(server) ?? new Connection(server)
  connections.set(server, connection)
  return type === 'finish' ? connection.finish(callback) : connection.call()
}

const print = (message) => process.stdout.write(`${JSON.stringify(message)}\n`)

print({ ready: true })
for await (const line of createInterface({ input: process.stdin })) {
  const { id, ...request } = JSON.parse(line)
  answer(request).then(
    (outcome) => print({ id, ...outcome }),
    (error) => print({ id, error: `${error.name}: ${error.message}` }),
  )
}
process.exit()
