import { fingerprint } from '../flight/fingerprint.js'
import type { ClientCredentials } from '../leaves/contract.js'
import { RecentMap, weightOf } from '../leaves/recent-map.js'
import type { SentClient } from '../oauth/http/requests.js'
import type { RegistrationRecords } from '../oauth/trust/client-refusals.js'
import { issuerKey } from '../oauth/trust/issuers.js'
import { decodeRecord } from '../record/codec.js'
import type { KeySpace } from '../record/keys.js'
import type { ClientRole } from '../record/kinds.js'
import type { Commands } from '../redis/commands.js'
import type { ConditionalWrites } from './vault/conditional-writes.js'
import type { Vault } from './vault/vault.js'

// Longer than a reply is shared, so that none outlives the word that its client was refused.
const REFUSED_MS = 120_000
const MAX_REGISTRATIONS = 1_000
const MAX_BYTES = 4 * 1024 * 1024
/** A heavier one is not known. So no authorization server takes the room of the others by what it calls a secret. */
const MAX_BYTES_OF_ONE = MAX_BYTES / 256
const KNOWN_MS = 86_400_000

/** A registration, and where it stands. */
interface Known extends Pick<ClientCredentials, 'clientId' | 'clientSecret'> {
  readonly serverUrl: string
  readonly role: ClientRole
  /** The issuer's key. Callers may spell its URL in several ways. */
  readonly issuer: string
}

/** Registrations as coordinated requests handle them: a reply shared for a short time, a client that was refused. */
export class RegistrationStore implements RegistrationRecords {
  readonly #keys: KeySpace
  readonly #commands: Commands
  readonly #vault: Vault
  readonly #writes: ConditionalWrites
  /** The registrations that this process has read or saved last, by role and server. */
  readonly #known = new RecentMap<Known>({
    maxEntries: MAX_REGISTRATIONS,
    maxBytes: MAX_BYTES,
    maxAgeMs: KNOWN_MS,
    bytesOf: bytesOfKnown,
  })

  constructor(keys: KeySpace, commands: Commands, vault: Vault, writes: ConditionalWrites) {
    this.#keys = keys
    this.#commands = commands
    this.#vault = vault
    this.#writes = writes
  }

  /**
   * To be called with every registration that is read or saved: only one that is known here can be forgotten.
   * @param issuer - where the record is named by more than that
   */
  remember(
    serverUrl: string,
    role: ClientRole,
    { clientId, clientSecret }: ClientCredentials,
    issuer: string = serverUrl,
  ): void {
    const name = `${role} ${serverUrl}`
    const known = this.#known.get(name)
    if (known?.clientId === clientId && known.clientSecret === clientSecret) return
    const key = issuerKey(issuer)
    if (key === undefined) return
    const registration = { serverUrl, role, issuer: key, clientId, clientSecret }
    if (bytesOfKnown(name, registration) > MAX_BYTES_OF_ONE) this.#known.delete(name)
    else this.#known.set(name, registration)
  }

  async find(name: string, issuer: string): Promise<string | null> {
    const reply = await this.#vault.get(this.#keys.of('reply', name))
    if (reply === null) return null
    const clientId = clientIdIn(reply)
    if (clientId === undefined) return null
    return (await this.#commands.exists(this.#refusedKey(issuer, clientId))) ? null : reply
  }

  share(name: string, reply: string, replyMs: number): Promise<void> {
    return this.#vault.set(this.#keys.of('reply', name), reply, { ttlMs: replyMs })
  }

  knows(issuer: string, client: SentClient): boolean {
    return this.#allKnown(issuer, client).length > 0
  }

  async forget(issuer: string, client: SentClient): Promise<boolean> {
    await this.#commands.set(this.#refusedKey(issuer, client.clientId), '', { ttlMs: REFUSED_MS })
    // Whatever else changes the record meanwhile.
    const isMeant = (text: string): boolean => isSame(decodeRecord('client', text), client)
    let removed = false
    for (const { serverUrl, role } of this.#allKnown(issuer, client)) {
      const outcome = await this.#writes.deleteIf(this.#keys.of(role, serverUrl), isMeant)
      removed = outcome === 'done' || removed
    }
    return removed
  }

  #allKnown(issuer: string, client: SentClient): Known[] {
    const key = issuerKey(issuer)
    return [...this.#known.values()].filter(
      (known) => known.issuer === key && isSame(known, client),
    )
  }

  #refusedKey(issuer: string, clientId: string): string {
    return this.#keys.of('refused', fingerprint(issuer, clientId)).redisKey
  }
}

function bytesOfKnown(name: string, known: Known): number {
  const { serverUrl, issuer, clientId, clientSecret } = known
  return weightOf(name, serverUrl, issuer, clientId, clientSecret)
}

/** Undefined if the reply is none: without encryption, whoever can write to Redis may have put anything there. */
function clientIdIn(reply: string): string | undefined {
  try {
    const { client_id: clientId } = Object(JSON.parse(reply)) as { client_id?: unknown }
    return typeof clientId === 'string' ? clientId : undefined
  } catch {
    return undefined
  }
}

/** Whether a request carried this registration, as far as it authenticates the client at all. */
function isSame(
  stored: Pick<ClientCredentials, 'clientId' | 'clientSecret'>,
  sent: SentClient,
): boolean {
  if (stored.clientId !== sent.clientId) return false
  return sent.clientSecret === null || (stored.clientSecret ?? '') === sent.clientSecret
}
