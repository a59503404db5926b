import { DEFAULTS } from '../leaves/defaults.js'
import { isUnreadable, unreadableRecord } from '../leaves/errors.js'
import { textOf } from '../leaves/well-formed.js'
import { compact, restore } from './compaction.js'
import { CustomSealing } from './custom-sealing.js'
import { checkEncryptionOptions, type EncryptionOptions } from './encryption-options.js'
import { Envelope } from './envelope.js'
import { createKeyring, type Keyring, type KeyUsage, keyIdOf } from './keyring.js'
import type { HashKeysOptions } from './name-hash.js'
import { OpenedMemo } from './opened-memo.js'
import type { SealContext } from './sealing.js'
import { readSecretKey } from './secret-key.js'

/** UTF-8 has no byte from here on, so no plain record begins with one. */
const FIRST_SEALED_BYTE = 0xf8

/** Whether the bytes are a sealed record, under any key. A plain record never is. */
export function isSealed(bytes: Buffer): boolean {
  return (bytes[0] ?? 0) >= FIRST_SEALED_BYTE
}

/** Why a record cannot be read. */
export interface Unopened {
  readonly why: 'unknownKey' | 'notOpened' | 'plain' | 'corrupt'
  /** With `unknownKey`: the id of the key that is missing. */
  readonly keyId?: string
}

/** Why a process without keys cannot read these bytes; undefined if it can. */
export function problemWithoutKeys(bytes: Buffer): Unopened | undefined {
  if (isSealed(bytes)) return sealedWith(keyIdOf(bytes))
  return textOf(bytes) === undefined ? { why: 'corrupt' } : undefined
}

function sealedWith(keyId: string | undefined): Unopened {
  return keyId === undefined ? { why: 'notOpened' } : { why: 'unknownKey', keyId }
}

/** Turns the text of records into the bytes that Redis holds, and back. */
export class RecordSealer {
  readonly #keyring: Keyring | undefined
  readonly #sealing: Envelope | CustomSealing
  readonly #acceptPlaintext: boolean
  readonly #writePlaintext: boolean
  readonly #memo: OpenedMemo

  /** Throws a `TypeError` that names the option which is wrong. */
  constructor(encryption: EncryptionOptions) {
    checkEncryptionOptions(encryption)
    if (encryption.keys === undefined) {
      this.#sealing = new CustomSealing(encryption)
    } else {
      this.#keyring = createKeyring(encryption.keys)
      this.#sealing = new Envelope(this.#keyring)
    }
    this.#acceptPlaintext = encryption.acceptPlaintext ?? DEFAULTS.encryption.acceptPlaintext
    this.#writePlaintext = encryption.writePlaintext ?? DEFAULTS.encryption.writePlaintext
    this.#memo = new OpenedMemo(encryption.memoBytes ?? DEFAULTS.encryption.memoBytes)
  }

  /** Whether a caller's functions do it, which may take any time. */
  get isCustom(): boolean {
    return this.#keyring === undefined
  }

  /** @throws TypeError where the key that hides names encrypts as well: one is changed, the other never can be */
  refuseKeyOfNames({ key }: HashKeysOptions): void {
    if (this.#keyring?.has(readSecretKey(key, 'hashKeys.key'))) {
      throw new TypeError('hashKeys.key must be none of encryption.keys')
    }
  }

  /** Whether what is written is sealed. */
  get writesSealed(): boolean {
    return !this.#writePlaintext
  }

  /** The bytes to write; a promise only where a custom `seal` returns one. */
  seal(text: string, context: SealContext): Buffer | Promise<Buffer> {
    if (this.#writePlaintext) return Buffer.from(text)
    return this.#sealing.seal(compact(text), context)
  }

  /**
   * The text of a record that was read; a promise only where a custom `open` returns one. Throws, or rejects with,
   * `UNREADABLE_RECORD` for anything that this process cannot or must not read.
   */
  open(bytes: Buffer, context: SealContext): string | Promise<string> {
    if (!isSealed(bytes)) return this.#plain(bytes)
    const remembered = this.#memo.get(bytes, context)
    if (remembered !== undefined) return remembered
    const opened = this.#sealing.open(bytes, context)
    if (opened instanceof Promise)
      return opened.then((plaintext) => this.#opened(bytes, context, plaintext))
    return this.#opened(bytes, context, opened)
  }

  /** Whether the record would be written in another form now: it is plain, or sealed with a key that is not the active one. */
  needsReseal(bytes: Buffer): boolean {
    if (this.#writePlaintext) return isSealed(bytes)
    return !this.#sealing.isCurrent(bytes)
  }

  /** Why these bytes cannot be opened; undefined if they can. For operators: those who only read are not told. */
  async problemOf(bytes: Buffer, context: SealContext): Promise<Unopened | undefined> {
    if (!isSealed(bytes)) {
      if (textOf(bytes) === undefined) return { why: 'corrupt' }
      return this.#acceptPlaintext ? undefined : { why: 'plain' }
    }
    if (this.#keyring?.keyOf(bytes) === undefined && keyIdOf(bytes) !== undefined) {
      return sealedWith(keyIdOf(bytes))
    }
    try {
      await this.#sealing.open(bytes, context)
      return undefined
    } catch (error) {
      if (isUnreadable(error)) return { why: 'notOpened' }
      throw error
    }
  }

  /** How far this process has used each key; empty with custom sealing. */
  usage(): KeyUsage[] {
    return this.#keyring?.usage() ?? []
  }

  #opened(bytes: Buffer, context: SealContext, plaintext: Buffer): string {
    const text = restore(plaintext)
    this.#memo.set(bytes, context, text)
    return text
  }

  #plain(bytes: Buffer): string {
    if (!this.#acceptPlaintext) throw unreadableRecord()
    const text = textOf(bytes)
    // A damaged record must not become a token.
    if (text === undefined) throw unreadableRecord()
    return text
  }
}
