import { createHash } from 'node:crypto'
import { endLine, headerLine, plainLine } from '../../../src/admin/transfer/format.js'
import * as admin from '../../../src/admin.js'
import type { RedisOAuthDatabase } from '../../../src/index.js'
import { finishMcpLogin, type McpOAuthProvider, mcpOAuthProvider } from '../../../src/mcp.js'
import { URL_OF_TOKEN, USER } from './every-method.js'

const EXPORT = [
  headerLine(undefined),
  plainLine({ kind: 'token', userId: '', name: 'imported', expiresAt: null, text: 'token' }),
  endLine(1),
]
const PLAIN = { secrets: 'plain' } as const
const ISSUER = 'https://auth.example'
const TOKENS = { access_token: 'access', refresh_token: 'refresh', token_type: 'Bearer' }
const CLIENT = { client_id: 'id' }
const STATE = 'state_of_login'
const DISCOVERY = { authorizationServerUrl: ISSUER }
const CODE_CHALLENGE = createHash('sha256').update('verifier').digest('base64url')
const AUTHORIZATION_URL = `${ISSUER}/authorize?client_id=id&code_challenge=${CODE_CHALLENGE}&state=${STATE}`

type Signalled = { readonly signal?: AbortSignal }
export type AdminCall = (db: RedisOAuthDatabase, options?: Signalled) => Promise<unknown>

/** Walks it to its end. */
async function all(steps: AsyncIterable<unknown>): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const step of steps) found.push(step)
  return found
}

/** A call of each function of `@atxp/redis/admin`. */
export const ADMIN_CALLS: { readonly [K in keyof typeof admin]: AdminCall } = {
  doctor: (db, options) => admin.doctor(db, options),
  exportRecords: (db, options) => all(admin.exportRecords(db, { ...PLAIN, ...options })),
  findUnreadable: (db, options) => all(admin.findUnreadable(db, options)),
  importPublished: (db, options) => admin.importPublished(db, options),
  importRecords: (db, options) => admin.importRecords(db, EXPORT, { ...PLAIN, ...options }),
  registrations: (db, options) => all(admin.registrations(db, options)),
  reseal: (db, options) => admin.reseal(db, options),
  revokeSession: (db) => admin.revokeSession(db, USER, URL_OF_TOKEN),
  revokeUser: (db) => admin.revokeUser(db, USER),
  sessions: (db) => admin.sessions(db, USER),
  users: (db, options) => all(admin.users(db, options)),
}

export function providerOf(db: RedisOAuthDatabase, isRegistered = false): McpOAuthProvider {
  return mcpOAuthProvider({
    db,
    userId: USER,
    serverUrl: URL_OF_TOKEN,
    redirectUrl: 'https://app.example/callback',
    clientMetadata: {},
    ...(isRegistered && { clientInformation: CLIENT }),
    onRedirect: () => {},
    fetch: async () => Response.json(TOKENS),
  })
}

type Member = (provider: McpOAuthProvider, db: RedisOAuthDatabase) => unknown

/** A call of each member of a provider that may wait for Redis, and of the function beside it. */
export const PROVIDER_CALLS: { readonly [member: string]: Member } = {
  storedState: (provider) => provider.storedState(),
  clientInformation: (provider) => provider.clientInformation({ issuer: ISSUER }),
  saveClientInformation: (provider) => provider.saveClientInformation?.(CLIENT, { issuer: ISSUER }),
  authorizationServerInformation: (_, db) =>
    providerOf(db, true).authorizationServerInformation?.(),
  tokens: (provider) => provider.tokens(),
  saveTokens: (provider) => provider.saveTokens(TOKENS),
  redirectToAuthorization: async (_, db) => {
    const provider = providerOf(db, true)
    await provider.clientInformation()
    provider.saveDiscoveryState(DISCOVERY)
    provider.saveCodeVerifier('verifier')
    await provider.redirectToAuthorization(new URL(AUTHORIZATION_URL))
  },
  codeVerifier: (provider) => provider.codeVerifier(),
  discoveryState: (provider) => provider.discoveryState(),
  invalidateCredentials: (provider) =>
    provider.invalidateCredentials('tokens', { tokens: TOKENS } as never),
  finishMcpLogin: (_, db) =>
    finishMcpLogin({ db, callbackUrl: `/callback?code=code&state=${STATE}`, userId: USER }),
}

/** Members that never ask Redis, or only after a failure of a call before. */
export const PROVIDER_OTHERS = [
  'fetch',
  'state',
  'isClientInformationDynamicallyRegistered',
  'saveCodeVerifier',
  'saveDiscoveryState',
  'saveAuthorizationServerInformation',
]
