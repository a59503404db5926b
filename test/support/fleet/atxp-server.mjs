import { OAuthResourceClient } from '@atxp/common'
import { startMcpServer } from './mcp-server.mjs'

/**
 * @typedef {Awaited<ReturnType<typeof startAtxpServer>>} AtxpServer
 * @typedef {{ oAuthDb: import('@atxp/common').OAuthDb, oAuthChannelFetch: import('@atxp/common').FetchLike }} ServerOptions
 */

const silence = { debug() {}, info() {}, warn() {}, error() {} }

/**
 * A stand-in for `atxpExpress`, which is not on the registry that these tests can reach. It does what that one does with
 * OAuth, and nothing of what it does with payments:
 * - a challenge is `Bearer resource_metadata="..."` and never names an error, whatever is wrong with the token;
 * - each token is introspected (RFC 7662) by the SDK's own `OAuthResourceClient`, which registers with the authorization
 *   server when it has no client there, and again when its client is refused;
 * - the caller's token is saved under the url `''` with each request, its expiry in seconds, before the request is served.
 *
 * @param {object} options
 * @param {string} options.issuer
 * @param {ServerOptions} options.serverOptions what `withOAuthDatabase` makes of a server's options
 */
export async function startAtxpServer({ issuer, serverOptions }) {
  const { oAuthDb, oAuthChannelFetch } = serverOptions
  const resourceClient = new OAuthResourceClient({
    db: oAuthDb,
    sideChannelFetch: oAuthChannelFetch,
    allowInsecureRequests: true,
    logger: silence,
  })

  /** @param {string} accessToken */
  async function introspect(accessToken) {
    const { active, sub } = await resourceClient.introspectToken(issuer, accessToken)
    if (!active || sub === undefined) return { active: false }
    const expiresAt = Math.floor(Date.now() / 1000) + 3600
    await oAuthDb.saveAccessToken(sub, '', { accessToken, resourceUrl: '', expiresAt })
    return { active, sub }
  }

  const server = await startMcpServer({ issuer, introspect })
  server.configure({ refreshHint: false })
  return {
    ...server,
    reset() {
      server.reset()
      server.configure({ refreshHint: false })
    },
    async stop() {
      await server.stop()
      await oAuthDb.close()
    },
  }
}
