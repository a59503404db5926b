import type { SealContext } from './sealing.js'

interface Opened {
  readonly kind: string
  readonly sealed: Buffer
  readonly text: string
  readonly bytes: number
}

/** What an entry costs beside its bytes and characters: two objects, a buffer's header and a place in the map. */
const ENTRY_OVERHEAD_BYTES = 256

/**
 * Remembers what sealed bytes said, so that a record which is read again unchanged is not decrypted again. Reads stay
 * exact: only the very same bytes of the same kind under the same key are recognised.
 *
 * Entries live in two generations of half the size each. A full young one becomes the old one, and the old one is
 * dropped; what is used meanwhile moves to the young one.
 */
export class OpenedMemo {
  readonly #maxGenerationBytes: number
  #young = new Map<string, Opened>()
  #old = new Map<string, Opened>()
  #youngBytes = 0

  /** `maxBytes` bounds the memory of both generations; 0 remembers nothing. */
  constructor(maxBytes: number) {
    this.#maxGenerationBytes = maxBytes / 2
  }

  get(sealed: Buffer, context: SealContext): string | undefined {
    const young = this.#young.get(context.key)
    const opened = young ?? this.#old.get(context.key)
    if (opened === undefined || opened.kind !== context.kind || !opened.sealed.equals(sealed)) {
      return undefined
    }
    if (young === undefined) {
      this.#old.delete(context.key)
      this.#keep(context.key, opened)
    }
    return opened.text
  }

  set(sealed: Buffer, context: SealContext, text: string): void {
    const bytes = ENTRY_OVERHEAD_BYTES + sealed.length + 2 * (text.length + context.key.length)
    if (bytes > this.#maxGenerationBytes) return
    // A copy, since what comes from the wire is a slice that would keep its whole packet alive.
    const copy = Buffer.allocUnsafeSlow(sealed.length)
    copy.set(sealed)
    this.#old.delete(context.key)
    this.#keep(context.key, { kind: context.kind, sealed: copy, text, bytes })
  }

  #keep(key: string, opened: Opened): void {
    this.#youngBytes -= this.#young.get(key)?.bytes ?? 0
    if (this.#youngBytes + opened.bytes > this.#maxGenerationBytes) {
      this.#young.delete(key)
      this.#old = this.#young
      this.#young = new Map()
      this.#youngBytes = 0
    }
    this.#young.set(key, opened)
    this.#youngBytes += opened.bytes
  }
}
