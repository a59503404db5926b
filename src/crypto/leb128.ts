import { unreadableRecord } from '../leaves/errors.js'

/** The longest number that is read: three digits of 7 bits. */
const MAX_DIGITS = 3

/** Appends a number as LEB128: 7 bits a byte, lowest first, the highest bit set in all but the last. */
export function pushNumber(bytes: number[], value: number): void {
  let left = value
  for (; left > 127; left >>>= 7) bytes.push((left & 127) | 128)
  bytes.push(left)
}

/** Reads LEB128 numbers one after the other. Throws `UNREADABLE_RECORD` where none is. */
export class NumberReader {
  readonly #bytes: Buffer
  /** Where the next number begins. */
  at: number

  constructor(bytes: Buffer, at: number) {
    this.#bytes = bytes
    this.at = at
  }

  next(): number {
    let value = 0
    for (let digit = 0; digit < MAX_DIGITS; digit++) {
      const byte = this.#bytes[this.at++]
      if (byte === undefined) break
      value |= (byte & 127) << (7 * digit)
      if (byte < 128) return value
    }
    throw unreadableRecord()
  }
}
