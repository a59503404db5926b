import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { Gathering } from './gathering.mjs'
import { listenOnLoopback, sendJson } from './loopback-server.mjs'

/**
 * @typedef {import('node:http').IncomingMessage} IncomingMessage
 * @typedef {import('node:http').ServerResponse} ServerResponse
 * @typedef {{ active: boolean, sub?: string }} TokenState
 * @typedef {Awaited<ReturnType<typeof startMcpServer>>} TestMcpServer
 */

const METADATA_PATH = '/.well-known/oauth-protected-resource'
const NO_COUNTS = { toolCalls: 0, unauthorized: 0, refusedEventStreams: 0 }

/**
 * A stateless MCP server on loopback with one tool, `whoami`. `/mcp` and every path below it is a resource of its own
 * to OAuth (RFC 9728), so that a client can log in at one and call another.
 *
 * @param {object} options
 * @param {string} options.issuer the authorization server that its metadata names
 * @param {(accessToken: string) => TokenState | Promise<TokenState>} options.introspect
 */
export async function startMcpServer({ issuer, introspect }) {
  const settings = { refreshHint: true }
  const counts = { ...NO_COUNTS }
  const gathering = new Gathering()
  const server = await listenOnLoopback(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', origin)
    const resourcePath = metadataSubject(pathname)
    if (resourcePath !== null) {
      return sendJson(response, 200, {
        resource: `${origin}${resourcePath}`,
        authorization_servers: [issuer],
      })
    }
    if (!isResource(pathname)) return sendJson(response, 404, { error: 'not_found' })

    const token = request.headers.authorization?.match(/^Bearer (\S+)$/i)?.[1]
    const state = token === undefined ? { active: false } : await introspect(token)
    if (!state.active) {
      counts.unauthorized += 1
      await gathering.join()
      return refuse(response, pathname, token !== undefined)
    }
    if (request.method !== 'POST') {
      counts.refusedEventStreams += 1
      response.writeHead(405, { allow: 'POST' }).end()
      return
    }
    await answerMessage(request, response, state.sub ?? '', pathname)
  })
  const { origin } = server

  /**
   * The two challenges that `@atxp/client` tells apart: with an error it refreshes, with metadata alone it authorizes.
   * @param {ServerResponse} response
   * @param {string} pathname
   * @param {boolean} hadToken
   */
  function refuse(response, pathname, hadToken) {
    const error = 'error="invalid_grant", error_description="The access token expired", '
    const metadata = `resource_metadata="${origin}${METADATA_PATH}${pathname}"`
    const challenge = `Bearer ${settings.refreshHint && hadToken ? error : ''}${metadata}`
    sendJson(response, 401, { error: 'unauthorized' }, { 'www-authenticate': challenge })
  }

  /**
   * @param {IncomingMessage} request
   * @param {ServerResponse} response
   * @param {string} subject
   * @param {string} pathname
   */
  async function answerMessage(request, response, subject, pathname) {
    const mcp = new McpServer({ name: 'fixture', version: '1.0.0' })
    mcp.registerTool(
      'whoami',
      { description: 'Tells whose token came with the call.' },
      async () => {
        counts.toolCalls += 1
        return { content: [{ type: 'text', text: `${subject} at ${pathname}` }] }
      },
    )
    // No session id generator: each request stands alone.
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true })
    response.on('close', () => void mcp.close())
    await mcp.connect(/** @type {any} */ (transport))
    await transport.handleRequest(request, response)
  }

  return {
    origin,
    /** @param {string} [path] */
    url: (path = '/mcp') => `${origin}${path}`,
    /**
     * `refreshHint: false` makes every 401 a plain one, after which clients authorize instead of refreshing.
     * @param {Partial<typeof settings>} changes
     */
    configure: (changes) => void Object.assign(settings, changes),
    /**
     * Holds refusals until a number of them is there: whoever was refused goes on in the same moment.
     * @param {number} size
     */
    gatherRefusals: (size) => gathering.start(size),
    /** `refusedEventStreams` counts the GET with which each connecting client ends, once it came with a valid token. */
    counters: () => ({ ...counts }),
    reset() {
      gathering.disperse()
      Object.assign(counts, NO_COUNTS)
      settings.refreshHint = true
    },
    stop() {
      gathering.disperse()
      return server.stop()
    },
  }
}

/** @param {string} pathname */
function isResource(pathname) {
  return pathname === '/mcp' || pathname.startsWith('/mcp/')
}

/**
 * Metadata stands at the well-known path before the resource's own and, for older clients, after it.
 * @param {string} pathname
 * @returns {string | null}
 */
function metadataSubject(pathname) {
  if (pathname.startsWith(METADATA_PATH)) {
    const path = pathname.slice(METADATA_PATH.length)
    return isResource(path) ? path : null
  }
  if (!pathname.endsWith(METADATA_PATH)) return null
  const path = pathname.slice(0, -METADATA_PATH.length)
  return isResource(path) ? path : null
}
