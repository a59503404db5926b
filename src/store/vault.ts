import { isSealed } from '../crypto/record-sealer.js'
import { unreadableRecord } from '../errors.js'
import type { Kind } from '../record/keys.js'
import type { Commands, Expiry } from '../redis/commands.js'

/** What bytes decode to that are not UTF-8. */
const REPLACEMENT = 0xfffd

/** What stands in Redis: the text itself, or sealed bytes. */
export type Raw = string | Buffer

/** Seals records and opens them; a promise only where a caller's own sealing takes its time. */
export interface Sealer {
  seal(text: string, context: { kind: string; key: string }): Buffer | Promise<Buffer>
  open(bytes: Buffer, context: { kind: string; key: string }): string | Promise<string>
  /** Whether the bytes are in another form than `seal` would give them. */
  needsReseal(bytes: Buffer): boolean
}

/**
 * Reads and writes the text of records, sealed or plain. Where sealing is synchronous, each method sends its command
 * before it returns, so that commands keep the order of the calls.
 */
export class Vault {
  readonly #commands: Commands
  readonly #sealer: Sealer | undefined

  constructor(commands: Commands, sealer: Sealer | undefined) {
    this.#commands = commands
    this.#sealer = sealer
  }

  get(kind: Kind, key: string): Promise<string | null> {
    if (this.#sealer === undefined) return this.#plain(key)
    return this.#opened(kind, key, this.#commands.getBuffer(key))
  }

  /** As `get`, of many keys, in their order. */
  async getAll(kind: Kind, keys: readonly string[]): Promise<(string | null)[]> {
    const sealer = this.#sealer
    if (sealer === undefined) {
      const texts = await this.#commands.getAll(keys)
      if (!texts.some(isSuspect)) return texts
      return Promise.all(
        keys.map(async (key, index) => {
          const text = texts[index] ?? null
          return isSuspect(text) ? this.#suspect(key, text) : text
        }),
      )
    }
    const raws = await this.#commands.getAllBuffers(keys)
    return Promise.all(
      keys.map(async (key, index) => {
        const raw = raws[index] ?? null
        return raw === null ? null : sealer.open(raw, { kind, key })
      }),
    )
  }

  /** As `get`, with what stands in Redis beside it, for {@link Vault.replace} and {@link Vault.remove}. */
  async read(kind: Kind, key: string): Promise<{ raw: Raw; text: string } | null> {
    if (this.#sealer === undefined) {
      const text = await this.#commands.get(key)
      return text === null ? null : { raw: text, text }
    }
    const raw = await this.#commands.getBuffer(key)
    return raw === null ? null : { raw, text: await this.#sealer.open(raw, { kind, key }) }
  }

  /** One round trip; two where records are sealed. */
  consume(kind: Kind, key: string, consumedKey: string): Promise<string | null> {
    if (this.#sealer === undefined) return this.#commands.consume(key, consumedKey)
    return this.#consumeOpened(kind, key, consumedKey)
  }

  set(kind: Kind, key: string, text: string, expiry?: Expiry): Promise<void> {
    const raw = this.seal(kind, key, text)
    if (raw instanceof Promise) return raw.then((sealed) => this.#commands.set(key, sealed, expiry))
    return this.#commands.set(key, raw, expiry)
  }

  /** The bytes for `replace`, made once, so that a repetition finds its own. */
  seal(kind: Kind, key: string, text: string): Raw | Promise<Raw> {
    return this.#sealer === undefined ? text : this.#sealer.seal(text, { kind, key })
  }

  replace(key: string, expected: Raw, raw: Raw, ttlMs: number): Promise<boolean> {
    return this.#commands.compareAndSet(key, expected, raw, ttlMs)
  }

  remove(key: string, expected: Raw): Promise<boolean> {
    return this.#commands.compareAndDelete(key, expected)
  }

  #plain(key: string): Promise<string | null> {
    return this.#commands
      .get(key)
      .then((text) => (isSuspect(text) ? this.#suspect(key, text) : text))
  }

  /** A sealed record in a database without keys: a token may be any text, and of no record it is right to say that it is damaged. */
  async #suspect(key: string, text: string): Promise<string> {
    const raw = await this.#commands.getBuffer(key)
    if (raw !== null && isSealed(raw)) throw unreadableRecord()
    return text
  }

  /** Consumes only what it could open: the rest stays for a process that has the key, or for a key service that is well again. */
  async #consumeOpened(kind: Kind, key: string, consumedKey: string): Promise<string | null> {
    const seen = await this.read(kind, key)
    if (seen === null) return null
    const raw = await this.#commands.consumeBuffer(key, consumedKey)
    if (raw === null) return null
    return raw.equals(seen.raw as Buffer)
      ? seen.text
      : (this.#sealer as Sealer).open(raw, { kind, key })
  }

  async #opened(kind: Kind, key: string, reading: Promise<Buffer | null>): Promise<string | null> {
    const raw = await reading
    return raw === null ? null : (this.#sealer as Sealer).open(raw, { kind, key })
  }
}

function isSuspect(text: string | null): text is string {
  return text?.charCodeAt(0) === REPLACEMENT
}
