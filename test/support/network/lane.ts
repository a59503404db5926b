import type { Socket } from 'node:net'

/** What a proxy does at present to the bytes of one direction. */
export interface LaneConditions {
  stalled: boolean
  delayMs: number
  /** How much later the first bytes of a connection come. */
  firstDelayMs: number
}

interface Parcel {
  /** `undefined` is the end of the stream. */
  bytes: Buffer | undefined
  dueAt: number
}

/** One direction of one connection. It delivers bytes, and the stream's end, in order, and late if the conditions say so. */
export class Lane {
  #to: Socket
  #conditions: LaneConditions
  #queue: Parcel[] = []
  #ended = false
  /** When the first bytes may come; nothing overtakes them. */
  #opensAt: number | undefined

  constructor(to: Socket, conditions: LaneConditions) {
    this.#to = to
    this.#conditions = conditions
  }

  write(bytes: Buffer): void {
    if (bytes.length > 0) this.#enqueue(bytes)
  }

  end(): void {
    if (this.#ended) return
    this.#ended = true
    this.#enqueue(undefined)
  }

  #enqueue(bytes: Buffer | undefined): void {
    this.#opensAt ??= performance.now() + this.#conditions.firstDelayMs
    this.#queue.push({ bytes, dueAt: performance.now() + this.#conditions.delayMs })
    this.flush()
  }

  /** Delivers what is due. */
  flush(): void {
    while (!this.#conditions.stalled) {
      const first = this.#queue[0]
      if (first === undefined) return
      const dueAt = this.#conditions.delayMs === 0 ? 0 : first.dueAt
      const waitMs = Math.max(dueAt, this.#opensAt ?? 0) - performance.now()
      if (waitMs > 0) {
        setTimeout(() => this.flush(), waitMs)
        return
      }
      this.#queue.shift()
      if (first.bytes === undefined) this.#to.end()
      else if (this.#to.writable) this.#to.write(first.bytes)
    }
  }
}
