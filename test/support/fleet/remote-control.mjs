/**
 * The controls of an authorization server that another process runs; each method answers with a promise.
 * @param {string} issuer
 * @returns {Record<string, (...args: unknown[]) => Promise<any>>}
 */
export function controlAuthorizationServer(issuer) {
  /** @type {ProxyHandler<Record<string, (...args: unknown[]) => Promise<any>>>} */
  const handler = {
    get:
      (_target, name) =>
      async (/** @type {unknown[]} */ ...args) => {
        const response = await fetch(`${issuer}/control`, {
          method: 'POST',
          body: JSON.stringify({ name, args }),
        })
        const body = /** @type {any} */ (await response.json())
        if (!response.ok) throw new TypeError(body.error)
        return body.result
      },
  }
  return new Proxy({}, handler)
}
