import { createHash } from 'node:crypto'
import type { RegistrationRecords } from '../oauth/client-refusals.js'
import { RecentMap } from '../recent-map.js'
import { decodeRecord } from '../record/codec.js'
import type { KeySpace, RecordKey } from '../record/keys.js'
import type { ClientRole } from '../record/kinds.js'
import type { Commands } from '../redis/commands.js'
import type { ConditionalWrites } from './conditional-writes.js'
import type { Vault } from './vault.js'

// Longer than a reply is shared, so that none outlives the word that its client was refused.
const REFUSED_MS = 120_000

/** Registrations as coordinated requests handle them: a reply shared for a short time, a client that was refused. */
export class RegistrationStore implements RegistrationRecords {
  readonly #keys: KeySpace
  readonly #commands: Commands
  readonly #vault: Vault
  readonly #writes: ConditionalWrites
  /** Under which servers this process knows a client. */
  readonly #places = new RecentMap<Map<string, ClientRole>>({ maxEntries: 1_000 })

  constructor(keys: KeySpace, commands: Commands, vault: Vault, writes: ConditionalWrites) {
    this.#keys = keys
    this.#commands = commands
    this.#vault = vault
    this.#writes = writes
  }

  /** To be called with every registration that is read or saved: a refusal names the client, not the server. */
  remember(clientId: string, serverUrl: string, role: ClientRole): void {
    const places = this.#places.get(clientId) ?? new Map<string, ClientRole>()
    places.set(serverUrl, role)
    this.#places.set(clientId, places)
  }

  async find(name: string): Promise<string | null> {
    const reply = await this.#vault.get(this.#keys.of('reply', name))
    if (reply === null) return null
    const { client_id: clientId } = JSON.parse(reply) as { client_id: string }
    return (await this.#commands.exists(this.#refusedKey(clientId))) ? null : reply
  }

  share(name: string, reply: string, replyMs: number): Promise<void> {
    return this.#vault.set(this.#keys.of('reply', name), reply, { ttlMs: replyMs })
  }

  async forget(clientId: string): Promise<boolean> {
    await this.#commands.set(this.#refusedKey(clientId), '', { ttlMs: REFUSED_MS })
    let removed = false
    for (const [serverUrl, role] of this.#places.get(clientId) ?? []) {
      removed = (await this.#remove(this.#keys.of(role, serverUrl), clientId)) || removed
    }
    return removed
  }

  /** Removes the registration if it is of this client, whatever else changes it meanwhile. */
  async #remove(key: RecordKey, clientId: string): Promise<boolean> {
    const isMeant = (text: string): boolean => decodeRecord('client', text).clientId === clientId
    return (await this.#writes.deleteIf(key, isMeant)) === 'done'
  }

  #refusedKey(clientId: string): string {
    const name = createHash('sha256').update(clientId).digest('hex')
    return this.#keys.of('refused', name).redisKey
  }
}
