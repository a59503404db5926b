import type { SealContext } from '../../crypto/sealing.js'
import { reading } from '../../record/fingerprint.js'
import type { FoundKey, KeySpace, RecordKey } from '../../record/keys.js'
import { KINDS } from '../../record/kinds.js'
import type { Commands, Expiry } from '../../redis/commands.js'
import type { RecordWrites } from './record-writes.js'
import type { NamedText, Standing, Vault } from './vault.js'

/** Seals records and opens them. Returns a promise only if a caller's own sealing is asynchronous. */
export interface Sealer {
  seal(text: string, context: SealContext): Buffer | Promise<Buffer>
  open(bytes: Buffer, context: SealContext): string | Promise<string>
  /** Whether the bytes are in another form than `seal` would give them. */
  needsReseal(bytes: Buffer): boolean
}

/** What a sealed record is bound to. */
export function sealContextOf({ kind, redisKey }: FoundKey): SealContext {
  return { kind: KINDS[kind].sealedAs ?? kind, redisKey }
}

/** Records sealed as a whole by a {@link Sealer}, with their names if key names are hashes. */
export class SealedVault implements Vault {
  readonly #keys: KeySpace
  readonly #commands: Commands
  readonly #writes: RecordWrites
  readonly #sealer: Sealer

  constructor(keys: KeySpace, commands: Commands, writes: RecordWrites, sealer: Sealer) {
    this.#keys = keys
    this.#commands = commands
    this.#writes = writes
    this.#sealer = sealer
  }

  get(key: FoundKey): Promise<string | null> {
    return this.use(key, (text) => text)
  }

  use<T>(key: FoundKey, use: (text: string | null) => T | Promise<T>): Promise<T> {
    return this.#commands.getBuffer(key.redisKey).then((raw) => {
      const text = raw === null ? null : this.#decode(key, raw)
      return text instanceof Promise ? text.then(use) : use(text)
    })
  }

  async getAll(keys: readonly FoundKey[]): Promise<(string | null)[]> {
    const opened = await this.#openAll(keys)
    return keys.map((key, index) => {
      const text = opened[index] ?? null
      return text === null ? null : this.#keys.textIn(key, text)
    })
  }

  async getNamed(key: FoundKey): Promise<NamedText | null> {
    const raw = await this.#commands.getBuffer(key.redisKey)
    return raw === null ? null : this.named(key, raw)
  }

  async named(key: FoundKey, raw: Buffer): Promise<NamedText> {
    const stored = await this.#open(key, raw)
    return reading(key, () => ({
      ...this.#keys.nameIn(key, stored),
      text: this.#keys.textIn(key, stored),
    }))
  }

  async namesOf(keys: readonly FoundKey[]): Promise<string[]> {
    const names: string[] = []
    const hidden: FoundKey[] = []
    for (const key of keys) {
      if (key.name === undefined) hidden.push(key)
      else names.push(key.name)
    }
    // null: the record is gone by now.
    const opened = await Promise.all(hidden.map((key) => this.getNamed(key)))
    for (const found of opened) if (found !== null) names.push(found.name)
    return names
  }

  async read(key: FoundKey): Promise<Standing | null> {
    const raw = await this.#commands.getBuffer(key.redisKey)
    return raw === null ? null : { raw, text: await this.#decode(key, raw) }
  }

  /**
   * Two round trips: it consumes a record only after opening it. What cannot be opened stays for a process that has the key, or
   * until the key service works again.
   */
  async consume(key: RecordKey, consumedKey: RecordKey): Promise<string | null> {
    const standing = await this.read(key)
    if (standing === null) return null
    const raw = await this.#commands.consume(key.redisKey, consumedKey.redisKey)
    if (raw === null) return null
    return raw.equals(standing.raw) ? standing.text : this.#decode(key, raw)
  }

  set(key: RecordKey, text: string, expiry?: Expiry): Promise<void> {
    const sealed = this.encode(key, text)
    if (sealed instanceof Promise)
      return sealed.then((bytes) => this.#writes.set(key, bytes, expiry))
    return this.#writes.set(key, sealed, expiry)
  }

  encode(key: RecordKey, text: string): Buffer | Promise<Buffer> {
    return this.#sealer.seal(this.#keys.addName(key, text), sealContextOf(key))
  }

  #decode(key: FoundKey, raw: Buffer): string | Promise<string> {
    return reading(key, () => {
      const opened = this.#sealer.open(raw, sealContextOf(key))
      if (opened instanceof Promise) return opened.then((text) => this.#keys.textIn(key, text))
      return this.#keys.textIn(key, opened)
    })
  }

  #open(key: FoundKey, raw: Buffer): string | Promise<string> {
    return reading(key, () => this.#sealer.open(raw, sealContextOf(key)))
  }

  async #openAll(keys: readonly FoundKey[]): Promise<(string | null)[]> {
    const raws = await this.#commands.getAllBuffers(keys.map(({ redisKey }) => redisKey))
    return Promise.all(
      keys.map(async (key, index) => {
        const raw = raws[index] ?? null
        return raw === null ? null : this.#open(key, raw)
      }),
    )
  }
}
