import type { IncomingMessage, ServerResponse } from 'node:http'
import { Gathering } from './gathering.js'
import { listenOnLoopback, readBody, sendJson } from './loopback-server.js'
import { bearerToken } from './oauth-request.js'

export const METADATA_PATH = '/.well-known/oauth-protected-resource'
const NO_COUNTS = { toolCalls: 0, unauthorized: 0, refusedEventStreams: 0 }

/** Of the protocol: the newest is what a client gets that asks for one which is not listed. */
const VERSIONS = ['2025-11-25', '2025-06-18', '2025-03-26', '2024-11-05']
const METHOD_NOT_FOUND = -32601
const PARSE_ERROR = { jsonrpc: '2.0', id: null, error: { code: -32700, message: 'no JSON object' } }
const TOOL = {
  name: 'whoami',
  description: 'Tells whose token came with the call.',
  inputSchema: { type: 'object', properties: {} },
}

export interface McpServerOptions {
  /** The authorization server that its metadata names. */
  issuer: string
  introspect(accessToken: string): Introspected | Promise<Introspected>
}

interface Introspected {
  active: boolean
  sub?: string
}

export interface McpServerSettings {
  /** `false` makes every 401 a plain one, after which `@atxp/client` authorizes instead of refreshing. */
  refreshHint: boolean
}

export interface McpServer {
  readonly origin: string
  /** @param path - `/mcp` when it is left out */
  url(path?: string): string
  configure(changes: Partial<McpServerSettings>): void
  /** Holds refusals until a number of them is there: whoever was refused goes on in the same moment. */
  gatherRefusals(size: number): void
  /** Settles in that moment. */
  refusalsGathered(): Promise<void>
  /** `refusedEventStreams` counts the GET with which each connecting client ends, once it came with a valid token. */
  counters(): typeof NO_COUNTS
  reset(): void
  stop(): Promise<void>
}

/**
 * A stateless MCP server on loopback with one tool, `whoami`. `/mcp` and every path below it is a resource of its own
 * to OAuth (RFC 9728), so that a client can log in at one and call another.
 */
export async function startMcpServer({ issuer, introspect }: McpServerOptions): Promise<McpServer> {
  const settings: McpServerSettings = { refreshHint: true }
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

    const token = bearerToken(request)
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
    await answerMessage(request, response, `${state.sub} at ${pathname}`)
  })
  const { origin } = server

  /** The two challenges that `@atxp/client` tells apart: with an error it refreshes, with metadata alone it authorizes. */
  function refuse(response: ServerResponse, pathname: string, hadToken: boolean): void {
    const error = 'error="invalid_grant", error_description="The access token expired", '
    const metadata = `resource_metadata="${origin}${METADATA_PATH}${pathname}"`
    const challenge = `Bearer ${settings.refreshHint && hadToken ? error : ''}${metadata}`
    sendJson(response, 401, { error: 'unauthorized' }, { 'www-authenticate': challenge })
  }

  async function answerMessage(
    request: IncomingMessage,
    response: ServerResponse,
    text: string,
  ): Promise<void> {
    const message = parse(await readBody(request))
    if (message === undefined) return sendJson(response, 400, PARSE_ERROR)
    const { id, method = '', params } = message
    // A notification has no answer.
    if (id === undefined) return void response.writeHead(202).end()
    if (method === 'tools/call') counts.toolCalls += 1
    const result = resultOf(method, params, text)
    const error = { code: METHOD_NOT_FOUND, message: `no method ${method}` }
    sendJson(response, 200, { jsonrpc: '2.0', id, ...(result ? { result } : { error }) })
  }

  return {
    origin,
    url: (path = '/mcp') => `${origin}${path}`,
    configure: (changes) => void Object.assign(settings, changes),
    gatherRefusals: (size) => gathering.start(size),
    refusalsGathered: () => gathering.ended,
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

interface Message {
  id?: unknown
  method?: string
  params?: { protocolVersion?: string; name?: string }
}

function parse(text: string): Message | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

function resultOf(method: string, params: Message['params'], text: string): object | undefined {
  switch (method) {
    case 'initialize': {
      const asked = params?.protocolVersion ?? ''
      return {
        protocolVersion: VERSIONS.includes(asked) ? asked : VERSIONS[0],
        capabilities: { tools: {} },
        serverInfo: { name: 'referee', version: '1.0.0' },
      }
    }
    case 'ping':
      return {}
    case 'tools/list':
      return { tools: [TOOL] }
    case 'tools/call':
      return params?.name === TOOL.name ? { content: [{ type: 'text', text }] } : undefined
    default:
      return undefined
  }
}

function isResource(pathname: string): boolean {
  return pathname === '/mcp' || pathname.startsWith('/mcp/')
}

/** Metadata stands at the well-known path before the resource's own and, for older clients, after it. */
function metadataSubject(pathname: string): string | null {
  if (pathname.startsWith(METADATA_PATH)) {
    const path = pathname.slice(METADATA_PATH.length)
    return isResource(path) ? path : null
  }
  if (!pathname.endsWith(METADATA_PATH)) return null
  const path = pathname.slice(0, -METADATA_PATH.length)
  return isResource(path) ? path : null
}
