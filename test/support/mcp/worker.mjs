import { createRequire } from 'node:module'
import { serve } from '../processes/process-child.mjs'
import { naiveProvider, redisStore } from './naive-provider.mjs'
import { SDKS } from './sdks.mjs'

/**
 * @typedef {{ sdk: import('./sdks.mjs').SdkName, provider: 'ours' | 'naive', url: string, keyPrefix: string, userId: string,
 *   serverUrl: string, redirectUrl: string }} WorkerSetup
 * @typedef {{ answer: string } | { loginUrl: string } | { error: string, code: string | null }} Outcome
 */

const load = createRequire(import.meta.url)

/** @type {WorkerSetup} */
let setup
/** @type {any} */
let db
/** @type {any} */
let provider
/** @type {ReturnType<typeof redisStore> | undefined} */
let store
/** @type {import('./sdks.mjs').Session | undefined} */
let session
/** @type {string | undefined} */
let loginUrl

serve({
  /** @param {WorkerSetup} next */
  async configure(next) {
    await close()
    setup = next
    const { userId, serverUrl, redirectUrl, url, keyPrefix } = setup
    const onRedirect = (/** @type {URL} */ to) => {
      loginUrl = to.href
    }
    const common = { userId, serverUrl, redirectUrl, onRedirect }
    if (setup.provider === 'naive') {
      store = redisStore(url, keyPrefix)
      provider = naiveProvider({ ...common, store })
      return
    }
    const { RedisOAuthDatabase } = load('../../../dist/index.js')
    const { mcpOAuthProvider } = load('../../../dist/mcp.js')
    db = new RedisOAuthDatabase({ url, keyPrefix })
    provider = mcpOAuthProvider({ ...common, db, clientMetadata: { client_name: 'My app' } })
  },

  connect: () => outcomeOf(whoami),

  /** @param {{ afterMs: number }} options */
  async call({ afterMs }) {
    await new Promise((resolve) => setTimeout(resolve, afterMs))
    return outcomeOf(whoami)
  },

  /**
   * The callback of a login, which may have begun in another process.
   * @param {string} callbackUrl
   */
  finish: (callbackUrl) =>
    outcomeOf(async () => {
      if (setup.provider === 'naive') {
        const sdk = await SDKS[setup.sdk](setup.serverUrl, provider)
        await sdk.finishAuth(new URL(callbackUrl))
        return setup.serverUrl
      }
      const { finishMcpLogin } = load('../../../dist/mcp.js')
      const { serverUrl } = await finishMcpLogin({ db, callbackUrl, userId: setup.userId })
      return serverUrl
    }),

  close,
})

async function whoami() {
  if (session === undefined) {
    const sdk = await SDKS[setup.sdk](setup.serverUrl, provider)
    session = await sdk.connect()
  }
  return session.whoami()
}

/**
 * @param {() => Promise<string>} work
 * @returns {Promise<Outcome>}
 */
async function outcomeOf(work) {
  loginUrl = undefined
  try {
    return { answer: await work() }
  } catch (error) {
    if (loginUrl !== undefined) return { loginUrl }
    const { message, code } = /** @type {any} */ (error)
    return { error: message, code: code ?? null }
  }
}

async function close() {
  await session?.close()
  session = undefined
  store?.close()
  store = undefined
  await db?.close()
  db = undefined
}
