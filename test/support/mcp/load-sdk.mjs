/**
 * What a client needs of one version of the MCP SDK, which is loaded only then.
 * @param {string | undefined} version `v2`, or any other for 1.x
 * @returns {Promise<Record<'Client' | 'StreamableHTTPClientTransport' | 'UnauthorizedError', any>>}
 */
export async function loadSdk(version) {
  if (version === 'v2') return import('@modelcontextprotocol/client')
  return {
    ...(await import('@modelcontextprotocol/sdk/client/index.js')),
    ...(await import('@modelcontextprotocol/sdk/client/streamableHttp.js')),
    ...(await import('@modelcontextprotocol/sdk/client/auth.js')),
  }
}
