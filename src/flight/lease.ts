import { randomBytes } from 'node:crypto'

/**
 * Leases: one owner a name. Every call is one atomic round trip and harmless when sent twice: a resent `acquire`
 * finds its own owner and counts as acquired.
 */
export interface LeaseStore {
  acquire(name: string, owner: string, leaseMs: number): Promise<boolean>
  /** False: the lease is another's, or nobody's, by now. */
  renew(name: string, owner: string, leaseMs: number): Promise<boolean>
  /** Compare-and-delete, then wakes the waiters of every process, in one script. */
  release(name: string, owner: string): Promise<boolean>
  /** Calls `listener` when `name` is released. Resolves once subscribed, with what unsubscribes. */
  watch(name: string, listener: () => void): Promise<() => void>
}

export interface LeaseTerms {
  /** How long the lease outlives a holder that died; renewed at a third of it. Milliseconds. */
  leaseMs: number
  /** How long the lease is renewed at most. Milliseconds. */
  maxHoldMs: number
}

export function newOwner(): string {
  return randomBytes(16).toString('base64url')
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

/** A lease that this process holds. Made by {@link acquireLease}. */
export class Lease {
  readonly #store: LeaseStore
  readonly #name: string
  readonly #owner: string
  readonly #terms: LeaseTerms
  readonly #acquiredAt: number
  readonly #lost = new AbortController()
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
    this.#acquiredAt = acquiredAt
    this.#heldUntil(acquiredAt + terms.leaseMs)
    this.#renewIn(terms.leaseMs / 3)
  }

  /** Aborts when the lease ended before its release: from then on another may be at work too. */
  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Gives the lease back. Never rejects. */
  async release(): Promise<void> {
    this.#stop()
    try {
      await this.#store.release(this.#name, this.#owner)
    } catch {
      // It runs out by itself.
    }
  }

  #stop(): void {
    this.#released = true
    clearTimeout(this.#renewal)
    clearTimeout(this.#expiry)
  }

  #lose(): void {
    this.#stop()
    this.#lost.abort()
  }

  #heldUntil(time: number): void {
    clearTimeout(this.#expiry)
    this.#expiry = setTimeout(() => this.#lose(), time - performance.now())
    this.#expiry.unref()
  }

  #renewIn(ms: number): void {
    this.#renewal = setTimeout(() => {
      void this.#renew()
    }, ms)
    this.#renewal.unref()
  }

  async #renew(): Promise<void> {
    const sentAt = performance.now()
    const budgetMs = this.#acquiredAt + this.#terms.maxHoldMs - sentAt
    const leaseMs = Math.max(1, Math.ceil(Math.min(this.#terms.leaseMs, budgetMs)))
    let renewed: boolean | 'unknown'
    try {
      renewed = await this.#store.renew(this.#name, this.#owner, leaseMs)
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
