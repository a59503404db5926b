import { fileURLToPath } from 'node:url'
import { createAccount } from '../fleet/account.mjs'
import { startAuthorizationServer } from '../fleet/authorization-server.mjs'
import { listenOnLoopback, readBody, sendJson } from '../fleet/loopback-server.mjs'
import { METADATA_PATH, startMcpServer } from '../fleet/mcp-server.mjs'
import { agreeAt } from '../mcp/browser.mjs'

const PRELOADED = fileURLToPath(new URL('public-names.mjs', import.meta.url))
const AUTHORIZATION_SERVER = 'https://auth.atxp.ai'

/** Stands for the internet as the programs of README and examples see it: ATXP's servers, its accounts, and the reader's own MCP server. */
export async function startWorld() {
  const authorizationServer = await startAuthorizationServer()
  const { issuer, introspect } = authorizationServer
  const browse = await startMcpServer({ issuer, introspect })
  const own = await startMcpServer({ issuer, introspect })
  const accounts = await listenOnLoopback(async (request, response) => {
    const { codeChallenge } = JSON.parse(await readBody(request))
    const { base } = createAccount('atxp:example').paymentMakers
    sendJson(response, 200, { jwt: await base.generateJWT({ codeChallenge }) })
  })
  const names = [
    // The server here has its resource below `/mcp`.
    [`https://browse.mcp.atxp.ai${METADATA_PATH}`, `${browse.origin}${METADATA_PATH}/mcp`],
    ['https://browse.mcp.atxp.ai/', `${browse.origin}/mcp/`],
    ['https://browse.mcp.atxp.ai/', `${browse.origin}/mcp`],
    ['https://server.example', own.origin],
    [AUTHORIZATION_SERVER, issuer],
  ]
  return {
    authorizationServer,
    /** For programs that run in it. */
    env: {
      NODE_OPTIONS: `--import=${PRELOADED}`,
      PUBLIC_NAMES: JSON.stringify(names),
      ATXP_CONNECTION: `${accounts.origin}/?connection_token=example`,
    },
    /**
     * What the browser does at the authorization server: gives the URL of the callback, `iss` included.
     * @param {string} authorizationUrl
     * @param {string} userId
     */
    async agreeAt(authorizationUrl, userId) {
      const local = authorizationUrl.replace(AUTHORIZATION_SERVER, issuer)
      const callback = new URL(await agreeAt(local, userId))
      callback.searchParams.set('iss', AUTHORIZATION_SERVER)
      return callback
    },
    async stop() {
      await accounts.stop()
      await own.stop()
      await browse.stop()
      await authorizationServer.stop()
    },
  }
}
