import { RedisOAuthDatabaseError } from '../../leaves/errors.js'
import { reading } from '../../record/fingerprint.js'
import type { RecordKey } from '../../record/keys.js'
import type { Expiry } from '../../redis/commands.js'
import type { RecordWrites } from './record-writes.js'
import type { Standing, Vault } from './vault.js'

/** A round fails only if another client writes within a round trip. So many in a row mean that something is wrong. */
const MAX_ROUNDS = 50

/** `superseded`: another record stands there. `gone`: there is none. */
export type Outcome = 'done' | 'superseded' | 'gone'

/**
 * Writes that happen only if `isMeant` is true for the record in Redis. If another client changes the record in between, its new
 * text is read and judged again.
 *
 * @throws RedisOAuthDatabaseError `CONFLICT` when others changed the record each time
 */
export class ConditionalWrites {
  readonly #writes: RecordWrites
  readonly #vault: Vault

  constructor(writes: RecordWrites, vault: Vault) {
    this.#writes = writes
    this.#vault = vault
  }

  /** Replaces text and expiry. Two round trips, and two more each time another client was faster. */
  async replaceIf(
    key: RecordKey,
    isMeant: (text: string) => boolean,
    text: string,
    expiry?: Expiry,
  ): Promise<Outcome> {
    // Made once, so that a command that is sent again recognises its own bytes.
    const value = await this.#vault.encode(key, text)
    return this.#repeat(key, isMeant, ({ raw }) =>
      this.#writes.compareAndSet(key, raw, value, expiry),
    )
  }

  /** Deletes the record. Costs as {@link ConditionalWrites.replaceIf} does. */
  deleteIf(key: RecordKey, isMeant: (text: string) => boolean): Promise<Outcome> {
    return this.#repeat(key, isMeant, ({ raw }) => this.#writes.compareAndDelete(key, raw))
  }

  async #repeat(
    key: RecordKey,
    isMeant: (text: string) => boolean,
    write: (standing: Standing) => Promise<boolean>,
  ): Promise<Outcome> {
    for (let round = 0; round < MAX_ROUNDS; round += 1) {
      const standing = await this.#vault.read(key)
      if (standing === null) return 'gone'
      if (!reading(key, () => isMeant(standing.text))) return 'superseded'
      if (await write(standing)) return 'done'
    }
    throw new RedisOAuthDatabaseError(
      'CONFLICT',
      `others changed the record ${MAX_ROUNDS} times before this call could. Nothing was changed here; retry. If it happens again, ` +
        'look for a process that keeps writing the record, or for reads from replicas',
    )
  }
}
