import { Redis } from 'ioredis'

/**
 * What people write by hand: every value of the provider under a key of its own, as it comes.
 * @param {{ url: string, keyPrefix: string, userId: string, serverUrl: string, redirectUrl: string,
 *   clientMetadataUrl?: string, onRedirect: (url: URL) => void }} options
 */
export function naiveProvider({
  url,
  keyPrefix,
  userId,
  serverUrl,
  redirectUrl,
  clientMetadataUrl,
  onRedirect,
}) {
  const redis = new Redis(url)
  const ofUser = `${keyPrefix}${userId} ${serverUrl} `
  /** @param {string} key */
  const load = async (key) => JSON.parse((await redis.get(key)) ?? 'null') ?? undefined
  /** @param {string} key @param {unknown} value */
  const save = (key, value) => redis.set(key, JSON.stringify(value))
  return {
    close: () => redis.disconnect(),
    redirectUrl,
    ...(clientMetadataUrl && { clientMetadataUrl }),
    clientMetadata: {
      client_name: 'My app',
      redirect_uris: [redirectUrl],
      grant_types: ['authorization_code', 'refresh_token'],
    },
    clientInformation: () => load(`${keyPrefix}client`),
    /** @param {unknown} client */
    saveClientInformation: (client) => save(`${keyPrefix}client`, client),
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
      if (scope === 'all' || scope === 'client') await redis.del(`${keyPrefix}client`)
      if (scope === 'all' || scope === 'tokens') await redis.del(`${ofUser}tokens`)
    },
  }
}
