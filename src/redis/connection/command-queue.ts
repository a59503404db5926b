import type { TrackedCommand } from '../driver/command.js'

/** How long commands may wait, in milliseconds. */
export interface TimeLimits {
  /** Until there is the first connection. */
  readonly connectionTimeout: number
  /** From then on. */
  readonly commandTimeout: number
}

/** Of its time to live, a command that has waited for more is slow. */
const SLOW_SHARE = 1 / 2
/** While the oldest is slow, it is looked at again after this share. */
const LOOK_SHARE = 1 / 8

/** The attempt to connect has as long, and ends before those that wait for it: it can say why. */
const REASON_MS = 50

/**
 * The commands without an answer, oldest first, and the one timer that ends them. At any time all have the same time to
 * live, so the oldest is always the next to expire: no timer a command, and O(1) to add and to remove.
 */
export class CommandQueue {
  readonly #commandTimeout: number
  #lifetimeMs: number
  readonly #expire: (command: TrackedCommand) => void
  #oldest: TrackedCommand | undefined
  #newest: TrackedCommand | undefined
  #timer: NodeJS.Timeout | undefined
  #operations = 0
  #addedAtMs = 0
  #whenEmpty: (() => void)[] = []
  #slowAtMs = Number.NEGATIVE_INFINITY

  /** @param expire - must settle the command, which removes it */
  constructor(
    { connectionTimeout, commandTimeout }: TimeLimits,
    expire: (command: TrackedCommand) => void,
  ) {
    this.#lifetimeMs = connectionTimeout + REASON_MS
    this.#commandTimeout = commandTimeout
    this.#expire = expire
  }

  /** To be called when there is the first connection: the time of those that waited for it begins now. */
  connected(): void {
    const deadlineMs = performance.now() + this.#commandTimeout
    this.#lifetimeMs = this.#commandTimeout
    this.forEach((command) => {
      command.deadlineMs = deadlineMs
    })
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (!this.isEmpty) this.#arm(this.#lifetimeMs * SLOW_SHARE)
  }

  add(command: TrackedCommand): void {
    this.#addedAtMs = performance.now()
    command.deadlineMs = this.#addedAtMs + this.#lifetimeMs
    command.previous = this.#newest
    if (this.#newest === undefined) {
      this.#oldest = command
      // While a command waits, the process must live until it settles, even when no socket is open.
      if (this.#timer === undefined) this.#arm(this.#lifetimeMs * SLOW_SHARE)
      else this.#timer.ref()
    } else {
      this.#newest.next = command
    }
    this.#newest = command
    this.#operations += command.operations
  }

  remove(command: TrackedCommand): void {
    const { previous, next } = command
    this.#operations -= command.operations
    if (previous === undefined) this.#oldest = next
    else previous.next = next
    if (next === undefined) this.#newest = previous
    else next.previous = previous
    command.previous = undefined
    command.next = undefined
    if (this.#oldest === undefined) {
      this.#timer?.unref()
      if (this.#whenEmpty.length > 0) for (const resolve of this.#whenEmpty.splice(0)) resolve()
    }
  }

  /** Calls `visit` with each, oldest first; it may settle the one that it is given. */
  forEach(visit: (command: TrackedCommand) => void): void {
    let command = this.#oldest
    while (command !== undefined) {
      const { next } = command
      visit(command)
      command = next
    }
  }

  /** How many operations they stand for: an `MGET` is as many as it has keys. */
  get operations(): number {
    return this.#operations
  }

  /** When a command was last seen to have waited for more than half of its time, by `performance.now()`. */
  get slowAtMs(): number {
    return this.#slowAtMs
  }

  /** When the newest was added, by `performance.now()`. */
  get addedAtMs(): number {
    return this.#addedAtMs
  }

  get isEmpty(): boolean {
    return this.#oldest === undefined
  }

  /** Resolves once nothing waits. */
  async drained(): Promise<void> {
    if (this.isEmpty) return
    await new Promise<void>((resolve) => this.#whenEmpty.push(resolve))
  }

  /** Takes the timer down; only when nothing waits. */
  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(ms: number): void {
    // After the sockets were read: an answer that came while this process was busy, or asleep, counts.
    this.#timer = setTimeout(() => setImmediate(() => this.#check()), ms)
  }

  #check(): void {
    this.#timer = undefined
    const now = performance.now()
    while (this.#oldest !== undefined && this.#oldest.deadlineMs <= now) this.#expire(this.#oldest)
    if (this.#oldest === undefined) return
    const leftMs = this.#oldest.deadlineMs - now
    const untilSlowMs = leftMs - this.#lifetimeMs * SLOW_SHARE
    if (untilSlowMs <= 0) this.#slowAtMs = now
    const nextMs = untilSlowMs > 0 ? untilSlowMs : this.#lifetimeMs * LOOK_SHARE
    this.#arm(Math.ceil(Math.min(leftMs, nextMs)))
  }
}
