import { isSealed } from '../../crypto/record-sealer.js'
import { unreadableRecord } from '../../leaves/errors.js'
import { textOf } from '../../leaves/well-formed.js'
import { damagedRecord } from '../../record/codec.js'
import { reading } from '../../record/fingerprint.js'
import type { FoundKey, RecordKey } from '../../record/keys.js'
import type { Commands, Expiry } from '../../redis/commands.js'
import type { RecordWrites } from './record-writes.js'
import type { NamedText, Standing, Vault } from './vault.js'

/** Records as plain text, in UTF-8. */
export class PlainVault implements Vault {
  readonly #commands: Commands
  readonly #writes: RecordWrites

  constructor(commands: Commands, writes: RecordWrites) {
    this.#commands = commands
    this.#writes = writes
  }

  get(key: FoundKey): Promise<string | null> {
    return this.use(key, (text) => text)
  }

  use<T>(key: FoundKey, use: (text: string | null) => T | Promise<T>): Promise<T> {
    return this.#commands
      .get(key.redisKey)
      .then((text) => (isSuspect(text) ? this.#reread(key).then(use) : use(text)))
  }

  async getAll(keys: readonly FoundKey[]): Promise<(string | null)[]> {
    const texts = await this.#commands.getAll(keys.map(({ redisKey }) => redisKey))
    if (!texts.some(isSuspect)) return texts
    return Promise.all(keys.map(async (key, index) => this.#checked(key, texts[index] ?? null)))
  }

  async getNamed(key: FoundKey): Promise<NamedText | null> {
    const text = await this.get(key)
    return text === null ? null : withNameOf(key, text)
  }

  named(key: FoundKey, raw: Buffer): NamedText {
    return withNameOf(key, decode(key, raw))
  }

  async namesOf(keys: readonly FoundKey[]): Promise<string[]> {
    return keys.map(({ name = '' }) => name)
  }

  async read(key: FoundKey): Promise<Standing | null> {
    const raw = await this.#commands.getBuffer(key.redisKey)
    return raw === null ? null : { raw, text: decode(key, raw) }
  }

  /** One round trip. */
  async consume(key: RecordKey, consumedKey: RecordKey): Promise<string | null> {
    const raw = await this.#commands.consume(key.redisKey, consumedKey.redisKey)
    return raw === null ? null : decode(key, raw)
  }

  set(key: RecordKey, text: string, expiry?: Expiry): Promise<void> {
    return this.#writes.set(key, text, expiry)
  }

  encode(_key: RecordKey, text: string): string {
    return text
  }

  /** Reads the bytes if the text may come from bytes that are not UTF-8. */
  #checked(key: FoundKey, text: string | null): string | null | Promise<string | null> {
    return isSuspect(text) ? this.#reread(key) : text
  }

  #reread(key: FoundKey): Promise<string | null> {
    return this.read(key).then((standing) => standing?.text ?? null)
  }
}

/** Bytes that are not UTF-8 decode to U+FFFD. A text may also contain it. */
function isSuspect(text: string | null): boolean {
  return text?.includes('\uFFFD') === true
}

function withNameOf({ userId = '', name = '' }: FoundKey, text: string): NamedText {
  return { userId, name, text }
}

/** Bytes that are not UTF-8 must not become a token: they are a sealed record in a database without keys, or damaged. */
function decode(key: FoundKey, raw: Buffer): string {
  return reading(key, () => {
    const text = textOf(raw)
    if (text !== undefined) return text
    throw isSealed(raw) ? unreadableRecord() : damagedRecord(key.kind)
  })
}
