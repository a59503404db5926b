import { once } from 'node:events'
import { createServer } from 'node:http'

/**
 * @typedef {import('node:http').IncomingMessage} IncomingMessage
 * @typedef {import('node:http').ServerResponse} ServerResponse
 */

/**
 * Listens on a free port of 127.0.0.1.
 * @param {(request: IncomingMessage, response: ServerResponse) => Promise<void>} handle
 * @returns {Promise<{ origin: string, stop: () => Promise<void> }>}
 */
export async function listenOnLoopback(handle) {
  const server = createServer((request, response) => {
    handle(request, response).catch((error) => {
      if (!response.headersSent) sendJson(response, 500, { error: 'server_error' })
      process.emitWarning(error)
    })
  })
  // Node's 5 seconds race with a client that reuses a connection just as it is closed: a reset that no scenario asked for.
  server.keepAliveTimeout = 120_000
  const sockets = new Set()
  server.on('connection', (socket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
  return {
    origin: `http://127.0.0.1:${port}`,
    async stop() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}

/**
 * @param {IncomingMessage} request
 * @returns {Promise<string>}
 */
export async function readBody(request) {
  const chunks = []
  for await (const chunk of request) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * @param {ServerResponse} response
 * @param {number} status
 * @param {unknown} body
 * @param {Record<string, string>} [headers]
 */
export function sendJson(response, status, body, headers = {}) {
  response.writeHead(status, {
    'content-type': 'application/json',
    'cache-control': 'no-store',
    ...headers,
  })
  response.end(JSON.stringify(body))
}
