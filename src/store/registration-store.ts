import { createHash } from 'node:crypto'
import type { RegistrationRecords } from '../oauth/client-refusals.js'
import { RecentMap } from '../recent-map.js'
import { decodeRecord } from '../record/codec.js'
import type { ClientRole, KeySpace } from '../record/keys.js'
import type { Commands } from '../redis/commands.js'
import type { Vault } from './vault.js'

// Longer than a reply is shared, so that none outlives the word that its client was refused.
const REFUSED_MS = 120_000

/** Registrations as coordinated requests handle them: a reply shared for a short time, a client that was refused. */
export class RegistrationStore implements RegistrationRecords {
  readonly #keys: KeySpace
  readonly #commands: Commands
  readonly #vault: Vault
  /** Under which servers this process knows a client. */
  readonly #places = new RecentMap<Map<string, ClientRole>>({ maxEntries: 1_000 })

  constructor(keys: KeySpace, commands: Commands, vault: Vault) {
    this.#keys = keys
    this.#commands = commands
    this.#vault = vault
  }

  /** To be called with every registration that is read or saved: a refusal names the client, not the server. */
  remember(clientId: string, serverUrl: string, role: ClientRole): void {
    const places = this.#places.get(clientId) ?? new Map<string, ClientRole>()
    places.set(serverUrl, role)
    this.#places.set(clientId, places)
  }

  async find(name: string): Promise<string | null> {
    const reply = await this.#vault.get('reply', this.#keys.reply(name))
    if (reply === null) return null
    const { client_id: clientId } = JSON.parse(reply) as { client_id: string }
    return (await this.#commands.exists(this.#refusedKey(clientId))) ? null : reply
  }

  share(name: string, reply: string, replyMs: number): Promise<void> {
    return this.#vault.set('reply', this.#keys.reply(name), reply, { ttlMs: replyMs })
  }

  async forget(clientId: string): Promise<boolean> {
    await this.#commands.set(this.#refusedKey(clientId), '', { ttlMs: REFUSED_MS })
    let removed = false
    for (const [serverUrl, role] of this.#places.get(clientId) ?? []) {
      removed = (await this.#remove(this.#keys.client(serverUrl, role), clientId)) || removed
    }
    return removed
  }

  /** Removes the registration if it is of this client, whatever else changes it meanwhile. */
  async #remove(key: string, clientId: string): Promise<boolean> {
    for (;;) {
      const standing = await this.#vault.read('client', key)
      if (standing === null) return false
      if (decodeRecord('client registration', standing.text).clientId !== clientId) return false
      if (await this.#vault.remove(key, standing.raw)) return true
    }
  }

  #refusedKey(clientId: string): string {
    return this.#keys.refusedClient(createHash('sha256').update(clientId).digest('hex'))
  }
}
