import { RedisOAuthDatabaseError } from '../../leaves/errors.js'

/** Sends one reading command each, past all batches. Their replies are checked: as many values as keys, in their order. */
export interface Reads<T> {
  get(key: string): Promise<T | null>
  mget(keys: string[]): Promise<readonly (T | null)[]>
  exists(keys: string[]): Promise<number>
}

/** Who waits for the value of a key. */
interface Reader<T> {
  resolve(value: T | null): void
  reject(error: unknown): void
}

/**
 * Not an object literal: those of a place where they often live for as long as an answer takes are made in old space by V8,
 * and keep their value alive there when they are dead.
 */
class Read<T> implements Reader<T> {
  readonly promise: Promise<T | null>
  resolve!: (value: T | null) => void
  reject!: (error: unknown) => void

  constructor() {
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

type Readers<T> = Map<string, Reader<T>>
type Unsent<T> = Map<string, Read<T>>

// Measured: with more, Redis waits for this process and this process for Redis, in turns.
const MAX_KEYS = 32

/**
 * Joins the reads that have not been sent yet: equal keys are asked for once, and different ones by one `MGET`. A read that
 * has been sent is never joined: it may have been answered before a write that is acknowledged by now.
 */
export class ReadBatch<T extends string | Buffer> {
  readonly #reads: Reads<T>
  readonly #slotOf: (key: string) => number
  /**
   * Made anew, and not cleared: what `clear` and growth leave of a Map refers to what follows it, and once one such piece is in old space,
   * all that come after it survive there, with what they hold.
   */
  #slots = new Map<number, Unsent<T>>()
  #mayMget = true
  #size = 0

  /** @param slotOf - which keys may stand in one command */
  constructor(reads: Reads<T>, slotOf: (key: string) => number) {
    this.#reads = reads
    this.#slotOf = slotOf
  }

  /** How many reads have been put off. */
  get size(): number {
    return this.#size
  }

  /** @param most - how many keys one command has at most */
  get(key: string, most: number = MAX_KEYS): Promise<T | null> {
    const slot = this.#slotOf(key)
    let reads = this.#slots.get(slot)
    if (reads === undefined) {
      reads = new Map()
      this.#slots.set(slot, reads)
    }
    const same = reads.get(key)
    if (same !== undefined) return same.promise
    const read = new Read<T>()
    reads.set(key, read)
    this.#size += 1
    if (reads.size >= most) {
      this.#size -= reads.size
      if (this.#slots.size === 1) this.#slots = new Map()
      else this.#slots.delete(slot)
      this.#sendAll(reads)
    }
    return read.promise
  }

  /** The values of the keys, in their order; sent at once, and without a promise a key. */
  getAll(keys: readonly string[]): Promise<(T | null)[]> {
    if (keys.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const values = new Array<T | null>(keys.length).fill(null)
      let missing = keys.length
      const readerAt = (index: number): Reader<T> => ({
        resolve: (value) => {
          values[index] = value
          missing -= 1
          if (missing === 0) resolve(values)
        },
        reject,
      })
      const slots = new Map<number, Readers<T>>()
      for (const [index, key] of keys.entries()) {
        const slot = this.#slotOf(key)
        let readers = slots.get(slot)
        // A scan may give a key twice.
        if (readers !== undefined && (readers.size === MAX_KEYS || readers.has(key))) {
          this.#sendAll(readers)
          readers = undefined
        }
        if (readers === undefined) {
          readers = new Map()
          slots.set(slot, readers)
        }
        readers.set(key, readerAt(index))
      }
      for (const readers of slots.values()) this.#sendAll(readers)
    })
  }

  /** Sends what has been put off. */
  flush(): void {
    if (this.#slots.size === 0) return
    const slots = this.#slots
    this.#slots = new Map()
    this.#size = 0
    for (const reads of slots.values()) this.#sendAll(reads)
  }

  #sendAll(reads: Readers<T>): void {
    if (reads.size === 1 || !this.#mayMget) {
      for (const [key, read] of reads) this.#sendOne(key, read)
      return
    }
    this.#reads.mget([...reads.keys()]).then(
      (values) => this.#answer(reads, values),
      (error: unknown) => this.#refuse(reads, error),
    )
  }

  #sendOne(key: string, read: Reader<T>): void {
    this.#reads.get(key).then(read.resolve, read.reject)
  }

  #answer(reads: Readers<T>, values: readonly (T | null)[]): void {
    const absent: Readers<T> = new Map()
    let index = 0
    for (const [key, read] of reads) {
      const value = values[index] ?? null
      if (value === null) absent.set(key, read)
      else read.resolve(value)
      index += 1
    }
    if (absent.size > 0) this.#confirm(absent)
  }

  /** `MGET` gives nil as well for a key of another type, which `GET` refuses: nobody may take that for "no token". */
  #confirm(absent: Readers<T>): void {
    this.#reads.exists([...absent.keys()]).then(
      (count) => {
        for (const [key, read] of absent) {
          if (count === 0) read.resolve(null)
          // What is there by now was written later: only an error says something of the time of the read.
          else this.#reads.get(key).then(() => read.resolve(null), read.reject)
        }
      },
      (error: unknown) => this.#refuse(absent, error),
    )
  }

  #refuse(reads: Readers<T>, error: unknown): void {
    const code = error instanceof RedisOAuthDatabaseError ? error.code : undefined
    // A user who may GET need not be allowed to MGET; or only some of the keys are forbidden.
    if (code === 'PERMISSION_DENIED') this.#mayMget = false
    // Or they are in two places, while their slot moves.
    if (code !== 'PERMISSION_DENIED' && code !== 'CLUSTER_DOWN') rejectAll(reads, error)
    else for (const [key, read] of reads) this.#sendOne(key, read)
  }
}

/** Each with an error of its own: a caller may change it, and its stack is written to. */
function rejectAll<T>(reads: Readers<T>, error: unknown): void {
  for (const { reject } of reads.values()) {
    reject(
      error instanceof RedisOAuthDatabaseError
        ? new RedisOAuthDatabaseError(error.code, error.message, { cause: error.cause })
        : error,
    )
  }
}
