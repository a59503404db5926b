import { get, type IncomingMessage } from 'node:http'

const MOST_WAIT_MS = 10_000

/**
 * The user's browser: follows an authorization URL as far as the redirect back to the client, and gives that.
 * Only 127.0.0.1 is ever asked, whatever a client prints.
 */
export async function authorize(authorizationUrl: string): Promise<string> {
  const url = new URL(authorizationUrl)
  if (url.protocol !== 'http:' || url.hostname !== '127.0.0.1') {
    throw new Error(`the authorization URL is at ${url.host}, no server of the referee`)
  }
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = get(url, { timeout: MOST_WAIT_MS, agent: false }, resolve)
    request.on('timeout', () => request.destroy(new Error('the authorization server is silent')))
    request.on('error', reject)
  })
  // Its body is nobody's, and need not end.
  response.destroy()
  const { location } = response.headers
  if (location === undefined) {
    throw new Error(`the authorization URL was answered ${response.statusCode}, not by a redirect`)
  }
  return location
}
