import { randomBytes } from 'node:crypto'

/**
 * Leases: one owner a name. Every call is one atomic round trip and harmless when sent twice: a resent `acquire`
 * finds its own owner and counts as acquired.
 *
 * A mark says that the owner is about to do what cannot be done twice. It outlives the lease, so that who takes over knows.
 */
export interface LeaseStore {
  acquire(name: string, owner: string, leaseMs: number): Promise<boolean>
  /**
   * Takes back a lease that nobody holds, or whose new owner has not marked while `mark` stands. Where no mark stands, `mark` was lost:
   * it is written again for `markMs`, and counts as standing, unless that is 0. False: the lease is another's.
   */
  renew(
    name: string,
    owner: string,
    leaseMs: number,
    mark?: string,
    markMs?: number,
  ): Promise<boolean>
  /**
   * Prolongs the lease as `renew` does, and writes `mark` unless another's stands there that is not `awaited`. Gives the mark
   * that stands now, or null where the lease is another's.
   */
  mark(
    name: string,
    owner: string,
    leaseMs: number,
    mark: string,
    markMs: number,
    awaited?: string,
  ): Promise<string | null>
  /** Clears the mark and the lease, where they are the owner's, then wakes the waiters of every process, in one script. */
  release(name: string, owner: string, mark?: string): Promise<boolean>
  /** Calls `listener` when `name` is released. Resolves once subscribed, with what unsubscribes. */
  watch(name: string, listener: () => void): Promise<() => void>
}

export interface LeaseTerms {
  /** How long the lease outlives a holder that died; renewed at a third of it. Milliseconds. */
  leaseMs: number
  /** How long the lease is renewed at most, from its acquisition or its last mark on. Milliseconds. */
  maxHoldMs: number
}

/** Of leases, and of marks, which begin with their owner's name and end with the milliseconds that others wait. */
const FORMAT = 1

export function newOwner(): string {
  return `${FORMAT} ${randomBytes(16).toString('base64url')}`
}

/** Takes the lease unless another holds it; the lease renews itself until it is released or lost. */
export async function acquireLease(
  store: LeaseStore,
  name: string,
  terms: LeaseTerms,
): Promise<Lease | null> {
  const owner = newOwner()
  const sentAt = performance.now()
  try {
    if (!(await store.acquire(name, owner, terms.leaseMs))) return null
  } catch (error) {
    // The command may run yet, or have run without its reply: this one follows it on the same connection, so
    // that nobody has to wait for a lease without a holder.
    store.release(name, owner).catch(() => undefined)
    throw error
  }
  return new Lease(store, name, owner, terms, sentAt)
}

/** How the owner of a lease marks what it is about to do. */
export interface MarkTerms {
  /** How long the mark stands unless its owner clears it: as long as what it marks may last. Milliseconds. */
  readonly markMs: number
  /** How long others wait for its owner before they do the same. Milliseconds. */
  readonly waitMs: number
}

/** A mark of another owner. */
export interface StandingMark {
  readonly text: string
  /** How long its owner asks others to wait. Milliseconds. */
  readonly waitMs: number
}

/** What became of an attempt to mark. `lost`: the lease is another's. */
export type Marking = 'marked' | 'lost' | StandingMark

/** A lease that this process holds. Made by {@link acquireLease}. */
export class Lease {
  readonly #store: LeaseStore
  readonly #name: string
  readonly #owner: string
  readonly #terms: LeaseTerms
  /** Since when it is renewed for `maxHoldMs`: its acquisition, or its last mark. */
  #keptSinceMs: number
  readonly #lost = new AbortController()
  #heldUntilMs = 0
  #mark = ''
  /** 0 until it is known to have been written. */
  #markMs = 0
  #released = false
  #renewal: ReturnType<typeof setTimeout> | undefined
  #expiry: ReturnType<typeof setTimeout> | undefined

