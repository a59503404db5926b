import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'

/** @typedef {{ get(key: string): any, set(key: string, text: string): unknown, del(key: string): unknown }} Store */

/**
 * What people write by hand: every value of the provider under a key of its own, as it comes.
 * @param {{ store: Store, userId: string, serverUrl: string, redirectUrl: string, clientMetadataUrl?: string,
 *   onRedirect: (url: URL) => void }} options
 */
export function naiveProvider({
  store,
  userId,
  serverUrl,
  redirectUrl,
  clientMetadataUrl,
  onRedirect,
}) {
  const ofUser = `${userId} ${serverUrl} `
  /** @param {string} key */
  const load = async (key) => JSON.parse((await store.get(key)) ?? 'null') ?? undefined
  /** @param {string} key @param {unknown} value */
  const save = async (key, value) => void (await store.set(key, JSON.stringify(value)))
  return {
    redirectUrl,
    ...(clientMetadataUrl && { clientMetadataUrl }),
    clientMetadata: {
      client_name: 'My app',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
    },
    state: () => randomUUID(),
    clientInformation: () => load('client'),
    /** @param {unknown} client */
    saveClientInformation: (client) => save('client', client),
    tokens: () => load(`${ofUser}tokens`),
    /** @param {unknown} tokens */
    saveTokens: (tokens) => save(`${ofUser}tokens`, tokens),
    codeVerifier: () => load(`${ofUser}verifier`),
    /** @param {string} verifier */
    saveCodeVerifier: (verifier) => save(`${ofUser}verifier`, verifier),
    /** @param {unknown} state */
    saveDiscoveryState: (state) => save(`${ofUser}discovery`, state),
    discoveryState: () => load(`${ofUser}discovery`),
    redirectToAuthorization: onRedirect,
    /** @param {string} scope */
    async invalidateCredentials(scope) {
      if (scope === 'all' || scope === 'client') await store.del('client')
      if (scope === 'all' || scope === 'tokens') await store.del(`${ofUser}tokens`)
    },
  }
}

/**
 * @param {string} url
 * @param {string} keyPrefix
 * @returns {Store & { close(): void }}
 */
export function redisStore(url, keyPrefix) {
  const redis = new Redis(url, { keyPrefix })
  return {
    get: (key) => redis.get(key),
    set: (key, text) => redis.set(key, text),
    del: (key) => redis.del(key),
    close: () => redis.disconnect(),
  }
}

/** @returns {Store} the memory of one process */
export function memoryStore() {
  /** @type {Map<string, string>} */
  const values = new Map()
  return {
    get: (key) => values.get(key),
    set: (key, text) => values.set(key, text),
    del: (key) => values.delete(key),
  }
}
