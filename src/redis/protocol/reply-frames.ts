// As much as Redis sends, and more; what is beyond would cost this process its memory or its stack before ioredis gives a reply.
/** Redis' own limit of a string, `proto-max-bulk-len`. */
const MAX_STRING_BYTES = 512 * 1024 * 1024
/** Redis answers a step of a scan or a Cluster's slots by some thousands. */
const MAX_ELEMENTS = 1 << 20
const MAX_DEPTH = 8
/** A status, a number, an error. */
const MAX_LINE_BYTES = 64 * 1024

const CR = 13
const LF = 10
const MINUS = 45
const ZERO = 48
const NINE = 57
const STRING = 36 // $
const LIST = 42 // *
const STATUS = 43 // +
const ERROR = 45 // -
const INTEGER = 58 // :
/** The type of the record (RFC 8446 section 5.1). */
const TLS_ALERT = 21

/** What came is no RESP2, or more than Redis ever sends. */
export class UnreadableReplies extends Error {
  /** Whether it was a message of TLS, to one who does not speak it. */
  readonly isTls: boolean

  constructor(bytes?: Uint8Array) {
    super('a reply that cannot be read')
    this.isTls = bytes?.[0] === TLS_ALERT
  }
}

/**
 * Follows the frames of one connection and stops before what ioredis' parser must not see: lists that it would make at once
 * at whatever length is announced, nesting that it would follow by recursion, lines that it would read anew with every
 * packet. The bytes of strings are passed over.
 */
export class ReplyFrames {
  /** What is read: 0: the type of the next frame. */
  #type = 0
  #number = 0
  #isNegative = false
  #lineBytes = 0
  #isAtLineFeed = false
  /** Bytes of a string, and its line's end, that are yet to come. */
  #toSkip = 0
  /** How many elements each open list still lacks, the innermost last. */
  readonly #open: number[] = []

  /** To be called with all that comes, in its order. @throws UnreadableReplies */
  check(bytes: Uint8Array): void {
    let at = 0
    while (at < bytes.length) at = this.#step(bytes, at)
  }

  /** Reads on from `at`; returns where to go on. */
  #step(bytes: Uint8Array, at: number): number {
    if (this.#toSkip > 0) return this.#skip(bytes, at)
    if (this.#isAtLineFeed) return this.#endLine(bytes[at] as number, at)
    if (this.#type === 0) {
      this.#begin(bytes[at] as number)
      return at + 1
    }
    return this.#hasLength ? this.#readLength(bytes, at) : this.#readLine(bytes, at)
  }

  get #hasLength(): boolean {
    return this.#type === STRING || this.#type === LIST
  }

  #skip(bytes: Uint8Array, at: number): number {
    const skipped = Math.min(this.#toSkip, bytes.length - at)
    this.#toSkip -= skipped
    if (this.#toSkip === 0) this.#complete()
    return at + skipped
  }

  /** ioredis' parser takes any byte for the line feed, and would go on elsewhere than this. */
  #endLine(byte: number, at: number): number {
    if (byte !== LF) throw new UnreadableReplies()
    this.#isAtLineFeed = false
    if (this.#hasLength) this.#beginBody()
    else this.#complete()
    return at + 1
  }

  #begin(type: number): void {
    if (type !== STRING && type !== STATUS && type !== INTEGER && type !== LIST && type !== ERROR) {
      throw new UnreadableReplies()
    }
    this.#type = type
    this.#number = 0
    this.#isNegative = false
    this.#lineBytes = 0
  }

  #readLength(bytes: Uint8Array, start: number): number {
    let at = start
    let number = this.#number
    while (at < bytes.length) {
      const byte = bytes[at] as number
      at += 1
      if (byte >= ZERO && byte <= NINE) {
        number = number * 10 + (byte - ZERO)
        if (number > MAX_STRING_BYTES) throw new UnreadableReplies()
      } else if (byte === CR) {
        this.#number = number
        this.#isAtLineFeed = true
        return at
      } else if (byte === MINUS && number === 0) {
        this.#isNegative = true
      } else {
        throw new UnreadableReplies()
      }
    }
    this.#number = number
    this.#countLine(at - start)
    return at
  }

  #beginBody(): void {
    const number = this.#number
    if (this.#isNegative) {
      // -1 is nil; others are none of Redis'.
      if (number !== 1) throw new UnreadableReplies()
      this.#complete()
    } else if (this.#type === STRING) {
      this.#toSkip = number + 2
    } else if (number === 0) {
      this.#complete()
    } else {
      if (number > MAX_ELEMENTS || this.#open.length === MAX_DEPTH) throw new UnreadableReplies()
      this.#open.push(number)
      this.#type = 0
    }
  }

  #readLine(bytes: Uint8Array, start: number): number {
    const lineEnd = bytes.indexOf(CR, start)
    this.#isAtLineFeed = lineEnd !== -1
    const end = lineEnd === -1 ? bytes.length : lineEnd
    this.#countLine(end - start)
    return this.#isAtLineFeed ? end + 1 : end
  }

  #countLine(bytes: number): void {
    this.#lineBytes += bytes
    if (this.#lineBytes > MAX_LINE_BYTES) throw new UnreadableReplies()
  }

  /** A frame has ended, and with it maybe the lists that it is the last element of. */
  #complete(): void {
    this.#type = 0
    const open = this.#open
    while (open.length > 0) {
      const missing = (open[open.length - 1] as number) - 1
      open[open.length - 1] = missing
      if (missing > 0) return
      open.pop()
    }
  }
}