  /** Times are of `performance.now()`: the wall clock may jump. */
  constructor(
    store: LeaseStore,
    name: string,
    owner: string,
    terms: LeaseTerms,
    acquiredAt: number,
  ) {
    this.#store = store
    this.#name = name
    this.#owner = owner
    this.#terms = terms
    this.#keptSinceMs = acquiredAt
    this.#heldUntil(acquiredAt + terms.leaseMs)
    this.#renewIn(terms.leaseMs / 3)
  }

  /** Aborts when the lease ended before its release: from then on another may be at work too. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Whether the lease is this process' now, by the clock: a timer may be late, after a stall. */
  get isHeld(): boolean {
    return performance.now() < this.#heldUntilMs
  }

  /**
   * Marks, in the same step in which it makes sure of the lease. Another's mark is given back, unless it is the one that was
   * `awaited`. One round trip.
   */
  async mark({ markMs, waitMs }: MarkTerms, awaited?: StandingMark): Promise<Marking> {
    const { leaseMs } = this.#terms
    const mark = `${this.#owner} ${waitMs}`
    const sentAt = performance.now()
    // From here on it may stand, whether a reply comes or not.
    this.#mark = mark
    const standing = await this.#store.mark(
      this.#name,
      this.#owner,
      leaseMs,
      mark,
      markMs,
      awaited?.text,
    )
    if (standing === null) {
      this.#lose()
      return 'lost'
    }
    this.#heldUntil(sentAt + leaseMs)
    if (standing !== mark) return { text: standing, waitMs: waitMsOf(standing) }
    this.#markMs = markMs
    // What is marked takes its time, however long its turn was waited for.
    this.#keptSinceMs = sentAt
    if (!this.#released) this.#renewIn(leaseMs / 3)
    return 'marked'
  }

  /** Clears the mark and gives the lease back. Never rejects. */
  async release(): Promise<void> {
    this.#released = true
    clearTimeout(this.#renewal)
    clearTimeout(this.#expiry)
    try {
      await this.#store.release(this.#name, this.#owner, this.#mark)
    } catch {
      // They run out by themselves.
    }
  }

  #lose(): void {
    this.#heldUntilMs = 0
    clearTimeout(this.#expiry)
    this.#lost.abort()
  }

  #heldUntil(time: number): void {
    this.#heldUntilMs = time
    clearTimeout(this.#expiry)
    this.#expiry = setTimeout(() => this.#lose(), time - performance.now())
    this.#expiry.unref()
  }

  #renewIn(ms: number): void {
    clearTimeout(this.#renewal)
    this.#renewal = setTimeout(() => {
      void this.#renew()
    }, ms)
    this.#renewal.unref()
  }

  /** Goes on after the lease has run out, for as long as nobody else is known to have it: then it can be had back. */
  async #renew(): Promise<void> {
    const sentAt = performance.now()
    const budgetMs = this.#keptSinceMs + this.#terms.maxHoldMs - sentAt
    if (budgetMs <= 0) return
    const leaseMs = Math.max(1, Math.ceil(Math.min(this.#terms.leaseMs, budgetMs)))
    let renewed: boolean | 'unknown'
    try {
      renewed = await this.#store.renew(this.#name, this.#owner, leaseMs, this.#mark, this.#markMs)
    } catch {
      renewed = 'unknown'
    }
    if (this.#released) return
    if (renewed === false) return this.#lose()
    if (renewed === true) this.#heldUntil(sentAt + leaseMs)
    // The last renewal is the one that reaches to the end of the budget.
    if (renewed === true && budgetMs <= this.#terms.leaseMs) return
    this.#renewIn(renewed === true ? leaseMs / 3 : leaseMs / 10)
  }
}

/** For a mark of another format all wait as for their own. */
function waitMsOf(mark: string): number {
  const [format, , waitMs] = mark.split(' ')
  return format === String(FORMAT) && /^\d{1,9}$/.test(waitMs ?? '') ? Number(waitMs) : 0
}
