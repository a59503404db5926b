import { monotonicMs } from '../leaves/clock.js'
import type { SealContext } from './sealing.js'

interface Opened {
  readonly kind: string
  /** As Latin-1, because the header of a Buffer alone takes more memory than these bytes. */
  readonly sealed: string
  readonly text: string
  readonly bytes: number
}

/** The overhead of an entry: two objects, the headers of two strings and a place in the map. */
const ENTRY_OVERHEAD_BYTES = 256
/** After this time a generation is replaced, however full it is. */
const GENERATION_MS = 300_000
/** The overhead of a key that was seen once. */
const SEEN_OVERHEAD_BYTES = 64
const MAX_SEEN_ONCE = 4096
const MAX_SEEN_ONCE_BYTES = 1_048_576

/**
 * Remembers the text of sealed bytes, so that a record which is read again unchanged is not decrypted again. Reads stay
 * exact: only the very same bytes of the same kind under the same key match.
 *
 * Entries live in two generations of half the size each. When the young one is full or five minutes old, it becomes the old one,
 * and the old one is dropped. Entries that are used move to the young one. So unused entries are gone after ten minutes. Once there
 * is an old generation, only records that are opened twice are added: adding one costs about as much as opening it, and a walk over
 * all records must not evict those in use. A list ordered by last use instead of generations made hits twice as slow, and a
 * `RecentMap` has no order by use.
 */
export class OpenedMemo {
  readonly #maxGenerationBytes: number
  readonly #now: () => number
  #young = new Map<string, Opened>()
  #old = new Map<string, Opened>()
  #youngBytes = 0
  #youngSince: number
  readonly #seenOnce = new Set<string>()
  #seenOnceBytes = 0

  /** `maxBytes` bounds the memory of both generations; 0 remembers nothing. */
  constructor(maxBytes: number, now: () => number = monotonicMs) {
    this.#maxGenerationBytes = maxBytes / 2
    this.#now = now
    this.#youngSince = now()
  }

  get(sealed: Buffer, context: SealContext): string | undefined {
    if (this.#now() - this.#youngSince >= GENERATION_MS) {
      this.#turn()
      this.#forgetSeen()
    }
    const young = this.#young.get(context.redisKey)
    const opened = young ?? this.#old.get(context.redisKey)
    if (
      opened === undefined ||
      opened.kind !== context.kind ||
      opened.sealed !== sealed.toString('latin1')
    ) {
      return undefined
    }
    if (young === undefined) {
      this.#old.delete(context.redisKey)
      this.#keep(context.redisKey, opened)
    }
    return opened.text
  }

  set(sealed: Buffer, context: SealContext, text: string): void {
    const bytes = ENTRY_OVERHEAD_BYTES + sealed.length + 2 * (text.length + context.redisKey.length)
    if (bytes > this.#maxGenerationBytes) return
    const isHeld = this.#young.has(context.redisKey) || this.#old.has(context.redisKey)
    if (this.#old.size > 0 && !isHeld && !this.#wasSeen(context.redisKey)) return
    this.#old.delete(context.redisKey)
    this.#keep(context.redisKey, {
      kind: context.kind,
      sealed: sealed.toString('latin1'),
      text,
      bytes,
    })
  }

  #wasSeen(key: string): boolean {
    const bytes = SEEN_OVERHEAD_BYTES + 2 * key.length
    if (this.#seenOnce.delete(key)) {
      this.#seenOnceBytes -= bytes
      return true
    }
    const isFull =
      this.#seenOnce.size === MAX_SEEN_ONCE || this.#seenOnceBytes + bytes > MAX_SEEN_ONCE_BYTES
    if (isFull) this.#forgetSeen()
    if (bytes > MAX_SEEN_ONCE_BYTES) return false
    this.#seenOnce.add(key)
    this.#seenOnceBytes += bytes
    return false
  }

  #forgetSeen(): void {
    this.#seenOnce.clear()
    this.#seenOnceBytes = 0
  }

  #keep(key: string, opened: Opened): void {
    this.#youngBytes -= this.#young.get(key)?.bytes ?? 0
    if (this.#youngBytes + opened.bytes > this.#maxGenerationBytes) {
      this.#young.delete(key)
      this.#turn()
    }
    this.#young.set(key, opened)
    this.#youngBytes += opened.bytes
  }

  #turn(): void {
    this.#old = this.#young
    this.#young = new Map()
    this.#youngBytes = 0
    this.#youngSince = this.#now()
  }
}
