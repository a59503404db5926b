import { RedisOAuthDatabaseError } from '../../leaves/errors.js'

/** Sends one reading command each, past all batches. Their replies are checked: as many values as keys, in their order. */
export interface Reads<T> {
  get(key: string): Promise<T | null>
  mget(keys: string[]): Promise<readonly (T | null)[]>
  exists(keys: string[]): Promise<number>
}

/** Who waits for the value of a key. */
interface Reader<T> {
  readonly key: string
  resolve(value: T | null): void
  reject(error: unknown): void
  /** Of the same batch. */
  next: Reader<T> | undefined
}

/**
 * Not an object literal: those of a place where they often live for as long as an answer takes are made in old space by V8,
 * and keep their value alive there when they are dead.
 */
class Read<T> implements Reader<T> {
  readonly key: string
  readonly promise: Promise<T | null>
  resolve!: (value: T | null) => void
  reject!: (error: unknown) => void
  next: Reader<T> | undefined

  constructor(key: string) {
    this.key = key
    this.promise = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
  }
}

/** Reads that leave together. A list, and no Map by key: to hash the keys, only to ask for equal ones once, took an eighth of a read. */
class Batch<T> {
  size = 0
  #first: Reader<T> | undefined
  #last: Reader<T> | undefined

  add(reader: Reader<T>): void {
    reader.next = undefined
    if (this.#last === undefined) this.#first = reader
    else this.#last.next = reader
    this.#last = reader
    this.size += 1
  }

  /** In their order. `visit` may add the reader to another batch; then this one has come to its end. */
  each(visit: (reader: Reader<T>, index: number) => void): void {
    let index = 0
    for (let reader = this.#first; reader !== undefined; index += 1) {
      const { next } = reader
      visit(reader, index)
      reader = next
    }
  }

  keys(): string[] {
    const keys: string[] = []
    this.each(({ key }) => keys.push(key))
    return keys
  }
}

/** Of `getAll`, in one command. Measured: with more, Redis waits for this process and this process for Redis, in turns. */
const MAX_KEYS = 32

/**
 * Joins the reads that have not been sent yet to one `MGET`. A read that has been sent is never joined: it may have been answered before a
 * write that is acknowledged by now.
 */
export class ReadBatch<T extends string | Buffer> {
  readonly #reads: Reads<T>
  readonly #slotOf: (key: string) => number
  /**
   * Replaced, and never cleared: what a Map leaves behind when it is cleared or grows refers to what it has become. Once one such piece is
   * in old space, all that follow survive there, with what they hold.
   */
  #slots = new Map<number, Batch<T>>()
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

  /**
   * Puts a read off until `flush`, or until so many of its slot leave together.
   * @param most - how many keys one command has at most
   */
  get(key: string, most: number): Promise<T | null> {
    const slot = this.#slotOf(key)
    const batch = batchOf(slot, this.#slots)
    const read = new Read<T>(key)
    batch.add(read)
    this.#size += 1
    if (batch.size >= most) {
      this.#size -= batch.size
      if (this.#slots.size === 1) this.#slots = new Map()
      else this.#slots.delete(slot)
      this.#sendAll(batch)
    }
    return read.promise
  }

  /** The values of the keys, in their order; sent at once, and without a promise a key. */
  getAll(keys: readonly string[]): Promise<(T | null)[]> {
    if (keys.length === 0) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      const values = new Array<T | null>(keys.length).fill(null)
      let missing = keys.length
      const readerAt = (key: string, index: number): Reader<T> => ({
        key,
        resolve: (value) => {
          values[index] = value
          missing -= 1
          if (missing === 0) resolve(values)
        },
        reject,
        next: undefined,
      })
      const slots = new Map<number, Batch<T>>()
      for (const [index, key] of keys.entries()) {
        const slot = this.#slotOf(key)
        const batch = batchOf(slot, slots)
        batch.add(readerAt(key, index))
        if (batch.size === MAX_KEYS) {
          slots.delete(slot)
          this.#sendAll(batch)
        }
      }
      for (const batch of slots.values()) this.#sendAll(batch)
    })
  }

  /** Sends what has been put off. */
  flush(): void {
    if (this.#slots.size === 0) return
    const slots = this.#slots
    this.#slots = new Map()
    this.#size = 0
    for (const batch of slots.values()) this.#sendAll(batch)
  }

  #sendAll(batch: Batch<T>): void {
    if (batch.size === 1 || !this.#mayMget) {
      batch.each((reader) => this.#sendOne(reader))
      return
    }
    this.#reads.mget(batch.keys()).then(
      (values) => this.#answer(batch, values),
      (error: unknown) => this.#refuse(batch, error),
    )
  }

  #sendOne({ key, resolve, reject }: Reader<T>): void {
    this.#reads.get(key).then(resolve, reject)
  }

  #answer(batch: Batch<T>, values: readonly (T | null)[]): void {
    const absent = new Batch<T>()
    batch.each((reader, index) => {
      const value = values[index] ?? null
      if (value === null) absent.add(reader)
      else reader.resolve(value)
    })
    if (absent.size > 0) this.#confirm(absent)
  }

  /** `MGET` gives nil as well for a key of another type, which `GET` refuses: nobody may take that for "no token". */
  #confirm(absent: Batch<T>): void {
    this.#reads.exists(absent.keys()).then(
      (count) => {
        absent.each(({ key, resolve, reject }) => {
          if (count === 0) resolve(null)
          // What is there by now was written later: only an error says something of the time of the read.
          else this.#reads.get(key).then(() => resolve(null), reject)
        })
      },
      (error: unknown) => this.#refuse(absent, error),
    )
  }

  #refuse(batch: Batch<T>, error: unknown): void {
    const code = error instanceof RedisOAuthDatabaseError ? error.code : undefined
    // A user who may GET need not be allowed to MGET; or only some of the keys are forbidden.
    if (code === 'PERMISSION_DENIED') this.#mayMget = false
    // Or they are in two places, while their slot moves.
    if (code !== 'PERMISSION_DENIED' && code !== 'CLUSTER_DOWN') rejectAll(batch, error)
    else batch.each((reader) => this.#sendOne(reader))
  }
}

function batchOf<T>(slot: number, slots: Map<number, Batch<T>>): Batch<T> {
  let batch = slots.get(slot)
  if (batch === undefined) {
    batch = new Batch()
    slots.set(slot, batch)
  }
  return batch
}

/** Each with an error of its own: a caller may change it, and its stack is written to. */
function rejectAll<T>(batch: Batch<T>, error: unknown): void {
  batch.each(({ reject }) => {
    reject(
      error instanceof RedisOAuthDatabaseError
        ? new RedisOAuthDatabaseError(error.code, error.message, { cause: error.cause })
        : error,
    )
  })
}
