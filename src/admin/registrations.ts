import type { Composition } from '../database/composition.js'
import type { RedisOAuthDatabase } from '../database/redis-oauth-database.js'
import type { OAuthRole } from '../database/with-oauth-database.js'
import { isUnreadable } from '../leaves/errors.js'
import { decodeRecord } from '../record/codec.js'
import { fingerprintOf } from '../record/fingerprint.js'
import type { FoundKey } from '../record/keys.js'
import type { ClientRole } from '../record/kinds.js'
import { type WalkOptions, type WalkStep, walk } from './walk.js'

const ROLES: Readonly<Record<ClientRole, Registration['role']>> = {
  client: 'client',
  resource: 'resource-server',
  mcp: 'mcp-client',
}

/** One registration with an authorization server, without its secret. */
export interface Registration {
  /** Null with `hashKeys` if the record cannot be read. */
  readonly serverUrl: string | null
  /** `mcp-client`: of a client of the MCP SDK, by `@atxp/redis/mcp`. */
  readonly role: OAuthRole | 'mcp-client'
  /** Null if the record cannot be read. */
  readonly clientId: string | null
  readonly redirectUri: string | null
  readonly isReadable: boolean
  /** Names the record, as `UNREADABLE_RECORD` does: 12 hex digits of the SHA-256 of its Redis key. */
  readonly fingerprint: string
}

/**
 * Yields all client registrations, those too that cannot be read. No secrets. Walks the whole keyspace of Redis as {@link users}
 * does.
 * @throws RedisOAuthDatabaseError `ABORTED` by `options.signal`
 * @example
 * ```ts
 * import { registrations } from '@atxp/redis/admin'
 *
 * for await (const { serverUrl, clientId } of registrations(db)) console.log(serverUrl, clientId)
 * ```
 */
export function registrations(
  db: RedisOAuthDatabase,
  options: WalkOptions = {},
): AsyncGenerator<Registration, void, undefined> {
  return walk(db, 'registrations', stepsOf, options)
}

async function* stepsOf(
  parts: Composition,
): AsyncGenerator<WalkStep<Registration>, void, undefined> {
  const { commands, keys } = parts
  for await (const redisKeys of commands.scan(keys.pattern)) {
    const found = await Promise.all(
      redisKeys
        .map((redisKey) => keys.parse(redisKey))
        .filter((key) => key !== null && key.kind in ROLES)
        .map((key) => describe(parts, key as FoundKey)),
    )
    yield { seen: redisKeys.length, found: found.filter((one) => one !== undefined) }
  }
}

/** Undefined if it is gone. */
async function describe({ vault }: Composition, key: FoundKey): Promise<Registration | undefined> {
  const registration = {
    serverUrl: serverUrlOf(key, key.name),
    role: ROLES[key.kind as ClientRole],
    clientId: null,
    redirectUri: null,
    isReadable: false,
    fingerprint: fingerprintOf(key),
  } as const
  try {
    const record = await vault.getNamed(key)
    if (record === null) return undefined
    const { clientId, redirectUri } = decodeRecord('client', record.text)
    return {
      ...registration,
      serverUrl: serverUrlOf(key, record.name),
      clientId,
      redirectUri,
      isReadable: true,
    }
  } catch (error) {
    if (isUnreadable(error)) return registration
    throw error
  }
}

function serverUrlOf({ kind }: FoundKey, name: string | undefined): string | null {
  // There the redirect URL stands behind the issuer.
  return (kind === 'mcp' ? name?.split(' ', 1)[0] : name) ?? null
}
